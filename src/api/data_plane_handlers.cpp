#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "api/error_body.hpp"
#include "api/handlers.hpp"
#include "api/parameters.hpp"
#include "api/record_bodies.hpp"
#include "api/respond.hpp"
#include "base/encoding.hpp"
#include "base/json_fields.hpp"
#include "crypto/wipe_at_exit.hpp"
#include "data/data_plane.hpp"
#include "envelope/record.hpp"

namespace latchkey::api {

namespace json = boost::json;
using data::LeasedKey;

namespace {

// A decrypt may be so much larger than the encrypt it undoes: the record's own bytes in base64, and a context written
// with more escapes. Whatever was encrypted must fit when it comes back.
constexpr std::size_t kContextSlack = std::size_t{64} * 1024;
constexpr std::size_t kItemSlack = 192;

Error invalid(std::string message) {
  return Error{ErrorCode::Invalid, std::move(message)};
}

// Moves what the data plane needs out of the call; the request stays.
data::DataCall make_data_call(Call& call) {
  return {.caller = call.caller,
          .workspace_id = call.request.path_parameter("workspace_id"),
          .deadline = call.deadline,
          .confirm = std::move(call.confirm)};
}

// Handlers write these responses by hand because serialize() leaves copies of what it writes behind. Base64 and our ids
// need no escapes.
void append_item(std::string& out, std::string_view field, ByteView bytes, const data::KeyNames& names) {
  out.append("{\"").append(field).append("\":\"");
  append_base64(out, bytes);
  out.append("\",\"data_key_id\":\"").append(names.data_key_id).append("\",\"external_key_id\":");
  out.append(names.external_key_id ? json::serialize(json::string(*names.external_key_id)) : "null").append("}");
}

// What the item takes, at most, but for an external key's id.
std::size_t room_for(ByteView bytes) {
  constexpr std::size_t kFrame = 160;
  return (bytes.size() + 2) / 3 * 4 + kFrame;
}

std::string render(std::string_view field, ByteView bytes, const data::KeyNames& names) {
  std::string text;
  text.reserve(room_for(bytes));
  append_item(text, field, bytes, names);
  return text;
}

void append_error(std::string& out, const Error& error) {
  out += json::serialize(json::object{{"error", error_object(to_wire(error))}});
}

// {"results": [...]} in the order of the items. `append(out, i)` writes the result of the record of this number.
template <class Append>
http::Response render_results(const BodyRecords& body, Append append) {
  std::size_t size = 32;
  for (const auto& each : body.records) size += room_for(each.record);
  std::string text;
  text.reserve(size);
  text += "{\"results\":[";
  std::size_t record = 0;
  for (std::size_t i = 0; i < body.items(); ++i) {
    if (i > 0) text += ',';
    auto refused = body.refused.find(i);
    if (refused != body.refused.end()) {
      append_error(text, refused->second);
    } else {
      append(text, record++);
    }
  }
  text += "]}";
  return json_text_response(std::move(text));
}

// The context of a raw call: base64url of a JSON object.
Result<envelope::CanonicalContext> header_context(const http::RequestHead& head) {
  constexpr std::string_view kName = "latchkey-context";
  auto sent = head.headers.find(kName);
  if (!sent) return envelope::CanonicalContext();
  auto text = base64url_decode(*sent);
  if (!text) return invalid("latchkey-context: Input should be base64url of a JSON object, without padding");
  auto object = json_fields::parse_object(as_text(text.value()));
  if (!object) return invalid(fmt::format("latchkey-context: {}", object.error().message()));
  json::value value(std::move(object.value()));
  return read_context(&value, kName);
}

http::Response raw_response(std::string bytes, const data::KeyNames& names) {
  http::Response response;
  response.headers.add("content-type", kOctetStream);
  response.headers.add("latchkey-data-key-id", names.data_key_id);
  if (names.external_key_id) response.headers.add("latchkey-external-key-id", *names.external_key_id);
  response.body = std::move(bytes);
  return response;
}

// A raw body in its own memory, so that a large one is never copied but for moving it by the size of a header.
struct RawRecord {
  explicit RawRecord(std::string body) : bytes(std::move(body)) {}
  RawRecord(const RawRecord&) = delete;
  RawRecord& operator=(const RawRecord&) = delete;
  ~RawRecord() { crypto::wipe(bytes); }

  [[nodiscard]] data::RecordInPlace in_place() {
    return {&context, {reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()}};
  }

  std::string bytes;
  envelope::CanonicalContext context;
};

Task<Result<http::Response>> encrypt_raw(const DataPlaneParts& parts, Call call) {
  RawRecord raw(std::move(call.request.body));
  LATCHKEY_CO_TRY(raw.context, header_context(call.request));
  raw.bytes.insert(0, envelope::kRecordBodyOffset, '\0');
  raw.bytes.append(envelope::kRecordOverhead - envelope::kRecordBodyOffset, '\0');
  auto record = raw.in_place();
  auto data_call = make_data_call(call);
  LATCHKEY_CO_TRY(auto names, co_await parts.data_plane.encrypt(std::move(data_call), std::span(&record, 1)));
  co_return raw_response(std::move(raw.bytes), names);
}

Task<Result<http::Response>> decrypt_raw(const DataPlaneParts& parts, Call call) {
  RawRecord raw(std::move(call.request.body));
  LATCHKEY_CO_TRY(raw.context, header_context(call.request));
  auto record = raw.in_place();
  auto data_call = make_data_call(call);
  LATCHKEY_CO_TRY(auto results, co_await parts.data_plane.decrypt(std::move(data_call), std::span(&record, 1)));
  LATCHKEY_CO_TRY(auto names, std::move(results.front()));
  raw.bytes.resize(raw.bytes.size() - (envelope::kRecordOverhead - envelope::kRecordBodyOffset));
  raw.bytes.erase(0, envelope::kRecordBodyOffset);
  co_return raw_response(std::move(raw.bytes), *names);
}

Task<Result<http::Response>> encrypt_json(const DataPlaneParts& parts, Call call) {
  LATCHKEY_CO_TRY(auto body, read_record(call.request.body, RecordField::Plaintext));
  auto data_call = make_data_call(call);
  LATCHKEY_CO_TRY(auto names, co_await parts.data_plane.encrypt(std::move(data_call), body.records));
  co_return json_text_response(render("ciphertext", body.records.front().record, names));
}

Task<Result<http::Response>> decrypt_json(const DataPlaneParts& parts, Call call) {
  LATCHKEY_CO_TRY(auto body, read_record(call.request.body, RecordField::Ciphertext));
  auto data_call = make_data_call(call);
  LATCHKEY_CO_TRY(auto results, co_await parts.data_plane.decrypt(std::move(data_call), body.records));
  LATCHKEY_CO_TRY(auto names, std::move(results.front()));
  co_return json_text_response(render("plaintext", body.records.front().plaintext(), *names));
}

Task<Result<http::Response>> encrypt(const DataPlaneParts& parts, Call call) {
  return is_octet_stream(call.request) ? encrypt_raw(parts, std::move(call)) : encrypt_json(parts, std::move(call));
}

Task<Result<http::Response>> decrypt(const DataPlaneParts& parts, Call call) {
  return is_octet_stream(call.request) ? decrypt_raw(parts, std::move(call)) : decrypt_json(parts, std::move(call));
}

Task<Result<http::Response>> encrypt_batch(const DataPlaneParts& parts, Call call) {
  LATCHKEY_CO_TRY(auto body, read_records(call.request.body, RecordField::Plaintext));
  auto data_call = make_data_call(call);
  LATCHKEY_CO_TRY(auto names, co_await parts.data_plane.encrypt(std::move(data_call), body.records));
  co_return render_results(
      body, [&](std::string& out, std::size_t i) { append_item(out, "ciphertext", body.records[i].record, names); });
}

Task<Result<http::Response>> decrypt_batch(const DataPlaneParts& parts, Call call) {
  LATCHKEY_CO_TRY(auto body, read_records(call.request.body, RecordField::Ciphertext));
  auto data_call = make_data_call(call);
  LATCHKEY_CO_TRY(auto results, co_await parts.data_plane.decrypt(std::move(data_call), body.records));
  co_return render_results(body, [&](std::string& out, std::size_t i) {
    if (results[i]) {
      append_item(out, "plaintext", body.records[i].plaintext(), *results[i].value());
    } else {
      append_error(out, results[i].error());
    }
  });
}

http::Response render_lease(const LeasedKey& leased, const Clock& clock) {
  const auto& lease = leased.lease;
  auto left = std::chrono::duration_cast<std::chrono::microseconds>(lease.ask_again_at - clock.age_time());
  auto text = render("plaintext_key", lease.key->material(),
                     {format_id(id_prefix::kDataKey, lease.key->id()), lease.external_key_id});
  crypto::WipeAtExit wipe(text);
  auto rest = fmt::format(R"(,"compartment_id":"{}","expires_at":"{}","expires_in":{:.3f},"check_after":{}}})",
                          format_uuid(leased.compartment), format_timestamp(clock.now() + left),
                          std::chrono::duration<double>(left).count(), data::kCheckLeaseAfter.count());
  std::string body;
  body.reserve(text.size() + rest.size());
  body.append(text, 0, text.size() - 1).append(rest);
  return json_text_response(std::move(body));
}

Task<Result<http::Response>> lease_data_key(const DataPlaneParts& parts, Call call) {
  LATCHKEY_CO_TRYV(refuse_body(call.request.body));
  auto data_call = make_data_call(call);
  LATCHKEY_CO_TRY(auto lease, co_await parts.data_plane.lease(std::move(data_call)));
  co_return render_lease(lease, parts.clock);
}

Task<Result<http::Response>> unwrap_data_key(const DataPlaneParts& parts, Call call) {
  LATCHKEY_CO_TRYV(refuse_body(call.request.body));
  auto id = std::string(call.request.path_parameter("data_key_id"));
  auto data_call = make_data_call(call);
  LATCHKEY_CO_TRY(auto lease, co_await parts.data_plane.unwrap(std::move(data_call), std::move(id)));
  co_return render_lease(lease, parts.clock);
}

Task<Result<http::Response>> check_lease(const DataPlaneParts& parts, Call call) {
  auto id = std::string(call.request.path_parameter("data_key_id"));
  auto data_call = make_data_call(call);
  LATCHKEY_CO_TRYV(co_await parts.data_plane.check_lease(std::move(data_call), id));
  json::object body{{"type", "data_key_lease"}, {"data_key_id", id}, {"check_after", data::kCheckLeaseAfter.count()}};
  co_return json_response(body);
}

Task<Result<http::Response>> refuse_lease(const DataPlaneParts& /*parts*/, Call /*call*/) {
  co_return Error{
      ErrorCode::PermissionDenied,
      "This server leases out no data keys: send it the data (POST /v1/workspaces/{id}/encrypt and decrypt; "
      "--remote), or have its operator set keyring.lend_data_keys."};
}

}  // namespace

std::vector<Endpoint> data_plane_endpoints(DataPlaneParts parts, const ApiLimits& limits) {
  auto on = with_parts(parts);
  auto leasing = [&](auto handler) { return on(limits.leases_data_keys ? handler : refuse_lease); };
  auto path = [](std::string_view rest) { return fmt::format("/v1/workspaces/{{workspace_id}}/{}", rest); };
  auto json_back = limits.json_body + kContextSlack;
  auto raw_back = limits.raw_body + envelope::kRecordOverhead;
  return {{.method = "POST",
           .pattern = path("encrypt"),
           .access = Access::Data,
           .handler = on(encrypt),
           .body_limit = limits.json_body,
           .raw_body_limit = limits.raw_body,
           .room_behind_body = envelope::kRecordOverhead,
           .secret_body = true},
          {.method = "POST",
           .pattern = path("decrypt"),
           .access = Access::Data,
           .handler = on(decrypt),
           .body_limit = json_back,
           .raw_body_limit = raw_back},
          {.method = "POST",
           .pattern = path("encrypt_batch"),
           .access = Access::Data,
           .handler = on(encrypt_batch),
           .body_limit = limits.json_body,
           .secret_body = true},
          {.method = "POST",
           .pattern = path("decrypt_batch"),
           .access = Access::Data,
           .handler = on(decrypt_batch),
           .body_limit = json_back + kMostItems * kItemSlack},
          {.method = "POST",
           .pattern = path("data_keys"),
           .access = Access::Data,
           .handler = leasing(lease_data_key),
           .body_limit = limits.json_body},
          {.method = "POST",
           .pattern = path("data_keys/{data_key_id}/unwrap"),
           .access = Access::Data,
           .handler = leasing(unwrap_data_key),
           .body_limit = limits.json_body},
          {.method = "GET",
           .pattern = path("data_keys/{data_key_id}/lease"),
           .access = Access::Data,
           .handler = leasing(check_lease),
           .body_limit = limits.json_body}};
}

}  // namespace latchkey::api

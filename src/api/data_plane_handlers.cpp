#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "api/error_body.hpp"
#include "api/handlers.hpp"
#include "api/parameters.hpp"
#include "api/respond.hpp"
#include "base/encoding.hpp"
#include "base/json_fields.hpp"
#include "crypto/wipe_at_exit.hpp"
#include "crypto/wiping_resource.hpp"
#include "data/data_plane.hpp"
#include "envelope/record.hpp"

namespace latchkey::api {

namespace json = boost::json;
using data::Cipher;
using data::LeasedKey;
using data::Opened;
using data::Plain;
using data::Sealed;

namespace {

constexpr std::size_t kMaxItems = 1000;
// A decrypt may be so much larger than the encrypt it undoes: the record's own bytes in base64, and a context written
// with more escapes. Whatever was encrypted must fit when it comes back.
constexpr std::size_t kContextSlack = std::size_t{64} * 1024;
constexpr std::size_t kItemSlack = 192;

Error invalid(std::string message) {
  return Error{ErrorCode::Invalid, std::move(message)};
}

// Moves what the data plane needs out of the call; the request stays.
data::DataCall make_data_call(Call& call) {
  return {.caller = std::move(call.caller),
          .workspace_id = std::string(call.request.path_parameter("workspace_id")),
          .deadline = call.deadline,
          .confirm = std::move(call.confirm)};
}

json::storage_ptr wiping_storage() {
  return json::make_shared_resource<crypto::WipingResource>();
}

Result<envelope::CanonicalContext> read_context(const json::value* value, std::string_view path) {
  if (value == nullptr || value->is_null()) return envelope::CanonicalContext();
  envelope::Context context;
  const auto* object = value->if_object();
  if (object == nullptr) return invalid(fmt::format("{}: Input should be an object of strings", path));
  for (const auto& field : *object) {
    std::string key(field.key().data(), field.key().size());
    LATCHKEY_TRY(auto text,
                 json_fields::read_text(field.value(), json_fields::join_path(path, json_fields::clean_text(key)),
                                        {0, envelope::kMaxContextSize}));
    context.emplace(std::move(key), std::move(text));
  }
  auto canonical = envelope::canonicalize(context);
  if (!canonical) return invalid(fmt::format("{}: {}", path, canonical.error().message()));
  return canonical;
}

// A required base64 field, decoded.
Result<Bytes> read_base64(const json::object& object, std::string_view path, std::string_view name) {
  auto own_path = json_fields::join_path(path, name);
  const auto* value = object.if_contains(name);
  if (value == nullptr) return invalid(fmt::format("{}: Field required", own_path));
  if (!value->is_string()) return invalid(fmt::format("{}: Input should be a valid string", own_path));
  const auto& text = value->get_string();
  auto bytes = base64_decode(std::string_view(text.data(), text.size()));
  if (bytes) return bytes;
  return invalid(fmt::format("{}: Input should be base64 (RFC 4648 section 4, with padding)", own_path));
}

Result<Plain> read_plain(const json::object& object, std::string_view path) {
  LATCHKEY_TRYV(json_fields::refuse_unknown(object, path, {"plaintext", "context"}));
  LATCHKEY_TRY(auto bytes, read_base64(object, path, "plaintext"));
  crypto::SecretBuffer plaintext(std::move(bytes));
  LATCHKEY_TRY(auto context, read_context(object.if_contains("context"), json_fields::join_path(path, "context")));
  return Plain{std::move(context), std::move(plaintext)};
}

Result<Cipher> read_cipher(const json::object& object, std::string_view path) {
  LATCHKEY_TRYV(json_fields::refuse_unknown(object, path, {"ciphertext", "context"}));
  LATCHKEY_TRY(auto ciphertext, read_base64(object, path, "ciphertext"));
  LATCHKEY_TRY(auto context, read_context(object.if_contains("context"), json_fields::join_path(path, "context")));
  return Cipher{std::move(context), std::move(ciphertext)};
}

// Reads each item of {"items": [...]} by itself, so that one bad item spoils no other.
template <class Item>
Result<std::vector<Result<Item>>> read_items(std::string_view text,
                                             Result<Item> (*read)(const json::object&, std::string_view)) {
  LATCHKEY_TRY(auto body, json_fields::parse_object(text, false, wiping_storage()));
  LATCHKEY_TRYV(json_fields::refuse_unknown(body, "", {"items"}));
  const auto* value = body.if_contains("items");
  if (value == nullptr) return invalid("items: Field required");
  if (!value->is_array()) return invalid("items: Input should be a list");
  const auto& array = value->get_array();
  if (array.size() > kMaxItems) {
    return invalid(fmt::format("items: List should have at most {} items. Got {}.", kMaxItems, array.size()));
  }
  std::vector<Result<Item>> items;
  items.reserve(array.size());
  for (std::size_t i = 0; i < array.size(); ++i) {
    auto path = fmt::format("items.{}", i);
    if (array[i].is_object()) {
      items.push_back(read(array[i].get_object(), path));
    } else {
      items.emplace_back(invalid(path + ": Input should be an object"));
    }
  }
  return items;
}

// Handlers write these responses by hand because serialize() leaves copies of what it writes behind. Base64 and our ids
// need no escapes.
std::string render(std::string_view field, ByteView bytes, std::string_view data_key_id,
                   const std::optional<std::string>& external_key_id) {
  constexpr std::size_t kFrame = 256;
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4 + kFrame);
  auto encoded = base64_encode(bytes);
  crypto::WipeAtExit wipe(encoded);
  text.append("{\"").append(field).append("\":\"").append(encoded).append("\",\"data_key_id\":\"").append(data_key_id);
  text.append("\",\"external_key_id\":");
  text.append(external_key_id ? json::serialize(json::string(*external_key_id)) : "null").append("}");
  return text;
}

std::string render(const Sealed& sealed) {
  return render("ciphertext", sealed.ciphertext, sealed.data_key_id, sealed.external_key_id);
}

std::string render(const Opened& opened) {
  return render("plaintext", opened.plaintext.view(), opened.data_key_id, opened.external_key_id);
}

template <class Item>
http::Response render_results(const std::vector<Result<Item>>& results) {
  std::vector<std::string> parts;
  parts.reserve(results.size());
  std::size_t size = 32;
  for (const auto& result : results) {
    parts.push_back(result ? render(result.value())
                           : json::serialize(json::object{{"error", error_object(to_wire(result.error()))}}));
    size += parts.back().size() + 1;
  }
  std::string body;
  body.reserve(size);
  body += "{\"results\":[";
  for (auto& part : parts) {
    if (&part != &parts.front()) body += ',';
    body += part;
    crypto::wipe(part);
  }
  body += "]}";
  return json_text_response(std::move(body));
}

template <class Item>
std::vector<Result<Item>> only(Item item) {
  std::vector<Result<Item>> items;
  items.emplace_back(std::move(item));
  return items;
}

// The context of a raw call: base64url of a JSON object.
Result<envelope::CanonicalContext> header_context(const http::RequestHead& head) {
  constexpr std::string_view kName = "latchkey-context";
  if (!head.headers.has(kName)) return envelope::CanonicalContext();
  auto text = base64url_decode(head.headers.get(kName));
  if (!text) return invalid("latchkey-context: Input should be base64url of a JSON object, without padding");
  auto object = json_fields::parse_object(as_text(text.value()));
  if (!object) return invalid(fmt::format("latchkey-context: {}", object.error().message()));
  json::value value(std::move(object.value()));
  return read_context(&value, kName);
}

http::Response raw_response(ByteView bytes, const std::string& data_key_id,
                            const std::optional<std::string>& external_key_id) {
  http::Response response;
  response.headers.add("content-type", std::string(kOctetStream));
  response.headers.add("latchkey-data-key-id", data_key_id);
  if (external_key_id) response.headers.add("latchkey-external-key-id", *external_key_id);
  response.body.assign(as_text(bytes));
  return response;
}

Task<Result<http::Response>> encrypt(const DataPlaneParts& parts, Call call) {
  bool raw = is_octet_stream(call.request);
  Plain plain;
  if (raw) {
    LATCHKEY_CO_TRY(plain.context, header_context(call.request));
    plain.plaintext = crypto::SecretBuffer(to_bytes(as_bytes(call.request.body)));
  } else {
    LATCHKEY_CO_TRY(auto body, json_fields::parse_object(call.request.body, false, wiping_storage()));
    LATCHKEY_CO_TRY(plain, read_plain(body, ""));
  }
  auto data_call = make_data_call(call);
  auto items = only(std::move(plain));
  LATCHKEY_CO_TRY(auto results, co_await parts.data_plane.encrypt(std::move(data_call), std::move(items)));
  LATCHKEY_CO_TRY(auto sealed, std::move(results.front()));
  if (raw) co_return raw_response(sealed.ciphertext, sealed.data_key_id, sealed.external_key_id);
  co_return json_text_response(render(sealed));
}

Task<Result<http::Response>> decrypt(const DataPlaneParts& parts, Call call) {
  bool raw = is_octet_stream(call.request);
  Cipher cipher;
  if (raw) {
    LATCHKEY_CO_TRY(cipher.context, header_context(call.request));
    cipher.ciphertext = to_bytes(as_bytes(call.request.body));
  } else {
    LATCHKEY_CO_TRY(auto body, json_fields::parse_object(call.request.body));
    LATCHKEY_CO_TRY(cipher, read_cipher(body, ""));
  }
  auto data_call = make_data_call(call);
  auto items = only(std::move(cipher));
  LATCHKEY_CO_TRY(auto results, co_await parts.data_plane.decrypt(std::move(data_call), std::move(items)));
  LATCHKEY_CO_TRY(auto opened, std::move(results.front()));
  if (raw) co_return raw_response(opened.plaintext.view(), opened.data_key_id, opened.external_key_id);
  co_return json_text_response(render(opened));
}

Task<Result<http::Response>> encrypt_batch(const DataPlaneParts& parts, Call call) {
  LATCHKEY_CO_TRY(auto items, read_items(call.request.body, &read_plain));
  auto data_call = make_data_call(call);
  LATCHKEY_CO_TRY(auto results, co_await parts.data_plane.encrypt(std::move(data_call), std::move(items)));
  co_return render_results(results);
}

Task<Result<http::Response>> decrypt_batch(const DataPlaneParts& parts, Call call) {
  LATCHKEY_CO_TRY(auto items, read_items(call.request.body, &read_cipher));
  auto data_call = make_data_call(call);
  LATCHKEY_CO_TRY(auto results, co_await parts.data_plane.decrypt(std::move(data_call), std::move(items)));
  co_return render_results(results);
}

http::Response render_lease(const LeasedKey& leased, const Clock& clock) {
  const auto& lease = leased.lease;
  auto left = std::chrono::duration_cast<std::chrono::microseconds>(lease.ask_again_at - clock.age_time());
  auto text = render("plaintext_key", lease.key->material(), format_id(id_prefix::kDataKey, lease.key->id()),
                     lease.external_key_id);
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
           .body_limit = json_back + kMaxItems * kItemSlack},
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

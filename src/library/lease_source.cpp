#include "library/lease_source.hpp"

#include <algorithm>

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include "base/encoding.hpp"

namespace latchkey::library {

namespace json = boost::json;

namespace {

// Seconds. No server leases a key for longer: keyring.most_loan may be no more than this.
constexpr double kLongestLease = 3600;
constexpr double kSoonestCheck = 1;
constexpr std::size_t kMostBody = std::size_t{8} * 1024;

Error not_understood() {
  return Error{ErrorCode::Unavailable,
               "the server's response with the data key is not understood: is it a Latchkey server of this release?"};
}

std::string_view text_of(const json::object& body, std::string_view name) {
  const auto* value = body.if_contains(name);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

Result<LeasedKey> read_object(const json::object& body, AgeTime asked_at) {
  auto id = parse_id(id_prefix::kDataKey, text_of(body, "data_key_id"));
  auto compartment = parse_uuid(text_of(body, "compartment_id"));
  auto bytes = base64_decode(text_of(body, "plaintext_key"));
  const auto* expires_in = body.if_contains("expires_in");
  if (!id || !compartment || !bytes || expires_in == nullptr || !expires_in->is_number()) return not_understood();
  crypto::SecretBytes material(bytes.value());
  crypto::wipe(bytes.value());
  auto key = envelope::DataKey::create(id.value(), std::move(material));
  if (!key) return not_understood();
  std::optional<std::chrono::milliseconds> check_after;
  if (const auto* seconds = body.if_contains("check_after"); seconds != nullptr && seconds->is_number()) {
    auto clamped = std::clamp(seconds->to_number<double>(), kSoonestCheck, kLongestLease);
    check_after = std::chrono::milliseconds(static_cast<std::int64_t>(clamped * 1000));
  }
  std::chrono::duration<double> left(std::clamp(expires_in->to_number<double>(), 0.0, kLongestLease));
  std::optional<std::string> external_key_id(text_of(body, "external_key_id"));
  if (external_key_id->empty()) external_key_id.reset();
  return LeasedKey{
      std::make_shared<const envelope::DataKey>(std::move(key).value()), compartment.value(),        asked_at,
      asked_at + std::chrono::duration_cast<AgeTime::duration>(left),    std::move(external_key_id), check_after};
}

}  // namespace

std::string active_key_path(std::string_view workspace_id) {
  return fmt::format("/v1/workspaces/{}/data_keys", percent_encode(workspace_id));
}

std::string key_path(std::string_view workspace_id, const RawId& id) {
  return fmt::format("{}/{}/unwrap", active_key_path(workspace_id), format_id(id_prefix::kDataKey, id));
}

std::string lease_path(std::string_view workspace_id, const RawId& id) {
  return fmt::format("{}/{}/lease", active_key_path(workspace_id), format_id(id_prefix::kDataKey, id));
}

Result<LeasedKey> read_leased_key(std::string& body, AgeTime asked_at) {
  if (body.size() > kMostBody) {
    crypto::wipe(body);
    return not_understood();
  }
  // The parser puts the key's text into memory for secrets, and nowhere else.
  crypto::SecretBytes memory(4 * kMostBody);
  auto room = memory.mutable_view();
  json::monotonic_resource resource(room.data(), room.size());
  boost::system::error_code failed;
  auto parsed = json::parse(body, failed, &resource);
  crypto::wipe(body);
  if (failed || !parsed.is_object()) return not_understood();
  return read_object(parsed.get_object(), asked_at);
}

}  // namespace latchkey::library

#include "clouds/azure/provider/protocol.hpp"

#include <algorithm>
#include <optional>

#include <boost/algorithm/string/predicate.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include "base/encoding.hpp"
#include "base/json_fields.hpp"
#include "clouds/azure/provider/azure_reasons.hpp"
#include "clouds/azure/provider/response_text.hpp"
#include "crypto/wipe_at_exit.hpp"
#include "crypto/wiping_resource.hpp"

namespace latchkey::clouds::azure {

namespace {

constexpr std::size_t kVersionLength = 32;
// The size of RSA-16384: far above what any vault makes, and low enough to bound what we store.
constexpr std::size_t kLongestCiphertext = 2048;

struct KeyVersion {
  std::string host;
  std::string name;
  std::string version;
};

// "https://<host>/keys/<name>/<32 hex digits>".
std::optional<KeyVersion> parse_kid(std::string_view kid) {
  constexpr std::string_view scheme = "https://";
  if (kid.size() > 512 || !boost::algorithm::istarts_with(kid, scheme)) return std::nullopt;
  kid.remove_prefix(scheme.size());
  auto slash = kid.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  KeyVersion parts{std::string(kid.substr(0, slash)), {}, {}};
  auto path = kid.substr(slash);
  constexpr std::string_view keys = "/keys/";
  if (!boost::algorithm::istarts_with(path, keys)) return std::nullopt;
  path.remove_prefix(keys.size());
  auto middle = path.find('/');
  if (middle == std::string_view::npos) return std::nullopt;
  parts.name = path.substr(0, middle);
  parts.version = path.substr(middle + 1);
  bool hex = std::all_of(parts.version.begin(), parts.version.end(), [](unsigned char c) { return std::isxdigit(c); });
  if (parts.version.size() != kVersionLength || !hex) return std::nullopt;
  return parts;
}

// Returns the version where the kid belongs to this key in this vault. It ignores case in names, as Key Vault does.
std::optional<std::string> version_of(const KeyTarget& target, std::string_view kid) {
  auto parts = parse_kid(kid);
  if (!parts || !boost::algorithm::iequals(parts->host, target.vault.host) ||
      !boost::algorithm::iequals(parts->name, target.key_name)) {
    return std::nullopt;
  }
  return parts->version;
}

// `path`: "/keys/<name>...".
http::ClientRequest request_for(const KeyTarget& target, std::string method, std::string_view path,
                                const RequestId& id) {
  http::ClientRequest request;
  request.method = std::move(method);
  request.url = fmt::format("https://{}{}?api-version={}", target.vault.host, path, percent_encode(target.api_version));
  request.headers.add("accept", "application/json");
  request.headers.add("x-ms-client-request-id", id.correlation_id);
  request.headers.add("x-ms-return-client-request-id", "true");
  return request;
}

http::ClientRequest request_to(const KeyTarget& target, std::string method, std::string_view path,
                               const RequestId& id) {
  return request_for(target, std::move(method), fmt::format("/keys/{}{}", target.key_name, path), id);
}

void set_operation_body(http::ClientRequest& request, ByteView value) {
  constexpr std::string_view head = R"({"alg":"RSA-OAEP-256","value":")";
  constexpr std::string_view tail = R"("})";
  auto encoded = base64url_encode(value);
  crypto::WipeAtExit wipe(encoded);
  request.headers.add("content-type", "application/json");
  request.body.reserve(head.size() + encoded.size() + tail.size());
  request.body.append(head).append(encoded).append(tail);
}

struct OperationResponse {
  std::string kid;
  std::string version;
  Bytes value;
};

// Reads {"kid": ..., "value": base64url}. The value may be a data key, so no copy of it stays behind.
Result<OperationResponse> read_operation(const KeyTarget& target, Operation operation,
                                         const http::ClientResponse& response, Timestamp now) {
  if (response.status != 200) return vault_error(target, operation, response, now);
  auto unreadable = [&](std::string_view what) { return unreadable_response(target, operation, response, what); };
  auto object =
      json_fields::parse_object(response.body, false, boost::json::make_shared_resource<crypto::WipingResource>());
  if (!object) return unreadable("no JSON object");
  OperationResponse result;
  result.kid = text_field(object.value(), "kid");
  auto version = version_of(target, result.kid);
  if (!version) return unreadable("its kid is not a version of the key that was asked for");
  result.version = std::move(*version);
  const auto* found = object.value().if_contains("value");
  const auto* text = found != nullptr ? found->if_string() : nullptr;
  if (text == nullptr || text->size() > 2 * kLongestCiphertext) return unreadable("it has no value");
  auto value = base64url_decode({text->data(), text->size()});
  if (!value) return unreadable("its value is not base64url");
  result.value = std::move(value).value();
  return result;
}

std::optional<Timestamp> time_field(const boost::json::object& attributes, std::string_view name) {
  const auto* found = attributes.if_contains(name);
  if (found == nullptr || !found->is_number()) return std::nullopt;
  boost::system::error_code failure;
  auto seconds = found->to_number<std::int64_t>(failure);
  constexpr std::int64_t year_9999 = 253'402'300'799;
  if (failure || seconds < 0 || seconds > year_9999) return std::nullopt;
  return Timestamp(std::chrono::seconds(seconds));
}

unsigned bits_of(const Bytes& modulus) {
  std::size_t zeros = 0;
  while (zeros < modulus.size() && modulus[zeros] == 0) ++zeros;
  if (zeros == modulus.size()) return 0;
  unsigned bits = static_cast<unsigned>(modulus.size() - zeros) * 8;
  for (unsigned mask = 0x80; (modulus[zeros] & mask) == 0; mask >>= 1) --bits;
  return bits;
}

void read_attributes(const boost::json::object& bundle, kms::KeyDescription& description) {
  const auto* found = bundle.if_contains("attributes");
  const auto* attributes = found != nullptr ? found->if_object() : nullptr;
  if (attributes == nullptr) return;
  const auto* enabled = attributes->if_contains("enabled");
  description.enabled = enabled != nullptr && enabled->is_bool() && enabled->get_bool();
  description.not_before = time_field(*attributes, "nbf");
  description.expires = time_field(*attributes, "exp");
}

void read_tags(const boost::json::object& bundle, kms::KeyDescription& description) {
  const auto* found = bundle.if_contains("tags");
  const auto* tags = found != nullptr ? found->if_object() : nullptr;
  if (tags == nullptr) return;
  for (const auto& tag : *tags) {
    if (tag.value().is_string()) description.tags.emplace_back(std::string(tag.key()), text_field(*tags, tag.key()));
  }
}

}  // namespace

Result<http::ClientRequest> build_wrap(const KeyTarget& target, const crypto::SecretBytes& secret,
                                       const RequestId& id) {
  if (secret.empty() || secret.size() > kLongestSecret) {
    return Error{ErrorCode::Invalid,
                 fmt::format("{} bytes cannot be wrapped: 1 to {} can", secret.size(), kLongestSecret)};
  }
  auto request = request_to(target, "POST", "/wrapkey", id);
  set_operation_body(request, secret.reveal());
  return request;
}

Result<http::ClientRequest> build_unwrap(const KeyTarget& target, const kms::WrappedKey& wrapped, const RequestId& id) {
  auto version = version_of(target, wrapped.key_version);
  if (!version) {
    return Error{ErrorCode::Corrupt,
                 fmt::format("the recorded key version {} is no version of key \"{}\" in vault {}: the stored row was "
                             "damaged or belongs to another key",
                             shown_text(wrapped.key_version, 200), target.key_name, target.vault.host)};
  }
  if (wrapped.ciphertext.empty() || wrapped.ciphertext.size() > kLongestCiphertext) {
    return Error{ErrorCode::Corrupt, fmt::format("a wrapped key of {} bytes is none that key \"{}\" in vault {} made",
                                                 wrapped.ciphertext.size(), target.key_name, target.vault.host)};
  }
  auto request = request_to(target, "POST", fmt::format("/{}/unwrapkey", *version), id);
  set_operation_body(request, wrapped.ciphertext);
  return request;
}

http::ClientRequest build_get(const KeyTarget& target, const RequestId& id) {
  return request_to(target, "GET", "", id);
}

http::ClientRequest build_get_deleted(const KeyTarget& target, const RequestId& id) {
  return request_for(target, "GET", "/deletedkeys/" + target.key_name, id);
}

Result<kms::WrappedKey> read_wrap(const KeyTarget& target, const http::ClientResponse& response, Timestamp now) {
  LATCHKEY_TRY(auto result, read_operation(target, Operation::Wrap, response, now));
  // An RSA ciphertext has the length of the modulus: 256, 384, 512 bytes, ...
  if (result.value.size() < 256 || result.value.size() > kLongestCiphertext || result.value.size() % 64 != 0) {
    return unreadable_response(target, Operation::Wrap, response,
                               fmt::format("{} bytes are no RSA ciphertext", result.value.size()));
  }
  return kms::WrappedKey{std::move(result.kid), std::move(result.value)};
}

Result<crypto::SecretBytes> read_unwrap(const KeyTarget& target, const http::ClientResponse& response, Timestamp now) {
  LATCHKEY_TRY(auto result, read_operation(target, Operation::Unwrap, response, now));
  crypto::SecretBytes secret{ByteView(result.value)};
  crypto::wipe(MutableBytes(result.value));
  if (secret.empty() || secret.size() > kLongestCiphertext) {
    return unreadable_response(target, Operation::Unwrap, response, "its value is empty or too long");
  }
  return secret;
}

Result<kms::KeyDescription> read_get(const KeyTarget& target, const http::ClientResponse& response, Timestamp now) {
  if (response.status != 200) return vault_error(target, Operation::Get, response, now);
  auto unreadable = [&](std::string_view what) { return unreadable_response(target, Operation::Get, response, what); };
  auto bundle = json_fields::parse_object(response.body);
  if (!bundle) return unreadable("no JSON object");
  const auto* found = bundle.value().if_contains("key");
  const auto* key = found != nullptr ? found->if_object() : nullptr;
  if (key == nullptr) return unreadable("it has no key");
  kms::KeyDescription description;
  description.key_version = text_field(*key, "kid");
  if (!version_of(target, description.key_version)) {
    return unreadable("its kid is not a version of the key that was asked for");
  }
  description.type = shown_text(text_field(*key, "kty"), 20);
  auto modulus = base64url_decode(text_field(*key, "n"));
  if (modulus) description.bits = bits_of(modulus.value());
  const auto* operations = key->if_contains("key_ops");
  if (operations != nullptr && operations->is_array()) {
    for (const auto& operation : operations->get_array()) {
      if (operation.is_string())
        description.operations.push_back(shown_text(std::string_view(operation.get_string()), 40));
    }
  }
  read_attributes(bundle.value(), description);
  read_tags(bundle.value(), description);
  return description;
}

Error read_get_deleted(const KeyTarget& target, Operation operation, Error error,
                       const http::ClientResponse& response) {
  auto arguments = arguments_of(target);
  auto worded = [&](AzureReason reason) {
    auto told = reason_error(reason, arguments);
    told.request_id = request_id_of(response);
    return told;
  };
  if (response.status == 200) {
    auto bundle = json_fields::parse_object(response.body);
    if (!bundle) return error;
    if (auto end = time_field(bundle.value(), "scheduledPurgeDate")) arguments.until = format_timestamp(*end);
    return worded(reason::kKeyDeleted);
  }
  if (response.status != 404 || response.body.find("KeyNotFound") == std::string::npos) return error;
  if (operation == Operation::Unwrap) return worded(reason::kKeyPurged);
  arguments.more = "; it is not among the vault's deleted keys";
  return worded(reason::kKeyNotFound);
}

}  // namespace latchkey::clouds::azure

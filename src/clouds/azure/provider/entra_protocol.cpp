#include "clouds/azure/provider/entra_protocol.hpp"

#include <boost/json/value.hpp>
#include <fmt/format.h>

#include "base/encoding.hpp"
#include "base/id.hpp"
#include "base/json_fields.hpp"
#include "clouds/azure/provider/entra_errors.hpp"
#include "clouds/azure/provider/reasons.hpp"
#include "clouds/azure/provider/response_text.hpp"
#include "crypto/jwt.hpp"

namespace latchkey::clouds::azure {

namespace {

constexpr std::chrono::minutes kAssertionLifetime{10};
constexpr std::size_t kLongestToken = std::size_t{32} * 1024;
constexpr std::int64_t kLongestLifetime = 24 * 3600;

std::optional<std::chrono::seconds> seconds_field(const boost::json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  if (found == nullptr || !found->is_number()) return std::nullopt;
  boost::system::error_code failure;
  auto value = found->to_number<std::int64_t>(failure);
  if (failure || value < 0) return std::nullopt;
  return std::chrono::seconds(std::min(value, kLongestLifetime));
}

// True for what may stand in an Authorization header (RFC 6750's b68token), so that no response can smuggle a header
// in.
bool is_bearer_token(std::string_view text) {
  if (text.empty() || text.size() > kLongestToken) return false;
  for (unsigned char c : text) {
    bool good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                std::string_view("-._~+/=").find(static_cast<char>(c)) != std::string_view::npos;
    if (!good) return false;
  }
  return true;
}

void append_encoded(std::string& body, std::string_view value) {
  auto encoded = percent_encode(value);
  body += encoded;
  crypto::wipe(encoded);
}

}  // namespace

std::string token_endpoint(const TokenTarget& target) {
  return fmt::format("https://{}/{}/oauth2/v2.0/token", target.login_host, target.tenant);
}

Result<std::string> make_client_assertion(const TokenTarget& target, const crypto::RsaKey& key,
                                          const crypto::Sha256& thumbprint, Timestamp now, RandomSource& random) {
  auto issued = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  boost::json::object header;
  header["x5t#S256"] = base64url_encode(thumbprint);
  boost::json::object claims;
  claims["aud"] = token_endpoint(target);
  claims["iss"] = target.client_id;
  claims["sub"] = target.client_id;
  claims["jti"] = format_uuid(make_uuid(random));
  claims["iat"] = issued;
  claims["nbf"] = issued;
  claims["exp"] = issued + std::chrono::seconds(kAssertionLifetime).count();
  return crypto::jwt_sign(key, crypto::RsaSignature::Ps256, std::move(header), claims);
}

http::ClientRequest build_token_request(const TokenTarget& target, Proof kind, std::string_view proof,
                                        std::string_view correlation_id) {
  http::ClientRequest request;
  request.method = "POST";
  request.url = token_endpoint(target);
  request.headers.add("content-type", "application/x-www-form-urlencoded");
  request.headers.add("accept", "application/json");
  request.headers.add("client-request-id", std::string(correlation_id));
  auto& body = request.body;
  body.reserve(512 + 3 * proof.size());
  body = "grant_type=client_credentials&client_id=";
  body += percent_encode(target.client_id);
  body += "&scope=";
  body += percent_encode(target.scope);
  switch (kind) {
    case Proof::Secret:
      body += "&client_secret=";
      break;
    case Proof::Assertion:
      body += "&client_assertion_type=";
      body += percent_encode("urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
      body += "&client_assertion=";
      break;
  }
  append_encoded(body, proof);
  return request;
}

Result<Token> read_token_response(const TokenTarget& target, const http::ClientResponse& response, Timestamp now) {
  if (response.status != 200) return entra_error(target, response, now);
  auto unreadable = [&](std::string_view what) {
    return Error{
        ErrorCode::KeyUnreachable,
        fmt::format("{} answered a token request with something that is no token: {}", target.login_host, what),
        reason::kProviderFault};
  };
  auto object = json_fields::parse_object(response.body);
  if (!object) return unreadable("no JSON object");
  auto text = text_field(object.value(), "access_token");
  if (!is_bearer_token(text)) return unreadable("no access_token");
  Token token;
  token.text = crypto::SecretBytes(as_bytes(text));
  crypto::wipe(text);
  auto lifetime = seconds_field(object.value(), "expires_in");
  if (!lifetime) return unreadable("no expires_in");
  token.lifetime = *lifetime;
  token.refresh_in = seconds_field(object.value(), "refresh_in");
  return token;
}

}  // namespace latchkey::clouds::azure

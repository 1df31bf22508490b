#include "clouds/azure/emulator/tokens.hpp"

#include <fmt/format.h>

#include "base/encoding.hpp"
#include "crypto/jwt.hpp"

namespace latchkey::clouds::azure::emulator {

namespace {

namespace json = boost::json;

std::string issuer_of(std::string_view tenant_id) {
  return fmt::format("https://sts.windows.net/{}/", tenant_id);
}

std::string random_text(RandomSource& random, std::size_t size) {
  Bytes bytes(size);
  random.fill(bytes);
  return base64url_encode(bytes);
}

}  // namespace

Result<std::string> issue_token(const Model& model, const TokenGrant& grant, Seconds now, RandomSource& random) {
  if (!model.token_key.key) return Error{ErrorCode::Internal, "the emulator has no key to sign tokens with"};
  auto issuer = issuer_of(grant.tenant_id);
  json::object claims{{"aud", grant.audience},
                      {"iss", issuer},
                      {"iat", now - kBackdated},
                      {"nbf", now - kBackdated},
                      {"exp", now + grant.lifetime},
                      {"aio", random_text(random, 27)},
                      {"appid", grant.app_id},
                      {"appidacr", grant.by_secret ? "1" : "2"},
                      {"idp", issuer},
                      {"idtyp", "app"},
                      {"oid", grant.object_id},
                      {"rh", "1." + random_text(random, 24)},
                      {"sub", grant.object_id},
                      {"tid", grant.tenant_id},
                      {"uti", random_text(random, 16)},
                      {"ver", "1.0"}};
  json::object header{{"kid", model.token_key.kid}, {"x5t", model.token_key.kid}};
  return crypto::jwt_sign(*model.token_key.key, crypto::RsaSignature::Rs256, std::move(header), claims);
}

std::string Caller::described() const {
  return fmt::format("appid={};oid={};iss={}", app_id, object_id, issuer);
}

TokenReading read_bearer(const Model& model, const http::RequestHead& request, Seconds now) {
  constexpr std::string_view kScheme = "Bearer ";
  TokenReading reading;
  auto header = request.headers.get("authorization");
  if (!begins_with(header, kScheme)) {
    reading.fault = TokenFault::Missing;
    return reading;
  }
  auto token = crypto::jwt_parse(header.substr(kScheme.size()));
  if (!token) {
    reading.fault = TokenFault::Malformed;
    return reading;
  }
  const auto& jwt = token.value();
  reading.caller = Caller{crypto::jwt_text(jwt, "appid"), crypto::jwt_text(jwt, "oid"), crypto::jwt_text(jwt, "tid"),
                          crypto::jwt_text(jwt, "iss"), crypto::jwt_text(jwt, "aud")};
  auto expires = crypto::jwt_time(jwt, "exp");
  auto begins = crypto::jwt_time(jwt, "nbf");
  if (expires) reading.expires = expires->time_since_epoch().count();
  if (!model.token_key.key || jwt.algorithm != crypto::RsaSignature::Rs256 ||
      !crypto::jwt_signature_valid(jwt, *model.token_key.key)) {
    reading.fault = TokenFault::Forged;
  } else if (!expires || reading.expires <= now) {
    reading.fault = TokenFault::Expired;
  } else if (begins && begins->time_since_epoch().count() > now + kBackdated) {
    reading.fault = TokenFault::TooEarly;
  }
  return reading;
}

}  // namespace latchkey::clouds::azure::emulator

#include "crypto/jwt.hpp"

#include <array>
#include <cmath>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/encoding.hpp"

namespace latchkey::crypto {

namespace {

constexpr std::size_t kMaxToken = 64 * 1024;
constexpr std::size_t kMaxDepth = 16;
// Far beyond any date that a token may name, and safely inside the range that a double represents exactly.
constexpr double kMaxTime = 1e11;

struct AlgorithmName {
  std::string_view name;
  RsaSignature algorithm;
};
constexpr std::array kAlgorithms{
    AlgorithmName{"RS256", RsaSignature::Rs256}, AlgorithmName{"RS384", RsaSignature::Rs384},
    AlgorithmName{"RS512", RsaSignature::Rs512}, AlgorithmName{"PS256", RsaSignature::Ps256},
    AlgorithmName{"PS384", RsaSignature::Ps384}, AlgorithmName{"PS512", RsaSignature::Ps512},
};

Error malformed(std::string_view what) {
  return Error{ErrorCode::Invalid, fmt::format("not a JSON Web Token: {}", what)};
}

Result<boost::json::object> decode_part(std::string_view text, std::string_view what) {
  auto bytes = base64url_decode(text);
  if (!bytes) return malformed(fmt::format("the {} is not base64url", what));
  boost::json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::system::error_code failed;
  auto value = boost::json::parse(as_text(bytes.value()), failed, {}, options);
  if (failed || !value.is_object()) return malformed(fmt::format("the {} is not a JSON object", what));
  return std::move(value.get_object());
}

std::string encode_part(const boost::json::object& object) {
  return base64url_encode(as_bytes(boost::json::serialize(object)));
}

}  // namespace

Result<std::string> jwt_sign(const RsaKey& key, RsaSignature algorithm, boost::json::object header,
                             const boost::json::object& claims) {
  for (const auto& known : kAlgorithms) {
    if (known.algorithm == algorithm) header["alg"] = known.name;
  }
  header["typ"] = "JWT";
  auto text = encode_part(header) + "." + encode_part(claims);
  LATCHKEY_TRY(auto signature, key.sign(algorithm, as_bytes(text)));
  return text + "." + base64url_encode(signature);
}

Result<Jwt> jwt_parse(std::string_view token) {
  if (token.size() > kMaxToken) return malformed("it has more than 64 KiB");
  auto first = token.find('.');
  auto second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return malformed("it does not have three parts");
  }
  Jwt jwt;
  LATCHKEY_TRY(jwt.header, decode_part(token.substr(0, first), "header"));
  LATCHKEY_TRY(jwt.claims, decode_part(token.substr(first + 1, second - first - 1), "payload"));
  auto signature = base64url_decode(token.substr(second + 1));
  if (!signature || signature.value().empty()) return malformed("the signature is not base64url");
  jwt.signature = std::move(signature).value();
  jwt.signed_text = token.substr(0, second);
  if (jwt.header.contains("crit")) return malformed("its header has critical extensions that are not known");
  const auto* alg = jwt.header.if_contains("alg");
  const auto* name = alg == nullptr ? nullptr : alg->if_string();
  for (const auto& known : kAlgorithms) {
    if (name != nullptr && std::string_view(*name) == known.name) {
      jwt.algorithm = known.algorithm;
      return jwt;
    }
  }
  return malformed("its algorithm is not RS256 to RS512 or PS256 to PS512");
}

bool jwt_signature_valid(const Jwt& token, const RsaKey& key) {
  return key.verify(token.algorithm, as_bytes(token.signed_text), token.signature);
}

std::optional<std::chrono::sys_seconds> jwt_time(const Jwt& token, std::string_view claim) {
  const auto* value = token.claims.if_contains(claim);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  auto number = value->to_number<double>();
  if (!std::isfinite(number) || std::abs(number) > kMaxTime) return std::nullopt;
  return std::chrono::sys_seconds(std::chrono::seconds(static_cast<std::int64_t>(std::floor(number))));
}

std::string jwt_text(const Jwt& token, std::string_view claim) {
  const auto* value = token.claims.if_contains(claim);
  const auto* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : std::string(*text);
}

boost::json::object to_jwk(const RsaKey& key) {
  return {{"kty", "RSA"}, {"n", base64url_encode(key.modulus())}, {"e", base64url_encode(key.exponent())}};
}

Result<RsaKey> from_jwk(const boost::json::object& jwk) {
  auto text = [&](std::string_view name) -> std::string_view {
    const auto* value = jwk.if_contains(name);
    const auto* string = value == nullptr ? nullptr : value->if_string();
    return string == nullptr ? std::string_view() : std::string_view(*string);
  };
  if (text("kty") != "RSA") return Error{ErrorCode::Invalid, "the JSON Web Key is not an RSA key"};
  LATCHKEY_TRY(auto modulus, base64url_decode(text("n")));
  LATCHKEY_TRY(auto exponent, base64url_decode(text("e")));
  return RsaKey::from_public(modulus, exponent);
}

}  // namespace latchkey::crypto

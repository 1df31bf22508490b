#include "clouds/azure/provider/testing/fake_azure.hpp"

#include <map>
#include <optional>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/encoding.hpp"
#include "base/mutex.hpp"
#include "clouds/azure/provider/azure_provider.hpp"
#include "clouds/azure/provider/vault_uri.hpp"

namespace latchkey::clouds::azure::testing {

namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// Remembers what the key wrapped, and the results of unwrapping anything else, because decryption is slow and tests
// unwrap the same few keys over and over.
class KnownCiphertexts {
 public:
  Bytes encrypt(const Bytes& plain) {
    auto ciphertext = test_rsa_key().encrypt(crypto::RsaEncryption::OaepSha256, plain).value();
    MutexLock lock(mutex_);
    known_[ciphertext] = plain;
    return ciphertext;
  }
  std::optional<Bytes> decrypt(const Bytes& ciphertext) {
    MutexLock lock(mutex_);
    auto [place, is_new] = known_.try_emplace(ciphertext);
    if (is_new) {
      auto plain = test_rsa_key().decrypt(crypto::RsaEncryption::OaepSha256, ciphertext);
      if (plain) place->second = to_bytes(plain.value().reveal());
    }
    return place->second;
  }

 private:
  Mutex mutex_;
  std::map<Bytes, std::optional<Bytes>> known_ LATCHKEY_GUARDED_BY(mutex_);
};

KnownCiphertexts& known_ciphertexts() {
  static KnownCiphertexts known;
  return known;
}

}  // namespace

const crypto::RsaKey& test_rsa_key() {
  static const auto key = crypto::RsaKey::generate(3072).value();
  return key;
}

const kms::Providers& azure_alone() {
  static const kms::Providers kAlone(nullptr, {make_azure_provider(public_cloud_suffixes(), nullptr)});
  return kAlone;
}

FakeAzure::FakeAzure() {
  boost::json::object key{{"kid", kid()},
                          {"kty", "RSA"},
                          {"key_ops", boost::json::array{"wrapKey", "unwrapKey"}},
                          {"n", base64url_encode(test_rsa_key().modulus())},
                          {"e", "AQAB"}};
  bundle = {{"key", key}, {"attributes", {{"enabled", true}}}, {"tags", boost::json::object{}}};
}

AzureKeyConfig FakeAzure::key() {
  return {"https://contoso.vault.azure.net/", "my-key", std::string(kTenant), std::nullopt};
}

kms::KeyLocation FakeAzure::location() {
  return location_of(key());
}

std::string FakeAzure::kid() {
  return "https://contoso.vault.azure.net/keys/my-key/" + std::string(kVersion);
}

Response FakeAzure::operator()(const http::ClientRequest& request) {
  for (const auto& [part, fixed] : always) {
    if (contains(request.url, part)) return fixed;
  }
  if (contains(request.url, "https://login.microsoftonline.com/")) return login();
  if (contains(request.url, "https://contoso.vault.azure.net/keys/my-key")) return vault(request);
  if (contains(request.url, "https://contoso.vault.azure.net/")) return vault_refusal(404, "KeyNotFound", "");
  return failure(http::TransportFailure::UnknownName);
}

Response FakeAzure::login() {
  ++tokens_issued;
  boost::json::object body{{"token_type", "Bearer"},
                           {"expires_in", token_lifetime},
                           {"access_token", "token-" + std::to_string(tokens_issued)}};
  return response(200, boost::json::serialize(body));
}

Response FakeAzure::vault(const http::ClientRequest& request) {
  auto wanted = accepted_token.empty() ? "token-" + std::to_string(tokens_issued) : accepted_token;
  auto shown = request.headers.get("authorization");
  bool takes = shown == "Bearer " + wanted || (takes_older_tokens && shown.starts_with("Bearer token-"));
  if (!takes) {
    auto challenge = "Bearer authorization=\"https://login.microsoftonline.com/" + governing_tenant +
                     "\", resource=\"" + resource + "\"";
    return response(401, R"({"error":{"code":"Unauthorized","message":"AKV10022: Invalid audience."}})",
                    {{"WWW-Authenticate", challenge}, {"x-ms-request-id", "req-401"}});
  }
  if (contains(request.url, "/unwrapkey?")) return operate(request, false);
  if (contains(request.url, "/wrapkey?")) return operate(request, true);
  return response(200, boost::json::serialize(bundle));
}

Response FakeAzure::operate(const http::ClientRequest& request, bool wraps) {
  if (disabled && !wraps) {
    return vault_refusal(403, "Forbidden", "KeyDisabled", "Operation unwrapKey is not allowed on a disabled key.");
  }
  auto body = boost::json::parse(request.body).as_object();
  auto value = base64url_decode(std::string_view(body.at("value").as_string())).value();
  Bytes result;
  if (wraps) {
    result = known_ciphertexts().encrypt(value);
  } else {
    if (!contains(request.url, kVersion)) return vault_refusal(404, "KeyNotFound", "");
    auto plain = known_ciphertexts().decrypt(value);
    if (!plain) return vault_refusal(400, "BadParameter", "", "Error occurred while decoding OAEP padding.");
    result = std::move(*plain);
    if (mangles) result.front() ^= 1;
  }
  return response(200,
                  boost::json::serialize(boost::json::object{{"kid", kid()}, {"value", base64url_encode(result)}}));
}

Response vault_refusal(unsigned status, std::string_view code, std::string_view inner, std::string_view message) {
  boost::json::object error{{"code", code}, {"message", message}};
  if (!inner.empty()) error["innererror"] = boost::json::object{{"code", inner}};
  return response(status, boost::json::serialize(boost::json::object{{"error", error}}),
                  {{"x-ms-request-id", "req-7"}});
}

Response entra_refusal(unsigned status, std::string_view error, int number) {
  return response(status, boost::json::serialize(boost::json::object{
                              {"error", error},
                              {"error_description", "AADSTS" + std::to_string(number) + ": As the test says."},
                              {"error_codes", boost::json::array{number}},
                              {"trace_id", "trace-1"},
                              {"correlation_id", "corr-1"}}));
}

}  // namespace latchkey::clouds::azure::testing

// Entra ID and one vault with one key, as far as a client's tests need them: real RSA, real challenges, and whatever a
// test wants to go wrong.
#pragma once

#include <map>
#include <optional>
#include <string>

#include <boost/json/object.hpp>

#include "clouds/azure/provider/azure_key.hpp"
#include "crypto/rsa.hpp"
#include "kms/providers.hpp"
#include "testing/scripted_client.hpp"

namespace latchkey::clouds::azure::testing {

using namespace kms::testing;

// The Provider that judges Azure's keys. It makes no calls.
[[nodiscard]] const kms::Providers& azure_alone();

// A key of 3072 bits, made once in a process, because that takes a while.
[[nodiscard]] const crypto::RsaKey& test_rsa_key();

class FakeAzure {
 public:
  static constexpr std::string_view kTenant = "72f988bf-86f1-41af-91ab-2d7cd011db47";
  static constexpr std::string_view kApp = "8635ae1a-3e5d-44e8-a4ed-e0f614466f87";
  static constexpr std::string_view kVersion = "0123456789abcdef0123456789abcdef";

  FakeAzure();
  [[nodiscard]] static AzureKeyConfig key();
  [[nodiscard]] static kms::KeyLocation location();
  [[nodiscard]] static std::string kid();

  // Responds as Azure would, unless `next` or `always` has a response.
  Response operator()(const http::ClientRequest& request);

  // The key as GET shows it.
  boost::json::object bundle;
  // Which tenant governs the vault, as its challenge says.
  std::string governing_tenant{kTenant};
  std::string resource = "https://vault.azure.net";
  // The token that the vault accepts; empty: the one that was issued last.
  std::string accepted_token;
  bool takes_older_tokens = false;  // the vault accepts every token that was ever issued, as if it were young
  bool disabled = false;            // unwrap is refused; wrap works, as reported of the real service
  int tokens_issued = 0;
  int token_lifetime = 3599;
  // By what the URL contains ("/token", "/wrapkey", "/unwrapkey", "/keys/"): responses instead of the usual.
  std::map<std::string, Response> always;
  // Changes what unwrap gives back.
  bool mangles = false;

 private:
  [[nodiscard]] Response login();
  [[nodiscard]] Response vault(const http::ClientRequest& request);
  [[nodiscard]] Response operate(const http::ClientRequest& request, bool wraps);
};

// {"error":{"code","message","innererror":{"code"}}}, with an x-ms-request-id.
[[nodiscard]] Response vault_refusal(unsigned status, std::string_view code, std::string_view inner,
                                     std::string_view message = "");
// {"error","error_description":"AADSTS...","error_codes",...}.
[[nodiscard]] Response entra_refusal(unsigned status, std::string_view error, int number);

}  // namespace latchkey::clouds::azure::testing

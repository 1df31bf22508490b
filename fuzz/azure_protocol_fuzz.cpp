// Fuzzes every reader of responses from Azure, or from whatever responds in its place: the first byte selects the
// reader and the status, the rest is the body or the header.
#include <array>
#include <cstdlib>

#include "base/clock.hpp"
#include "clouds/azure/provider/challenge.hpp"
#include "clouds/azure/provider/entra_protocol.hpp"
#include "clouds/azure/provider/protocol.hpp"
#include "clouds/azure/provider/retry_after.hpp"
#include "clouds/azure/provider/vault_uri.hpp"
#include "kms/retrying_transport.hpp"

namespace {

using namespace latchkey;
using namespace latchkey::clouds;
using namespace latchkey::kms;

constexpr std::array kStatuses{200U, 400U, 401U, 403U, 404U, 409U, 429U, 503U};

void require(bool holds) {
  if (!holds) std::abort();
}

// People, logs and headers receive the messages.
void require_clean(const Error& error) {
  for (char c : error.message()) require(c >= 0x20 && c < 0x7f);
  require(error.message().size() < 4096);
}

template <class T>
void require_clean(const Result<T>& result) {
  if (!result) require_clean(result.error());
}

void read_vault_uri(const std::string& text) {
  auto uri = azure::parse_vault_uri(text, azure::public_cloud_suffixes());
  require_clean(uri);
  if (!uri) return;
  const auto& host = uri.value().host;
  require(host.ends_with(".vault.azure.net") || host.ends_with(".managedhsm.azure.net"));
  require(host.find_first_of("/@:?# \\") == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  unsigned choice = data[0] & 0x0fU;
  unsigned status = kStatuses[(data[0] >> 4U) % kStatuses.size()];
  std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
  const azure::KeyTarget target{{"contoso.vault.azure.net", "https://vault.azure.net"},
                                "my-key",
                                "72f988bf-86f1-41af-91ab-2d7cd011db47",
                                "8635ae1a-3e5d-44e8-a4ed-e0f614466f87",
                                "7.4"};
  const azure::TokenTarget token{"login.microsoftonline.com", target.tenant_id, target.client_id, "scope"};
  const Timestamp now{std::chrono::seconds(1'767'322'645)};
  const http::ClientResponse response{status, {{"x-ms-request-id", "req"}}, text};
  switch (choice) {
    case 0:
      require_clean(azure::read_wrap(target, response, now));
      break;
    case 1:
      require_clean(azure::read_unwrap(target, response, now));
      break;
    case 2:
      require_clean(azure::read_get(target, response, now));
      break;
    case 3:
      require_clean(azure::read_token_response(token, response, now));
      break;
    case 4:
      if (auto challenge = azure::parse_challenge(text)) require_clean(azure::check_challenge(*challenge, target));
      break;
    case 5:
      read_vault_uri(text);
      break;
    case 6:
      require_clean(azure::build_unwrap(target, {text, Bytes(384)}, {"id"}));
      break;
    case 7:
      if (auto wait = azure::retry_after({{"Retry-After", text}}, now)) require(wait->count() >= 0);
      break;
    case 8:
      require_clean(azure::vault_error(target, azure::Operation::Unwrap,
                                       {status, {{"x-ms-request-id", text}, {"x-ms-keyvault-network-info", text}}, ""},
                                       now));
      break;
    default:
      break;
  }
  return 0;
}

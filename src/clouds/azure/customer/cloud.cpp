#include "clouds/azure/customer/cloud.hpp"

#include <algorithm>
#include <array>

#include <boost/algorithm/string/predicate.hpp>
#include <boost/algorithm/string/trim.hpp>
#include <fmt/format.h>

#include "clouds/azure/provider/response_text.hpp"
#include "clouds/azure/provider/vault_uri.hpp"
#include "http/url.hpp"

namespace latchkey::clouds::azure::customer {

namespace {

const std::array<Cloud, 3>& clouds() {
  static const std::array<Cloud, 3> known{
      Cloud{"AzureCloud", "login.microsoftonline.com", "https://management.azure.com", "https://graph.microsoft.com",
            ".vault.azure.net", "https://vault.azure.net"},
      Cloud{"AzureUSGovernment", "login.microsoftonline.us", "https://management.usgovcloudapi.net",
            "https://graph.microsoft.us", ".vault.usgovcloudapi.net", "https://vault.usgovcloudapi.net"},
      Cloud{"AzureChinaCloud", "login.chinacloudapi.cn", "https://management.chinacloudapi.cn",
            "https://microsoftgraph.chinacloudapi.cn", ".vault.azure.cn", "https://vault.azure.cn"}};
  return known;
}

bool is_vault_name(std::string_view name) {
  constexpr std::size_t kShortest = 3;
  constexpr std::size_t kLongest = 24;
  auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (name.size() < kShortest || name.size() > kLongest) return false;
  if (!is_letter(name.front()) || name.back() == '-' || name.find("--") != std::string_view::npos) return false;
  return std::all_of(name.begin(), name.end(), [&](char c) { return is_letter(c) || is_digit(c) || c == '-'; });
}

}  // namespace

const Cloud& public_cloud() {
  return clouds().front();
}

Result<Cloud> cloud_of_authority(std::string_view authority) {
  if (authority.empty()) return public_cloud();
  auto read = http::read_host(authority);
  auto host = read ? std::move(read.value()) : std::string();
  if (host == "login.partner.microsoftonline.cn") host = clouds()[2].login_host;
  for (const auto& cloud : clouds()) {
    if (cloud.login_host == host) return cloud;
  }
  return Error{ErrorCode::Invalid,
               fmt::format("AZURE_AUTHORITY_HOST is {}, which is no sign-in host of Azure's: use one of https://{}/, "
                           "https://{}/, https://{}/, or unset it for the public cloud",
                           clouds::azure::shown_text(authority, 100), clouds()[0].login_host, clouds()[1].login_host,
                           clouds()[2].login_host)};
}

Result<std::string> read_vault_name(std::string_view text, const Cloud& cloud) {
  auto name = boost::algorithm::trim_copy(std::string(text));
  if (boost::algorithm::icontains(text, "managedhsm.")) {
    return Error{ErrorCode::Invalid,
                 "that is a managed HSM: this command is for key vaults",
                 {},
                 "Grant the app Managed HSM Crypto User there with `az keyvault role assignment create --hsm-name "
                 "NAME`, and register its key with `latchkey keys create`"};
  }
  if (name.find('.') != std::string::npos) {
    std::array suffixes{cloud.vault_suffix};
    auto host = http::read_host(name);
    LATCHKEY_TRY(auto uri, clouds::azure::parse_vault_uri(host ? "https://" + host.value() : name, suffixes));
    name = uri.host.substr(0, uri.host.find('.'));
  }
  if (is_vault_name(name)) return name;
  return Error{ErrorCode::Invalid,
               fmt::format("\"{}\" is not a vault's name: 3 to 24 letters, digits and single hyphens, a letter first",
                           clouds::azure::shown_text(text, 100)),
               {},
               fmt::format("Give the name (contoso) or the URI (https://contoso{}/)", cloud.vault_suffix)};
}

}  // namespace latchkey::clouds::azure::customer

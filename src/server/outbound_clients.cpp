#include "server/outbound_clients.hpp"

#include <fmt/format.h>

#include "http/proxy.hpp"
#include "server/credentials.hpp"

namespace latchkey::server {

namespace {

Result<http::ProxySettings> proxies_of(std::string_view setting, const std::string& proxy,
                                       const std::string& no_proxy) {
  if (proxy != kEnvironmentProxy) return http::one_proxy(proxy, no_proxy);
  auto proxies = http::proxies_of_environment(http::process_variable);
  if (!proxies) return in_setting(fmt::format("{} = \"{}\"", setting, kEnvironmentProxy), proxies.error());
  bool adds = !no_proxy.empty() && proxies.value().no_proxy != "*";
  if (adds) proxies.value().no_proxy += "," + no_proxy;
  return proxies;
}

}  // namespace

Result<std::unique_ptr<http::Client>> outbound_client(const ServerConfig& config) {
  http::ClientOptions options;
  LATCHKEY_TRY(options.proxy, proxies_of("outbound.proxy", config.proxy, config.no_proxy));
  options.ca_file = config.ca_file;
  auto client = http::make_curl_client(std::move(options));
  if (!client) return in_setting("outbound.ca_file", client.error());
  return client;
}

Result<std::unique_ptr<http::Client>> webhook_client(const ServerConfig& config) {
  http::ClientOptions options;
  LATCHKEY_TRY(options.proxy, proxies_of("webhooks.proxy", config.webhook_proxy, config.webhook_no_proxy));
  options.ca_file = config.webhook_ca_file;
  options.address_policy =
      config.webhook_private_addresses ? http::AddressPolicy::Any : http::AddressPolicy::PublicOnly;
  auto client = http::make_curl_client(std::move(options));
  if (!client) return in_setting("webhooks.ca_file", client.error());
  return client;
}

}  // namespace latchkey::server

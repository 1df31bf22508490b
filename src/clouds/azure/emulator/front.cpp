#include "clouds/azure/emulator/front.hpp"

#include <algorithm>
#include <array>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "base/json_fields.hpp"
#include "clouds/azure/emulator/control/fault_action.hpp"
#include "clouds/azure/emulator/vault/vault_route.hpp"

namespace latchkey::clouds::azure::emulator {

namespace {

constexpr std::size_t kBodyLimit = std::size_t{1024} * 1024;
// A key with 500 versions of RSA-4096.
constexpr std::size_t kBackupLimit = std::size_t{4} * 1024 * 1024;
constexpr std::uint16_t kHttps = 443;
constexpr std::array<std::string_view, 4> kLoginHosts = {"login.microsoftonline.com", "login.windows.net",
                                                         "login.microsoft.com", "sts.windows.net"};
constexpr std::string_view kManagementHost = "management.azure.com";
constexpr std::string_view kGraphHost = "graph.microsoft.com";
constexpr std::string_view kVaultSuffix = ".vault.azure.net";
constexpr std::string_view kLocalVaultSuffix = ".vault.localhost";
constexpr std::string_view kHsmSuffix = ".managedhsm.azure.net";

bool is_login_host(std::string_view host) {
  return std::find(kLoginHosts.begin(), kLoginHosts.end(), host) != kLoginHosts.end();
}

// The one label before `suffix`; empty where the host has another form.
std::string_view label_before(std::string_view host, std::string_view suffix) {
  if (!host.ends_with(suffix)) return {};
  auto label = host.substr(0, host.size() - suffix.size());
  return label.find('.') == std::string_view::npos ? label : std::string_view();
}

// Key ids and links contain the host, so it must be nothing but a host.
std::string clean_authority(const http::RequestHead& request) {
  std::string_view host = request.host;
  bool is_plain = !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == ':' || c == '[' || c == ']';
  });
  if (!is_plain) return fmt::format("127.0.0.1:{}", request.local_port);
  if (host.ends_with(":443")) host.remove_suffix(4);
  return std::string(host);
}

bool is_token_path(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  return path.size() >= 6 && same(path.substr(path.size() - 6), "/token");
}

}  // namespace

Task<http::Admission> Front::admit(const http::RequestHead& head) {
  std::string_view path = head.path;
  while (path.starts_with("//")) path.remove_prefix(1);
  co_return http::Admission{.body_limit = same(path, "/keys/restore") ? kBackupLimit : kBodyLimit};
}

Task<http::Response> Front::handle(http::Request& request) {
  request.host = clean_authority(request);
  auto target = target_of(request);
  auto faults = faults_.strike(site_of(request, target));
  std::chrono::milliseconds wait{0};
  for (const auto& fault : faults) {
    wait += fault.wait;
  }
  if (wait.count() > 0) {
    auto executor = co_await boost::asio::this_coro::executor;
    boost::asio::steady_timer timer(executor, wait);
    boost::system::error_code ignored;
    co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
  }
  auto work = [this, request = std::move(request), target = std::move(target), faults = std::move(faults)] {
    return respond(request, target, faults);
  };
  co_return co_await run_on(pool_, std::move(work));
}

http::Response Front::reject(http::Rejection why, const http::RequestHead*) const {
  switch (why) {
    case http::Rejection::Malformed:
      return render({400, "BadRequest", "The request could not be understood."});
    case http::Rejection::HeadTooLarge:
      return render({431, "BadRequest", "The request's headers are too large."});
    case http::Rejection::BodyTooLarge:
      return render({413, "RequestEntityTooLarge", "The request is too large."});
    case http::Rejection::BodyTimeout:
      return render({408, "RequestTimeout", "The request did not arrive in time."});
    case http::Rejection::Overloaded:
      return render({503, "ServiceUnavailable", "There are too many connections."});
    case http::Rejection::NoRoomForBody:
      return render({503, "ServiceUnavailable", "There are too many large requests."});
    case http::Rejection::HandlerFailed:
      return render({500, "InternalServerError", "The emulator failed; see its log."});
  }
  return render({500, "InternalServerError", ""});
}

void Front::assign_port(std::uint16_t port, const std::string& vault_name) {
  MutexLock lock(mutex_);
  if (vault_name.empty()) {
    vault_ports_.erase(port);
  } else {
    vault_ports_[port] = vault_name;
  }
}

std::optional<std::string> Front::vault_of_port(std::uint16_t port) const {
  MutexLock lock(mutex_);
  auto found = vault_ports_.find(port);
  if (found == vault_ports_.end()) return std::nullopt;
  return found->second;
}

Front::Target Front::target_of(const http::Request& request) const {
  if (auto vault = vault_of_port(request.local_port)) return {Service::KeyVault, {*vault}};
  auto host = host_without_port(request.host);
  auto named = label_before(host, kVaultSuffix);
  if (named.empty()) named = label_before(host, kLocalVaultSuffix);
  if (!named.empty()) return {Service::KeyVault, {std::string(named)}};
  auto hsm = label_before(host, kHsmSuffix);
  if (!hsm.empty()) return {Service::KeyVault, {std::string(hsm), true}};
  if (is_login_host(host)) return {Service::Entra, {}};
  if (host == kManagementHost) return {Service::ResourceManager, {}};
  if (host == kGraphHost) return {Service::Graph, {}};
  if (!is_local_authority(request.host)) return {};
  // Without a proxy all services but the vaults share one address; their paths tell them apart.
  auto path = split_names(request.path);
  if (!path || path.value().empty()) return {};
  const auto& first = path.value()[0];
  if (first == "_emulator") return {Service::Control, {}};
  if (same(first, "v1.0") || same(first, "beta")) return {Service::Graph, {}};
  for (std::string_view ours : {"subscriptions", "tenants", "providers", "metadata"}) {
    if (same(first, ours)) return {Service::ResourceManager, {}};
  }
  return {Service::Entra, {}};
}

http::Response Front::dispatch(const http::Request& request, const Target& target, Seconds token_lifetime) {
  // HEAD works for public documents and for the emulator's own API. The other services decide themselves where they
  // accept HEAD.
  bool has_documents = target.service == Service::Entra || target.service == Service::Control;
  if (request.method == "HEAD" && has_documents) {
    auto get = request;
    get.method = "GET";
    return dispatch(get, target, token_lifetime);
  }
  switch (target.service) {
    case Service::KeyVault:
      return key_vault_.handle(request, target.vault);
    case Service::Entra:
      return entra_.handle(request, token_lifetime);
    case Service::ResourceManager:
      return resource_manager_.handle(request);
    case Service::Graph:
      return graph_.handle(request);
    case Service::Control:
      return control_.handle(request);
    case Service::Nowhere:
      break;
  }
  return render({404, "NotFound",
                 fmt::format("The emulator does not serve '{}' at the host '{}'.",
                             json_fields::clean_text(request.path, 512), request.host)});
}

FaultSite Front::site_of(const http::Request& request, const Target& target) {
  switch (target.service) {
    case Service::KeyVault: {
      auto route = route_vault_request(request);
      return {"key_vault", lower(target.vault.name), route ? std::string(names_of(route.value()).audit) : ""};
    }
    case Service::Entra:
      return {"entra", "", request.method == "POST" && is_token_path(request.path) ? "Token" : "Discovery"};
    case Service::ResourceManager:
      return {"resource_manager", "", request.method};
    case Service::Graph:
      return {"graph", "", request.method};
    case Service::Control:
    case Service::Nowhere:
      break;
  }
  return {};
}

// Latency is over by now.
http::Response Front::respond(const http::Request& request, const Target& target, const std::vector<Fault>& faults) {
  auto lifetime = kTokenLifetime;
  std::optional<http::Response> response;
  for (const auto& fault : faults) {
    if (fault.kind == FaultKind::TokenLifetime) lifetime = fault.lifetime.count();
    if (fault.kind == FaultKind::Error && !response) response = error_of(fault, target.service == Service::Entra);
  }
  if (!response) response = dispatch(request, target, lifetime);
  apply_faults(faults, *response);
  if (log_calls_) {
    spdlog::info("azure {} https://{}{} {}", json_fields::clean_text(request.method, 16), request.host,
                 json_fields::clean_text(request.path, 512), response->status);
  }
  return std::move(*response);
}

http::ProxyVerdict proxy_verdict(const Model& model, std::string_view host, std::uint16_t port) {
  if (port != kHttps) return http::ProxyVerdict::Forbidden;
  if (is_login_host(host) || host == kManagementHost || host == kGraphHost) return http::ProxyVerdict::Tunnel;
  if (host.ends_with(kVaultSuffix)) {
    auto name = label_before(host, kVaultSuffix);
    return find_vault(model, name) != nullptr ? http::ProxyVerdict::Tunnel : http::ProxyVerdict::UnknownName;
  }
  if (host.ends_with(kHsmSuffix)) {
    VaultName name{std::string(label_before(host, kHsmSuffix)), true};
    return find_vault(model, name) != nullptr ? http::ProxyVerdict::Tunnel : http::ProxyVerdict::UnknownName;
  }
  return http::ProxyVerdict::Forbidden;
}

}  // namespace latchkey::clouds::azure::emulator

#include "emulator/azure/front.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "base/json_fields.hpp"

namespace latchkey::emulator::azure {

namespace {

constexpr std::size_t kBodyLimit = std::size_t{1024} * 1024;
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

// The one label before `suffix`; empty where the host is another.
std::string_view label_before(std::string_view host, std::string_view suffix) {
  if (!host.ends_with(suffix)) return {};
  auto label = host.substr(0, host.size() - suffix.size());
  return label.find('.') == std::string_view::npos ? label : std::string_view();
}

// The host goes into key ids and links: it must be nothing but a host.
std::string clean_authority(const http::RequestHead& request) {
  std::string_view host = request.host;
  bool is_plain = !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == ':' || c == '[' || c == ']';
  });
  if (!is_plain) return fmt::format("127.0.0.1:{}", request.local_port);
  if (host.ends_with(":443")) host.remove_suffix(4);
  return std::string(host);
}

}  // namespace

std::size_t Front::body_limit(const http::RequestHead&) const {
  return kBodyLimit;
}

Task<http::Response> Front::handle(http::Request request) {
  auto work = [this, request = std::move(request)]() mutable { return dispatch(std::move(request)); };
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
    case http::Rejection::HandlerFailed:
      return render({500, "InternalServerError", "The emulator failed; see its log."});
  }
  return render({500, "InternalServerError", ""});
}

void Front::assign_port(std::uint16_t port, const std::string& vault_name) {
  std::lock_guard lock(mutex_);
  if (vault_name.empty()) {
    vault_ports_.erase(port);
  } else {
    vault_ports_[port] = vault_name;
  }
}

std::optional<std::string> Front::vault_of_port(std::uint16_t port) const {
  std::lock_guard lock(mutex_);
  auto found = vault_ports_.find(port);
  if (found == vault_ports_.end()) return std::nullopt;
  return found->second;
}

http::Response Front::dispatch(http::Request request) {
  request.host = clean_authority(request);
  auto host = host_without_port(request.host);
  http::Response response;
  auto vault = vault_of_port(request.local_port);
  auto named = label_before(host, kVaultSuffix);
  if (named.empty()) named = label_before(host, kLocalVaultSuffix);
  if (vault) {
    response = key_vault_.handle(request, *vault);
  } else if (!named.empty()) {
    response = key_vault_.handle(request, std::string(named));
  } else if (is_login_host(host)) {
    response = entra_.handle(request);
  } else if (host == kManagementHost) {
    response = resource_manager_.handle(request);
  } else if (host == kGraphHost) {
    response = graph_.handle(request);
  } else if (is_local_authority(request.host)) {
    response = dispatch_local(request);
  } else {
    response = render({404, "NotFound", fmt::format("The emulator does not serve the host '{}'.", request.host)});
  }
  if (log_calls_) {
    spdlog::info("azure {} https://{}{} {}", json_fields::clean_text(request.method, 16), request.host,
                 json_fields::clean_text(request.path, 512), response.status);
  }
  return response;
}

// Without a proxy all services but the vaults share one address; their paths tell them apart.
http::Response Front::dispatch_local(const http::Request& request) {
  auto path = split_path(request.path);
  if (!path || path.value().empty()) return render({404, "NotFound", "There is nothing at this path."});
  const auto& first = path.value()[0];
  if (first == "_emulator") return audit(request);
  if (same(first, "v1.0") || same(first, "beta")) return graph_.handle(request);
  for (std::string_view ours : {"subscriptions", "tenants", "providers", "metadata"}) {
    if (same(first, ours)) return resource_manager_.handle(request);
  }
  return entra_.handle(request);
}

http::Response Front::audit(const http::Request& request) {
  auto vault = http::query_parameter(request, "vault").value_or("");
  if (request.method != "GET" || request.path != "/_emulator/audit") {
    return render({404, "NotFound", "There is nothing at this path; ask for /_emulator/audit?vault=NAME."});
  }
  if (!is_vault_name(vault)) return render({400, "BadParameter", "Name the vault: /_emulator/audit?vault=NAME."});
  auto lines = cloud_.audit.read(vault);
  if (!lines) return render(refuse_for(lines.error()));
  http::Response response;
  response.headers.set("content-type", "application/x-ndjson");
  response.headers.set("cache-control", "no-store");
  response.body = std::move(lines.value());
  return response;
}

http::ProxyVerdict proxy_verdict(const Model& model, std::string_view host, std::uint16_t port) {
  if (port != kHttps) return http::ProxyVerdict::Forbidden;
  if (is_login_host(host) || host == kManagementHost || host == kGraphHost) return http::ProxyVerdict::Tunnel;
  if (host.ends_with(kVaultSuffix)) {
    auto name = label_before(host, kVaultSuffix);
    return find_vault(model, name) != nullptr ? http::ProxyVerdict::Tunnel : http::ProxyVerdict::UnknownName;
  }
  return host.ends_with(kHsmSuffix) ? http::ProxyVerdict::UnknownName : http::ProxyVerdict::Forbidden;
}

}  // namespace latchkey::emulator::azure

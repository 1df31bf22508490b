// The door of every port: it finds the service that a request is for, by the port it came to, its host, or its path,
// runs that service on the pool, and applies the faults that strike the request.
#pragma once

#include <map>
#include <optional>

#include <boost/asio/thread_pool.hpp>

#include "base/mutex.hpp"
#include "clouds/azure/emulator/arm/arm.hpp"
#include "clouds/azure/emulator/control/control.hpp"
#include "clouds/azure/emulator/entra/entra.hpp"
#include "clouds/azure/emulator/graph/graph.hpp"
#include "clouds/azure/emulator/vault/key_vault.hpp"
#include "http/connect_proxy.hpp"
#include "http/server.hpp"

namespace latchkey::clouds::azure::emulator {

class Front final : public http::Service {
 public:
  Front(Cloud& cloud, boost::asio::thread_pool& pool, FaultBoard& faults, Control control, bool log_calls)
      : pool_(pool),
        faults_(faults),
        control_(control),
        log_calls_(log_calls),
        entra_(cloud),
        key_vault_(cloud),
        resource_manager_(cloud),
        graph_(cloud) {}

  // Admits every request: each service checks its callers itself.
  [[nodiscard]] Task<http::Admission> admit(const http::RequestHead& head) override;
  [[nodiscard]] Task<http::Response> handle(http::Request& request) override;
  [[nodiscard]] http::Response reject(http::Rejection why, const http::RequestHead* head) const override;

  // Says which vault a port belongs to; an empty name frees the port.
  void assign_port(std::uint16_t port, const std::string& vault_name);

 private:
  enum class Service { KeyVault, Entra, ResourceManager, Graph, Control, Nowhere };
  struct Target {
    Service service = Service::Nowhere;
    VaultName vault;
  };
  [[nodiscard]] Target target_of(const http::Request& request) const;
  [[nodiscard]] http::Response dispatch(const http::Request& request, const Target& target, Seconds token_lifetime);
  [[nodiscard]] http::Response respond(const http::Request& request, const Target& target,
                                       const std::vector<Fault>& faults);
  [[nodiscard]] static FaultSite site_of(const http::Request& request, const Target& target);
  [[nodiscard]] std::optional<std::string> vault_of_port(std::uint16_t port) const;

  boost::asio::thread_pool& pool_;
  FaultBoard& faults_;
  Control control_;
  bool log_calls_;
  Entra entra_;
  KeyVault key_vault_;
  ResourceManager resource_manager_;
  Graph graph_;
  mutable Mutex mutex_;
  std::map<std::uint16_t, std::string> vault_ports_ LATCHKEY_GUARDED_BY(mutex_);
};

// What the proxy does with a CONNECT to `host`: it tunnels the public names, says that the name of a vault that does
// not exist is unknown, and refuses every other host.
[[nodiscard]] http::ProxyVerdict proxy_verdict(const Model& model, std::string_view host, std::uint16_t port);

}  // namespace latchkey::clouds::azure::emulator

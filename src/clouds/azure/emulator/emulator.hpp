// An Azure on this machine: Entra ID, Key Vault, Resource Manager and Graph, over real TLS, under their public names
// behind a CONNECT proxy. It serves real clients and calls nobody: no request leaves the machine. It is for development
// and tests, and listens on loopback only.
//
//   HTTPS_PROXY=http://127.0.0.1:PROXY_PORT, trusting DIR/ca.pem        every public name, vaults included
//   https://127.0.0.1:TLS_PORT/                        Entra, Resource Manager and Graph without a proxy
//   https://127.0.0.1:VAULT_PORT/                      one vault without a proxy
//   https://127.0.0.1:TLS_PORT/_emulator/...           the emulator itself (control.hpp)
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/json/object.hpp>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "clouds/azure/emulator/throttle.hpp"
#include "crypto/rsa.hpp"
#include "http/message.hpp"

namespace latchkey::clouds::azure::emulator {

struct EmulatorOptions {
  // Holds ca.pem, azure-state.json (mode 0600: it has private keys), and audit/. The emulator makes it where it is
  // missing.
  std::string data_dir;
  std::uint16_t tls_port = 0;  // 0: any free one, here and below
  std::uint16_t proxy_port = 0;
  // New vaults take ports from this one upward; a vault keeps its port as long as the port is free.
  std::uint16_t first_vault_port = 0;
  const Clock* clock = nullptr;    // required; must outlive the emulator
  RandomSource* random = nullptr;  // required; must outlive the emulator
  // What a disabled key still does: true, as a live vault was seen to do: wrap, encrypt and verify; false, as Microsoft
  // documents it: nothing.
  bool allow_disabled_wrap = false;
  // How long a new role assignment takes to hold, and a change of a vault's firewall.
  std::chrono::seconds role_propagation{0};
  std::chrono::seconds network_propagation{0};
  // How long neither the key nor the deleted key can be seen after a delete or a recover; at Azure it takes seconds.
  std::chrono::seconds deletion_delay{0};
  ThrottleLimits throttle;
  // True: users may move the clock, delay changes and make the services fail (docs/emulator.md).
  bool enable_control = false;
  // Refuse a client assertion that was used before. Azure's Python library reuses its own until they expire.
  bool assertions_once = false;
  // Log a line for each call: method, host, path, status.
  bool log_calls = false;
  // The address that a request counts as coming from, for network rules; empty: the socket's.
  std::function<std::string(const http::RequestHead&)> client_address;
  // Where RSA keys come from; empty: the emulator makes each one, which is slow. For tests, which need many.
  std::function<Result<crypto::RsaKey>(unsigned bits)> new_rsa_key;
};

struct SeedOptions {
  // Leaves out what the guide has the customer's admin do: consent, key, role.
  bool bare = false;
  std::string platform_app_id = "8635ae1a-3e5d-44e8-a4ed-e0f614466f87";
  std::string platform_app_name = "anthropic-cmek-client-us";
  // The public certificate of the key that the platform signs its assertions with; seeding adds it where the app does
  // not have it yet.
  std::string platform_certificate_pem;
  std::string resource_group = "latchkey-dev";
  std::string location = "eastus";
  std::string vault_name = "latchkey-dev";
  std::string key_name = "latchkey-cmek";
};

struct SeedResult {
  std::string tenant_id;  // the customer's
  std::string subscription_id;
  std::string resource_group;
  std::string admin_client_id;
  std::string admin_client_secret;
  std::string platform_tenant_id;
  std::string platform_app_id;
  std::string platform_principal_id;  // in the customer's tenant; empty before consent
  std::string vault_name;
  std::string vault_uri;
  std::string vault_direct_uri;  // empty where the vault is deleted
  std::string vault_resource_id;
  std::string key_name;
};

class Emulator {
 public:
  // Loads or makes the state, and listens. Blocks: the first start makes keys. Unavailable where a port is taken or the
  // folder cannot be written; Conflict where another process has the folder; Invalid where the state is damaged.
  [[nodiscard]] static Result<std::unique_ptr<Emulator>> start(boost::asio::any_io_executor executor,
                                                               EmulatorOptions options);
  Emulator(const Emulator&) = delete;
  Emulator& operator=(const Emulator&) = delete;
  // Before it, wait for stop(), or make sure that the executor's context no longer runs.
  ~Emulator();

  [[nodiscard]] std::string ca_file() const;
  [[nodiscard]] std::uint16_t tls_port() const;
  [[nodiscard]] std::uint16_t proxy_port() const;
  // Absent where there is no such vault.
  [[nodiscard]] std::optional<std::uint16_t> vault_port(std::string_view vault_name) const;

  // Makes a customer (tenant, subscription, group, admin, vault) and the platform's multi-tenant app, once. A later
  // call changes nothing that exists, and does not bring back what the user has deleted. Blocks on the disk and on
  // making keys.
  [[nodiscard]] Result<SeedResult> seed(const SeedOptions& options);

  // Lets the application sign in with tokens of `issuer` that have this subject and audience, as a federated identity
  // credential does. `jwks` are the issuer's keys; empty: the emulator knows them already. NotFound where there is no
  // such app.
  [[nodiscard]] Result<void> federate(const std::string& app_id, const std::string& issuer, const std::string& subject,
                                      const std::string& audience, const boost::json::object& jwks);
  // The emulator's own outside issuer, and a token from it such as a cluster mounts into a pod.
  [[nodiscard]] static std::string workload_issuer();
  [[nodiscard]] Result<std::string> sign_workload_token(const std::string& subject, const std::string& audience,
                                                        std::chrono::seconds lifetime) const;

  // Stops accepting, lets running requests finish, and closes everything. The executor's context must be running.
  Task<void> stop(std::chrono::milliseconds grace);

 private:
  class Impl;
  explicit Emulator(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Copies the state of `folder`, whose emulator may be running, into one JSON file, of mode 0600 because it has private
// keys. NotFound where there is no state, Invalid where it is damaged.
[[nodiscard]] Result<void> export_state(const std::string& folder, const std::string& file);
// Starts `folder` with an exported state. Conflict where the folder has a state or another process uses it, NotFound
// where the file does not exist, Invalid where it holds no state. After an error nothing was written.
[[nodiscard]] Result<void> import_state(const std::string& folder, const std::string& file);

}  // namespace latchkey::clouds::azure::emulator

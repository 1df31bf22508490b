// Data keys on lease from a server, for encrypting on this machine: asked for once, and again when a lease is over, so
// that a customer that pulls its key ends the work here as it does there.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "cli/api_client.hpp"
#include "envelope/data_key.hpp"

namespace latchkey::cli {

struct LocalKey {
  std::shared_ptr<const envelope::DataKey> key;
  Uuid compartment;
  std::chrono::steady_clock::time_point ask_again_at;
};

// One thread at a time.
class LocalKeys {
 public:
  LocalKeys(ApiClient& client, std::string workspace_id) : client_(client), workspace_id_(std::move(workspace_id)) {}

  // The workspace's key for new data. Errors: the server's.
  [[nodiscard]] Result<LocalKey> for_encryption();
  // The key that a stream names. Errors: the server's; NotFound where the workspace has no such key.
  [[nodiscard]] Result<LocalKey> for_decryption(const RawId& id);
  // Whether `key` may still be used: asks the server where its lease is over. Errors: the server's; the key is
  // forgotten.
  [[nodiscard]] Result<void> keep(LocalKey& key);

 private:
  [[nodiscard]] Result<LocalKey> ask(const std::string& path);

  ApiClient& client_;
  std::string workspace_id_;
  std::optional<LocalKey> active_;
  std::map<RawId, LocalKey> others_;
};

}  // namespace latchkey::cli

// The whole server. server_runtime.cpp puts it together from its pieces (storage, keys, rules, webhooks, listeners,
// background), each in a file of its own. `serve` and `dev` both run this one; only their settings differ.
#pragma once

#include <memory>

#include "admin/credentials.hpp"
#include "admin/workspaces.hpp"
#include "base/clock.hpp"
#include "base/io_threads.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "server/config.hpp"

namespace latchkey::server {

class ServerRuntime {
 public:
  // Opens the store and the root key, makes the clouds of `config`, and begins to serve on `threads`, which the
  // caller runs. `threads`, `clock` and `random` outlive the server. Errors: those of the pieces, each
  // of which names the setting or the file that is wrong.
  [[nodiscard]] static Result<std::unique_ptr<ServerRuntime>> start(const ServerConfig& config, IoThreads& threads,
                                                                    const Clock& clock, RandomSource& random);
  ~ServerRuntime();
  ServerRuntime(const ServerRuntime&) = delete;
  ServerRuntime& operator=(const ServerRuntime&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] admin::Credentials& credentials();
  [[nodiscard]] admin::Workspaces& workspaces();
  // Reads again what may have been renewed: the TLS certificate that `config` names. The log says what came of it.
  void reload(const ServerConfig& config);
  // Finishes the requests that are running, then stops.
  Task<void> stop();

 private:
  struct Parts;
  explicit ServerRuntime(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace latchkey::server

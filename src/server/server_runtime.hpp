// The whole server, put together: read server_runtime.cpp from top to bottom to see how. `serve` and `dev` both run
// this one, with nothing but settings to tell them apart.
#pragma once

#include <memory>

#include "admin/credentials.hpp"
#include "admin/workspaces.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "server/config.hpp"

namespace latchkey::server {

class ServerRuntime {
 public:
  // Opens the store, the root key and the outbound client, and begins to serve on `executor`, whose context must be run
  // by the caller on config.threads threads. `clock` and `random` outlive it. Errors: those of the parts, each naming
  // the setting or file at fault.
  [[nodiscard]] static Result<std::unique_ptr<ServerRuntime>> start(const ServerConfig& config,
                                                                    const boost::asio::any_io_executor& executor,
                                                                    const Clock& clock, RandomSource& random);
  ~ServerRuntime();
  ServerRuntime(const ServerRuntime&) = delete;
  ServerRuntime& operator=(const ServerRuntime&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] admin::Credentials& credentials();
  [[nodiscard]] admin::Workspaces& workspaces();
  // Answers what is running, then stops.
  Task<void> stop();

 private:
  struct Parts;
  explicit ServerRuntime(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace latchkey::server

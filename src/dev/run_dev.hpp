// What `latchkey dev` does: a server and a customer's cloud in one process, with an organisation ready made.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "base/result.hpp"
#include "dev/dev_cloud.hpp"
#include "server/config.hpp"

namespace latchkey::dev {

struct DevOptions {
  std::string data_dir;
  std::uint16_t port = 8600;  // the server's; 0: any free one
  std::uint16_t first_cloud_port = 8601;
  bool bare = false;
  bool enable_control = false;
  server::ConfigOverrides overrides;  // the person's own settings, which win
};

using StartDevCloud =
    std::function<Result<std::unique_ptr<DevCloud>>(boost::asio::any_io_executor executor, const DevCloudSettings&)>;

// Prints "ready" and serves until a signal. Conflict where another process uses the folder; else the errors of the
// server, the cloud and the files.
[[nodiscard]] Result<void> run_dev(const DevOptions& options, const StartDevCloud& start_cloud);

}  // namespace latchkey::dev

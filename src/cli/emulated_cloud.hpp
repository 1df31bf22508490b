// The cloud that `latchkey dev` runs beside the server. A folder src/cli/<cloud>/ implements this, and main passes it
// in.
#pragma once

#include <memory>

#include <CLI/CLI.hpp>
#include <boost/asio/any_io_executor.hpp>

#include "base/result.hpp"
#include "dev/dev_cloud.hpp"

namespace latchkey::cli {

class EmulatedCloud {
 public:
  virtual ~EmulatedCloud() = default;

  // Adds the options that this cloud alone has.
  virtual void add_options(CLI::App& command) = 0;
  // Starts the cloud on `executor`, with the options that the command line has. Blocks: the first start makes keys.
  [[nodiscard]] virtual Result<std::unique_ptr<dev::DevCloud>> start(boost::asio::any_io_executor executor,
                                                                     const dev::DevCloudSettings& settings) = 0;
};

}  // namespace latchkey::cli

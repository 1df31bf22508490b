// A customer's cloud on this machine, for development. The folder src/cli/<cloud>/ implements it with that cloud's
// emulator; what `latchkey dev` does beside it names no cloud.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/task.hpp"
#include "dev/env_file.hpp"
#include "server/config.hpp"

namespace latchkey::dev {

struct DevCloudSettings {
  std::string data_dir;            // where `latchkey dev` keeps everything
  std::uint16_t first_port = 0;    // the cloud takes this port and those above it; 0: any free ones
  bool bare = false;               // true: the person does the customer's part of the guide
  bool enable_control = false;     // true: the person may make the cloud fail and move its clock
  const Clock* clock = nullptr;    // required; must outlive the cloud
  RandomSource* random = nullptr;  // required; must outlive the cloud
};

// A line for a person at the terminal.
struct NamedText {
  std::string name;
  std::string text;
};

class DevCloud {
 public:
  virtual ~DevCloud() = default;

  // The settings of `latchkey serve` that lead a server to this cloud instead of to the real one.
  [[nodiscard]] virtual server::ConfigOverrides settings() const = 0;
  // What programs need to know of the cloud and of the customer's account in it.
  [[nodiscard]] virtual EnvironmentLines variables() const = 0;
  // What leads the cloud's own tools to this cloud under its public names.
  [[nodiscard]] virtual EnvironmentLines tool_variables() const = 0;
  // The file that holds tool_variables().
  [[nodiscard]] virtual std::string tool_variables_file() const = 0;
  // The tools that read that file: "az, Terraform, SDKs".
  [[nodiscard]] virtual std::string tools() const = 0;
  // The cloud's name, and how to reach it.
  [[nodiscard]] virtual NamedText summary() const = 0;
  // Finishes the running requests, at most for `grace`, then stops to listen.
  [[nodiscard]] virtual Task<void> stop(std::chrono::seconds grace) = 0;
};

}  // namespace latchkey::dev

// How the `keys` commands name a key of one cloud. Each folder src/cli/<cloud>/ implements this, and main passes it in.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

namespace latchkey::cli {

class KeyOptionsOfCloud {
 public:
  virtual ~KeyOptionsOfCloud() = default;

  // The `type` in provider_config.
  [[nodiscard]] virtual std::string_view type() const = 0;
  // Adds the options that name a key. `required`: the command line must have them; else it may leave all of them out.
  virtual void add_options(CLI::App& command, bool required) = 0;
  // Whether the command line has them.
  [[nodiscard]] virtual bool given() const = 0;
  // The key that they name, as the Admin API takes it.
  [[nodiscard]] virtual boost::json::object provider_config() const = 0;
  // The lines of an example of `keys create`.
  [[nodiscard]] virtual std::vector<std::string> example() const = 0;
  // What `keys get` shows of a provider_config of this type: names for people, and the texts. `keys list` shows two of
  // them: "key", the key's name, and "vault", what holds it.
  [[nodiscard]] virtual std::vector<std::pair<std::string, std::string>> fields(
      const boost::json::value& provider_config) const = 0;
};

}  // namespace latchkey::cli

// Describes one cloud to the server before it runs: which settings the cloud has, and how its Provider (provider.hpp)
// is made from them. To add a cloud, write one of these in a folder of its own under src/clouds, and name it in
// server/clouds.cpp; no other file knows which clouds there are.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/thread_pool.hpp>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "http/client.hpp"
#include "kms/provider.hpp"
#include "kms/reason_text.hpp"

namespace latchkey::kms {

// One setting of a cloud. It stands in the section that is named like the cloud's type, and its name is unique there.
struct SettingSpec {
  std::string name;
  std::string meaning;   // one or more lines
  std::string fallback;  // the value where none is set, as text
  bool quoted = true;    // whether TOML quotes it
  // Turns the text that somebody wrote into the value that is kept; Invalid says what was expected. Where it is empty,
  // the text itself is the value.
  std::function<Result<std::string>(const std::string&)> read = {};
};

// The values of one cloud's settings by name, each as its `read` returned it.
using SettingValues = std::map<std::string, std::string>;

// What a Provider is made with. All references outlive it.
struct CloudParts {
  http::Client& client;
  const Clock& clock;
  RandomSource& random;
  boost::asio::thread_pool& pool;  // for signing
  boost::asio::any_io_executor executor;
  ReadTerms read_terms;
  std::chrono::milliseconds lease_hard{};  // the longest that a sign-in may serve while the cloud cannot be asked
};

// Immutable; thread-safe.
class Cloud {
 public:
  Cloud() = default;
  Cloud(const Cloud&) = delete;
  Cloud& operator=(const Cloud&) = delete;
  virtual ~Cloud() = default;

  // The value of provider_config.type, and the name of the section of its settings.
  [[nodiscard]] virtual std::string_view type() const = 0;
  // The settings in the order in which they are shown.
  [[nodiscard]] virtual const std::vector<SettingSpec>& settings() const = 0;
  // Checks that the settings fit together. Invalid names in full those that do not ("section.name").
  [[nodiscard]] virtual Result<void> check(const SettingValues& values) const = 0;
  // Makes the Provider from values that check() accepted, and reads the files that settings name. Where the operator
  // has given the cloud no credential, it makes one all the same: keys can then be registered, but neither validated
  // nor used. Errors name the setting.
  [[nodiscard]] virtual Result<std::shared_ptr<Provider>> make_provider(const SettingValues& values,
                                                                        const CloudParts& parts) const = 0;
  // The texts of its own reasons, and of those common reasons that it words in its own terms.
  [[nodiscard]] virtual CloudReasons reasons() const = 0;
  // Reads what Key::to_json returned once, whatever the settings are now.
  [[nodiscard]] virtual Result<std::shared_ptr<const Key>> read_stored(const boost::json::object& config) const = 0;
};

}  // namespace latchkey::kms

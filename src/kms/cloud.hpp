// One cloud as the server knows it before it runs: which settings it has, and how its door (provider.hpp) is made of
// them. Adding a cloud is writing one of these in a folder of its own under src/clouds, and naming it in
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
  std::string fallback;  // as text
  bool quoted = true;    // in TOML
  // The value as it is kept, of the text that was written; Invalid with what was expected. Empty: the text itself.
  std::function<Result<std::string>(const std::string&)> read = {};
};

// What the settings of one cloud are set to, by name: each as its `read` gave it.
using SettingValues = std::map<std::string, std::string>;

// What a cloud's door is made with. All references outlive it.
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

  // provider_config.type, and the name of the section of its settings.
  [[nodiscard]] virtual std::string_view type() const = 0;
  // In the order in which they are shown.
  [[nodiscard]] virtual const std::vector<SettingSpec>& settings() const = 0;
  // Whether settings fit together. Invalid with the full names of those that do not ("section.name").
  [[nodiscard]] virtual Result<void> check(const SettingValues& values) const = 0;
  // The door, of values that check() took; also where the operator has given the cloud no credential: keys can be
  // registered then, and neither validated nor used. Reads the files that settings name. Errors name the setting.
  [[nodiscard]] virtual Result<std::shared_ptr<Provider>> make_provider(const SettingValues& values,
                                                                        const CloudParts& parts) const = 0;
  // What it says of reasons in its own tongue: its own, and common ones that it has more to say of.
  [[nodiscard]] virtual CloudReasons reasons() const = 0;
  // Reads what Key::to_json gave once, whatever the settings are.
  [[nodiscard]] virtual Result<std::shared_ptr<const Key>> read_stored(const boost::json::object& config) const = 0;
};

}  // namespace latchkey::kms

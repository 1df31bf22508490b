// A third cloud, whole: what somebody writes who adds one. It stands on no service: its keys are in this process, where
// a test reaches them. docs/extend.md, "A cloud", says what each part is for.
#pragma once

#include <map>
#include <set>
#include <string>

#include "base/mutex.hpp"
#include "base/reason.hpp"
#include "kms/cloud.hpp"

namespace latchkey::extend {

// What the "service" has: keys by their place. Thread-safe.
class ExampleService {
 public:
  void rotate(const std::string& place);
  // A locked key refuses everything.
  void set_locked(const std::string& place, bool locked);
  // Names an organisation's tag on a key.
  void add_tag(const std::string& place, const std::string& tag);

  struct KeyState {
    int version = 1;
    bool locked = false;
    std::set<std::string> tags;
  };
  [[nodiscard]] KeyState state(const std::string& place) const;

 private:
  mutable Mutex mutex_;
  std::map<std::string, KeyState> keys_
      LATCHKEY_GUARDED_BY(mutex_);  // a key that nobody changed is in its first version
};

// The reason that this cloud alone gives.
inline constexpr ReasonEntry kKeyLocked{"example_key_locked", ReasonClass::Refused, ErrorCode::KeyDenied};

// A registration: {"type": "example", "region": "north", "key": "orders"}.
class ExampleCloud final : public kms::Cloud {
 public:
  static constexpr std::string_view kType = "example";

  explicit ExampleCloud(ExampleService& service) : service_(service) {}
  [[nodiscard]] std::string_view type() const override { return kType; }
  [[nodiscard]] const std::vector<kms::SettingSpec>& settings() const override;
  [[nodiscard]] Result<void> check(const kms::SettingValues& values) const override;
  [[nodiscard]] Result<std::shared_ptr<kms::Provider>> make_provider(const kms::SettingValues& values,
                                                                     const kms::CloudParts& parts) const override;
  [[nodiscard]] kms::CloudReasons reasons() const override;
  [[nodiscard]] Result<std::shared_ptr<const kms::Key>> read_stored(const boost::json::object& config) const override;

 private:
  ExampleService& service_;
};

// The door alone, for tests without a server.
[[nodiscard]] std::shared_ptr<kms::Provider> make_example_provider(ExampleService& service, std::string region);
[[nodiscard]] std::shared_ptr<const kms::Key> example_key(std::string region, std::string name);

}  // namespace latchkey::extend

// The health monitor over the test fixture of admin; tests run it by hand.
#pragma once

#include "admin/testing/admin_fixture.hpp"
#include "health/health_monitor.hpp"
#include "kms/reasons.hpp"

namespace latchkey::health::testing {

class HealthFixture : public admin::testing::AdminFixture {
 public:
  explicit HealthFixture(MonitorSettings wanted = {}) : monitor_settings(wanted) {
    rebuild_monitor();
    workspace = make_workspace();
    key = make_key().row;
    attach(workspace.id, key.id).value();
  }

  // Makes the monitor anew, as a restart does.
  void rebuild_monitor() {
    monitor.emplace(store(), provider, clouds, clock, random, context.get_executor(), monitor_settings,
                    [this](const std::string& id) { forgotten.push_back(id); });
  }

  void run_once() {
    auto once = [](HealthMonitor& one) -> Task<bool> {
      co_await one.run_once();
      co_return true;
    };
    run(once(*monitor));
  }
  // Runs the monitor until no event waits and no check is due at this time.
  void settle() {
    run_once();
    while (!monitor->idle()) run_once();
  }
  void settle_after(std::chrono::milliseconds time) {
    clock.advance(time);
    settle();
  }

  [[nodiscard]] store::ExternalKeyHealth health() { return run(monitor->health_of(admin(), key.id)).value(); }
  [[nodiscard]] State state() { return health().state; }
  [[nodiscard]] std::optional<store::ExternalKeyHealth> stored() {
    auto find = [this](store::Transaction& tx) { return tx.find_external_key_health(key.organization, key.id); };
    return run(store().read(find)).value();
  }
  // "previous>current reason" of each change, oldest first.
  [[nodiscard]] std::vector<std::string> changes() {
    using admin::testing::text_of;
    std::vector<std::string> told;
    for (const auto& activity : activities()) {
      if (text_of(activity.at("type")) != "org_external_key_health_changed") continue;
      EXPECT_EQ(activity.at("actor"), (boost::json::value{{"type", "system_actor"}}));
      told.push_back(text_of(activity.at("previous_state")) + ">" + text_of(activity.at("current_state")) + " " +
                     text_of(activity.at("reason")));
    }
    return told;
  }

  static Error refusal() {
    return {ErrorCode::KeyDenied, "the role is gone", kms::reason::kRoleMissing, "Give it back"};
  }
  static Error outage() { return {ErrorCode::KeyUnreachable, "no response", kms::reason::kTimedOut}; }

  MonitorSettings monitor_settings;
  std::optional<HealthMonitor> monitor;
  std::vector<std::string> forgotten;
  store::Workspace workspace;
  store::ExternalKey key;
};

}  // namespace latchkey::health::testing

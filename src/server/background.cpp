#include "server/background.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/log.hpp"

namespace latchkey::server {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kAtOnce{0};
constexpr milliseconds kFirstWait{50};
constexpr milliseconds kFollowPeriod{500};
constexpr milliseconds kAlarmPeriod{1'000};
constexpr std::chrono::minutes kPurgePeriod{1};
// How long to wait after a search that failed.
constexpr std::chrono::seconds kPurgeRetry{15};
constexpr std::chrono::minutes kForgetPeriod{60};
constexpr milliseconds kForgetStep{200};

// Each returns how long to wait until it runs again.

Task<BackgroundTask::Wait> write_usage(data::UsageRecorder& recorder) {
  auto wait = co_await recorder.run_once();
  co_return wait;
}

// A crash may have interrupted a search.
Task<BackgroundTask::Wait> purge_destroyed_data_keys(store::Store& store) {
  auto purged = co_await store.purge();
  if (purged) co_return kPurgePeriod;
  spdlog::warn("the server still searches for what is left of destroyed data keys: {}", describe(purged.error()));
  co_return kPurgeRetry;
}

Task<BackgroundTask::Wait> forget_activities(audit::ActivityFeed& feed, Timestamp before) {
  auto more = co_await feed.forget(before);
  if (!more) spdlog::warn("the server could not erase old activities yet: {}", describe(more.error()));
  if (more && more.value()) co_return kForgetStep;
  co_return kForgetPeriod;
}

Task<BackgroundTask::Wait> record_alarms(admin::IntegrityAlarms& alarms, store::Store& store) {
  auto recorded = co_await alarms.record(store);
  if (!recorded) {
    spdlog::error("the alarms of rows are not in the activity feed yet: {}", describe(recorded.error()));
  }
  co_return kAlarmPeriod;
}

Task<BackgroundTask::Wait> follow_other_nodes(keyring::NoticeFollower& follower) {
  auto followed = co_await follower.follow();
  if (!followed) {
    spdlog::error("the server could not read yet what other nodes found: {}", describe(followed.error()));
  }
  co_return kFollowPeriod;
}

Task<BackgroundTask::Wait> renew_leases(keyring::Keyring& keyring) {
  co_return keyring.run_once();
}

Task<BackgroundTask::Wait> deliver_events(webhooks::Deliverer& deliverer) {
  auto wait = co_await deliverer.run_once();
  co_return wait;
}

Task<BackgroundTask::Wait> look_ahead(data::Compartments& compartments) {
  auto wait = co_await compartments.look_ahead();
  co_return wait;
}

Task<void> resume_rewraps(keyring::Rewrapper& rewrapper) {
  auto begun = co_await rewrapper.begin_all();
  if (!begun) {
    spdlog::error("the server does not go on with the rewraps that were running: {}", describe(begun.error()));
  }
}

}  // namespace

std::vector<std::shared_ptr<BackgroundTask>> start_background_tasks(const ServerTools& tools, Storage& storage,
                                                                    Keys& keys, Rules& rules, Webhooks& webhooks) {
  std::vector<std::shared_ptr<BackgroundTask>> tasks;
  auto begin = [&](milliseconds wait, BackgroundTask::Work work) {
    tasks.push_back(BackgroundTask::start(tools.executor, wait, std::move(work)));
  };
  begin(kFirstWait, [keyring = keys.keyring.get()] { return renew_leases(*keyring); });
  begin(kFirstWait, [compartments = rules.compartments.get()] { return look_ahead(*compartments); });
  begin(data::UsageRecorder::kPeriod, [recorder = keys.usage_recorder.get()] { return write_usage(*recorder); });
  begin(kAtOnce, [follower = keys.follower.get()] { return follow_other_nodes(*follower); });
  begin(kAlarmPeriod, [alarms = storage.integrity_alarms.get(), store = storage.store.get()] {
    return record_alarms(*alarms, *store);
  });
  begin(kFirstWait, [store = storage.store.get()] { return purge_destroyed_data_keys(*store); });
  begin(kFirstWait, [feed = rules.activity.get(), &clock = tools.clock, retention = tools.config.activity_retention] {
    return forget_activities(*feed, clock.now() - retention);
  });
  begin(kFirstWait, [deliverer = webhooks.deliverer.get()] { return deliver_events(*deliverer); });
  tasks.push_back(keys.health->start());
  boost::asio::co_spawn(tools.executor, resume_rewraps(*keys.rewrapper), boost::asio::detached);
  return tasks;
}

}  // namespace latchkey::server

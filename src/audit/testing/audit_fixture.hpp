// The fixture of tests above the store: a real SQLite store in a folder of its own, a clock that stands still,
// randomness that repeats, and the callers of two organisations, whose activities it shows as the API does.
#pragma once

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/object.hpp>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "audit/activity_log.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "store/testing/watched_store.hpp"
#include "testing/repeatable_random.hpp"
#include "testing/sample_rows.hpp"
#include "testing/sealer.hpp"
#include "testing/temporary_folder.hpp"

namespace latchkey::audit::testing {

// The text of a JSON string; "" for anything else.
[[nodiscard]] inline std::string text_of(const boost::json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : "";
}

class AuditFixture {
 public:
  // Declared first, so that it is destroyed last: the store's threads use it until they are joined.
  boost::asio::io_context context;

  explicit AuditFixture(std::int64_t max_pages = 0, store::KeyPlaceOf key_place = {}) {
    spdlog::set_level(spdlog::level::off);
    auto opened = store::open_sqlite_store({.path = folder_.file("latchkey.db"),
                                            .readers = 2,
                                            .busy_timeout = std::chrono::seconds(5),
                                            .max_pages = max_pages,
                                            .sealer = store::testing::sealer_source(),
                                            .key_place = std::move(key_place),
                                            .alarm = {}});
    if (!opened) throw std::runtime_error(describe(opened.error()));
    opened_ = std::move(opened.value());
    store_ = std::make_unique<store::testing::WatchedStore>(*opened_);
    feed.emplace(*store_);
  }

  // Inserts two organisations and sets their callers, for tests of floors below the rules that make organisations.
  void add_organizations() {
    auto own = store::testing::organization(1);
    auto other = store::testing::organization(2);
    auto insert = [own, other](store::Transaction& tx) -> Result<void> {
      LATCHKEY_TRYV(tx.insert(own));
      return tx.insert(other);
    };
    run(store_->write(std::move(insert))).value();
    set_callers(caller_of(own.id, "apikey_own"), caller_of(other.id, "apikey_other"));
    clock.advance(std::chrono::seconds(1));
  }

  // Runs the task to its end. Work that it left running (shared flights) continues with the next task.
  template <class T>
  T run(Task<T> task) {
    std::optional<T> result;
    auto into = [](Task<T> inner, std::optional<T>* out) -> Task<void> { out->emplace(co_await std::move(inner)); };
    boost::asio::co_spawn(context, into(std::move(task), &result), [](std::exception_ptr failure) {
      if (failure) std::rethrow_exception(failure);
    });
    context.restart();
    auto busy = boost::asio::make_work_guard(context);
    while (!result) context.run_one();
    return std::move(*result);
  }

  // Runs work that tasks left running (shared flights, background work) to its end.
  void settle() {
    context.restart();
    context.run();
  }

  [[nodiscard]] store::testing::WatchedStore& store() { return *store_; }
  [[nodiscard]] Caller admin() const { return admin_; }
  [[nodiscard]] Caller stranger() const { return stranger_; }

  // The organisation's activities, oldest first, as the API shows them.
  [[nodiscard]] std::vector<boost::json::object> activities() {
    store::ListWindow window;
    window.limit = 5000;
    window.newest_first = false;
    auto page = run(feed->list(admin(), {}, window)).value();
    std::vector<boost::json::object> shown;
    for (const auto& row : page.rows) shown.push_back(to_json(row).value());
    return shown;
  }
  [[nodiscard]] std::vector<std::string> activity_types() {
    std::vector<std::string> types;
    for (const auto& activity : activities()) types.push_back(text_of(activity.at("type")));
    return types;
  }
  // The latest of a type; empty where there is none.
  [[nodiscard]] boost::json::object last_activity(std::string_view type) {
    boost::json::object last;
    for (auto& activity : activities()) {
      if (text_of(activity.at("type")) == type) last = std::move(activity);
    }
    return last;
  }

 protected:
  [[nodiscard]] static Caller caller_of(const Uuid& organization, std::string api_key_id) {
    return {.api_key_id = std::move(api_key_id),
            .organization = organization,
            .role = store::Role::Admin,
            .workspace_id = std::nullopt,
            .ip_address = "192.0.2.34",
            .user_agent = "curl/8"};
  }
  void set_callers(Caller admin, Caller stranger) {
    admin_ = std::move(admin);
    stranger_ = std::move(stranger);
  }

 private:
  store::testing::TemporaryFolder folder_;
  std::unique_ptr<store::Store> opened_;
  std::unique_ptr<store::testing::WatchedStore> store_;
  Caller admin_;
  Caller stranger_;

 public:
  ManualClock clock{parse_timestamp("2026-08-10T08:09:10Z").value()};
  latchkey::testing::RepeatableRandom random;
  std::optional<ActivityFeed> feed;
};

}  // namespace latchkey::audit::testing

// What the tests of admin and api stand on: a real SQLite store in a directory of its own, a clock that stands still,
// randomness that repeats, a fake key provider, an organisation and another one.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <mutex>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/parse.hpp>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "admin/credentials.hpp"
#include "admin/external_keys.hpp"
#include "admin/workspaces.hpp"
#include "audit/activity_log.hpp"
#include "clouds/azure/provider/azure_key.hpp"
#include "clouds/azure/provider/azure_provider.hpp"
#include "clouds/azure/provider/vault_uri.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "store/testing/watched_store.hpp"
#include "testing/fake_key_provider.hpp"
#include "testing/sealer.hpp"

namespace latchkey::admin::testing {

class TemporaryDirectory {
 public:
  TemporaryDirectory() : path_(::testing::TempDir() + "latchkey-XXXXXX") {
    if (::mkdtemp(path_.data()) == nullptr) std::abort();
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The text of a JSON string; "" for anything else.
[[nodiscard]] inline std::string text_of(const boost::json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : "";
}

// SplitMix64: no two draws alike, the same in every run.
class RepeatableRandom final : public RandomSource {
 public:
  void fill(MutableBytes out) override {
    std::lock_guard lock(mutex_);
    for (auto& byte : out) {
      auto z = state_ += 0x9e3779b97f4a7c15;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
      z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
      byte = static_cast<std::uint8_t>((z ^ (z >> 31)) >> 56);
    }
  }

 private:
  std::mutex mutex_;
  std::uint64_t state_ = 1;
};

class AdminFixture {
 public:
  // First, to go last: the store's threads hold on to it until they are joined.
  boost::asio::io_context context;

  explicit AdminFixture(std::int64_t max_pages = 0) {
    spdlog::set_level(spdlog::level::off);
    auto opened = store::open_sqlite_store({.path = directory_.path() + "/latchkey.db",
                                            .readers = 2,
                                            .busy_timeout = std::chrono::seconds(5),
                                            .max_pages = max_pages,
                                            .sealer = store::testing::sealer_source(),
                                            .alarm = {}});
    if (!opened) throw std::runtime_error(describe(opened.error()));
    opened_ = std::move(opened.value());
    store_ = std::make_unique<store::testing::WatchedStore>(*opened_);
    credentials.emplace(*store_, clock, random);
    feed.emplace(*store_);
    rebuild();
    own = run(credentials->create_organization("Acme", std::nullopt)).value();
    other = run(credentials->create_organization("Other", std::nullopt)).value();
    clock.advance(std::chrono::seconds(1));
  }

  // After `settings` were changed.
  void rebuild() {
    keys.emplace(*store_, provider, clouds, clock, random, settings);
    workspaces.emplace(*store_, provider, clouds, clock, random, settings);
  }

  // Runs the task to its end. What it left running besides (shared flights) goes on with the next one.
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

  // Runs what tasks left running (shared flights, work in the background) to its end.
  void settle() {
    context.restart();
    context.run();
  }

  [[nodiscard]] store::testing::WatchedStore& store() { return *store_; }
  [[nodiscard]] audit::Caller admin() const { return caller_of(own); }
  [[nodiscard]] audit::Caller stranger() const { return caller_of(other); }

  [[nodiscard]] static std::shared_ptr<const kms::Key> azure_registration(std::string vault_uri, std::string name) {
    return std::make_shared<const ::latchkey::clouds::azure::AzureKey>(::latchkey::clouds::azure::AzureKeyConfig{
        std::move(vault_uri), std::move(name), "72f988bf-86f1-41af-91ab-2d7cd011db47", std::nullopt});
  }
  [[nodiscard]] static NewExternalKey azure_key(std::string name = "cmek") {
    return {.display_name = name,
            .geo = "us",
            .key = azure_registration("https://contoso.vault.azure.net/", std::move(name))};
  }
  [[nodiscard]] ExternalKeyView make_key(std::string name = "cmek") {
    clock.advance(std::chrono::seconds(1));
    return run(keys->create(admin(), azure_key(std::move(name)))).value();
  }
  [[nodiscard]] store::Workspace make_workspace(std::string name = "Prod") {
    clock.advance(std::chrono::seconds(1));
    NewWorkspace workspace;
    workspace.name = std::move(name);
    return run(workspaces->create(admin(), std::move(workspace))).value();
  }
  [[nodiscard]] Result<store::Workspace> attach(const std::string& workspace_id, const std::string& key_id) {
    return run(attach_task(workspace_id, key_id));
  }
  [[nodiscard]] Task<Result<store::Workspace>> attach_task(const std::string& workspace_id, const std::string& key_id) {
    WorkspaceChange change;
    change.external_key_id = key_id;
    return workspaces->update(admin(), workspace_id, std::move(change));
  }

  // The organisation's activities, oldest first, as the API shows them.
  [[nodiscard]] std::vector<boost::json::object> activities() {
    store::ListWindow window;
    window.limit = 5000;
    window.newest_first = false;
    auto page = run(feed->list(admin(), {}, window)).value();
    std::vector<boost::json::object> shown;
    for (const auto& row : page.rows) shown.push_back(audit::to_json(row).value());
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

 private:
  [[nodiscard]] static audit::Caller caller_of(const OrganizationCreated& organization) {
    return {.api_key_id = organization.admin_key.row.id,
            .organization = organization.organization.id,
            .role = store::Role::Admin,
            .workspace_id = std::nullopt,
            .ip_address = "192.0.2.34",
            .user_agent = "curl/8"};
  }

  TemporaryDirectory directory_;
  std::unique_ptr<store::Store> opened_;
  std::unique_ptr<store::testing::WatchedStore> store_;

 public:
  ManualClock clock{parse_timestamp("2026-08-10T08:09:10Z").value()};
  RepeatableRandom random;
  FakeKeyProvider provider;
  // Reads keys, and asks none.
  kms::Providers clouds{
      nullptr,
      {::latchkey::clouds::azure::make_azure_provider(::latchkey::clouds::azure::public_cloud_suffixes(), nullptr)}};
  AdminSettings settings;
  std::optional<Credentials> credentials;
  std::optional<audit::ActivityFeed> feed;
  std::optional<ExternalKeys> keys;
  std::optional<Workspaces> workspaces;
  OrganizationCreated own;
  OrganizationCreated other;
};

}  // namespace latchkey::admin::testing

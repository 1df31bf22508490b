// A store whose data keys a test wraps, rewraps and destroys, and then looks for in its files.
#pragma once

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "store/sqlite/purge.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "store/testing/raw_sqlite.hpp"
#include "testing/sample_rows.hpp"
#include "testing/sealer.hpp"
#include "testing/temporary_folder.hpp"

namespace latchkey::store::testing {

constexpr std::size_t kWrappedSize = 384;

struct PurgeFixture : ::testing::Test {
  void open() {
    store_.reset();
    store_ = open_sqlite_store({.path = path_,
                                .busy_timeout = std::chrono::milliseconds(20),
                                .sealer = testing::sealer_source(),
                                .alarm = {},
                                .purge = hooks_})
                 .value();
  }
  template <class Work>
  auto write(Work work) {
    return run_blocking(store_->write(std::move(work)));
  }
  Bytes random_bytes(std::size_t size) {
    Bytes bytes(size);
    std::ranges::generate(bytes, [&] { return static_cast<std::uint8_t>(random_()); });
    return bytes;
  }

  // How many of the last 32 bytes of `wanted` are in any of the store's files.
  std::size_t found(const std::vector<Bytes>& wanted) {
    std::size_t count = 0;
    for (const auto* ending : {"", "-wal"}) {
      std::ifstream file(path_ + ending, std::ios::binary);
      std::string content{std::istreambuf_iterator<char>(file), {}};
      for (const auto& bytes : wanted) count += content.find(as_text(ByteView(bytes).last(32))) != std::string::npos;
    }
    return count;
  }

  // Leaves forms as another program, or an older release, would: deleted, and not overwritten.
  static std::string planting(const std::vector<Bytes>& forms) {
    std::string script = "PRAGMA secure_delete = OFF; CREATE TABLE t (a);";
    for (const auto& form : forms) {
      script += "INSERT INTO t VALUES (x'";
      for (auto byte : form) script += fmt::format("{:02x}", byte);
      script += "');";
    }
    return script + "DROP TABLE t";
  }
  void plant(const std::vector<Bytes>& forms) {
    store_.reset();
    ASSERT_EQ(RawSqlite(path_).execute(planting(forms)), "");
    open();
  }
  // Makes workspaces with a data key each, replaced `rounds` times; returns every wrapped key of the workspace
  // `number`.
  void given_keys(std::uint8_t workspaces, std::uint8_t rounds) {
    ASSERT_TRUE(write([&](Transaction& tx) { return tx.insert(kAcme); }));
    if (external_key_id_) {
      ASSERT_TRUE(write([&](Transaction& tx) { return tx.insert(external_key(kAcme, 1)); }));
    }
    for (std::uint8_t number = 0; number < workspaces; ++number) {
      ASSERT_TRUE(write([&](Transaction& tx) { return tx.insert(workspace(kAcme, number)); }));
    }
    for (std::uint8_t round = 0; round < rounds; ++round) {
      for (std::uint8_t number = 0; number < workspaces; ++number) {
        auto row = data_key(workspace(kAcme, number), round);
        row.id = RawId{number, round};
        row.external_key_id = external_key_id_;
        row.wrapped = random_bytes(kWrappedSize);
        wrapped_[number].push_back(row.wrapped);
        ASSERT_TRUE(write([&](Transaction& tx) -> Result<void> {
          if (round == 0) {
            LATCHKEY_TRYV(tx.insert_active_data_key(row));
          } else {
            LATCHKEY_TRYV(tx.replace_active_data_key(RawId{number, static_cast<std::uint8_t>(round - 1)}, row));
          }
          return success();
        }));
      }
    }
  }
  // Rewraps each under a version of another length, so that rows move.
  void rewrap_all(std::uint8_t workspaces) {
    for (std::uint8_t number = 0; number < workspaces; ++number) {
      ListWindow window;
      window.limit = 1000;
      auto list = [&](Transaction& tx) { return tx.list_data_keys(workspace(kAcme, number).compartment, window); };
      auto rows = run_blocking(store_->read(list)).value().rows;
      for (const auto& row : rows) {
        auto wrapped = random_bytes(kWrappedSize);
        wrapped_[number].push_back(wrapped);
        std::string version(1 + random_() % 200, 'v');
        ASSERT_TRUE(write([&](Transaction& tx) { return tx.rewrap_data_key(row, version, wrapped, at(1000)); }));
      }
    }
  }
  // Notes a form as destroyed, for the first data key of workspace 0; the form is live, so every search finds it.
  void note_what_stays(const Bytes& live) {
    std::string hex;
    for (auto byte : mask_erased(live)) hex += fmt::format("{:02x}", byte);
    ASSERT_EQ(RawSqlite(path_).execute("INSERT INTO erased_forms (data_key, masked, pending) VALUES (zeroblob(16), x'" +
                                       hex + "', 1)"),
              "");
  }
  std::string count_notes() { return RawSqlite(path_).query("SELECT count(*) FROM erased_forms"); }
  std::vector<Bytes> destroy(std::uint8_t number) {
    std::vector<Bytes> erased;
    auto rows = write(
        [&](Transaction& tx) { return tx.destroy_data_keys(workspace(kAcme, number).compartment, at(2000), 1000); });
    for (auto& row : rows.value()) erased.push_back(std::move(row.wrapped));
    return erased;
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.file("latchkey.db");
  std::unique_ptr<Store> store_;
  // Repeats the same numbers, except with --gtest_shuffle.
  std::mt19937 random_{static_cast<unsigned>(::testing::UnitTest::GetInstance()->random_seed())};
  std::map<std::uint8_t, std::vector<Bytes>> wrapped_;
  std::optional<std::string> external_key_id_;  // of the data keys; ekey_001
  // The clock stands still, so that nothing rests.
  PurgeHooks hooks_ = {.now = [] { return SteadyTime(); }};
};

}  // namespace latchkey::store::testing

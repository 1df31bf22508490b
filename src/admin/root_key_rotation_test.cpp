#include "admin/root_key_rotation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/random.hpp"
#include "kms/local/local_key_provider.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "store/testing/raw_sqlite.hpp"
#include "testing/sample_rows.hpp"
#include "testing/temporary_folder.hpp"

namespace latchkey::admin {
namespace {

using namespace store::testing;
using store::Transaction;
using ::testing::HasSubstr;

class RootKeyRotationTest : public ::testing::Test {
 protected:
  RootKeyRotationTest() { open(); }

  Result<std::unique_ptr<store::Store>> try_open() {
    store::SqliteOptions options;
    options.path = folder.file("latchkey.db");
    options.sealer = [this](const store::StoreState& state) -> Result<std::shared_ptr<const store::RowSealer>> {
      LATCHKEY_TRY(auto keys,
                   kms::read_root_keys(path, random, state.empty ? kms::IfMissing::Make : kms::IfMissing::Refuse));
      return kms::make_row_sealer(keys, path);
    };
    return store::open_sqlite_store(std::move(options));
  }
  void open() {
    store_.reset();
    store_ = try_open().value();
    auto keys = kms::read_root_keys(path, random, kms::IfMissing::Refuse).value();
    provider = kms::make_local_key_provider(std::move(keys), path, random).value();
  }
  template <class Work>
  auto write(Work work) {
    return run_blocking(store_->write(std::move(work)));
  }
  store::WrappedSecret wrapped(std::string_view secret) {
    auto made = run_blocking(
        provider->wrap(kms::KeyLocation{}, kms::Binding{}, crypto::SecretBytes(as_bytes(secret)), Deadline::max()));
    return {made.value().key_version, made.value().ciphertext};
  }
  std::string opened(const store::WrappedSecret& secret) {
    auto done = run_blocking(
        provider->unwrap(kms::KeyLocation{}, kms::Binding{}, {secret.key_version, secret.wrapped}, Deadline::max()));
    return done ? std::string(as_text(done.value().secret.reveal())) : describe(done.error());
  }

  void given_a_data_key_and_an_endpoint() {
    auto own = wrapped("a data key");
    data_key_.key_version = own.key_version;
    data_key_.wrapped = own.wrapped;
    endpoint_.secret = wrapped("a secret");
    endpoint_.previous_secret = store::ExpiringSecret{wrapped("the one before"), at(900)};
    ASSERT_TRUE(write([&](Transaction& tx) -> Result<void> {
      LATCHKEY_TRYV(tx.insert(kAcme));
      LATCHKEY_TRYV(tx.insert(workspace_));
      LATCHKEY_TRYV(tx.insert_active_data_key(data_key_));
      return tx.insert(endpoint_);
    }));
  }
  store::DataKey data_key() {
    auto find = [&](Transaction& tx) { return tx.find_data_key(workspace_.compartment, data_key_.id); };
    return run_blocking(store_->read(find)).value().value();
  }
  store::WebhookEndpoint endpoint() {
    auto find = [&](Transaction& tx) { return tx.find_webhook_endpoint(kAcme.id, endpoint_.id); };
    return run_blocking(store_->read(find)).value().value();
  }
  RootKeyRotationCounts rotate() {
    RootKeyRotation rotation(*store_, *provider, clock);
    return run_blocking(rotation.run({})).value();
  }

  TemporaryFolder folder;
  std::string path = folder.file("root.key");
  crypto::SystemRandom random;
  SystemClock clock;
  const store::Organization kAcme = organization(1);
  store::Workspace workspace_ = workspace(kAcme, 1);
  store::DataKey data_key_ = store::testing::data_key(workspace_, 1);
  store::WebhookEndpoint endpoint_{.id = "whep_1",
                                   .organization = kAcme.id,
                                   .url = "https://example.com/hook",
                                   .description = "",
                                   .events = {},
                                   .enabled = true,
                                   .disabled_reason = "",
                                   .secret = {},
                                   .created_at = at(800),
                                   .updated_at = at(800)};
  std::unique_ptr<store::Store> store_;
  std::shared_ptr<kms::KeyProvider> provider;
};

TEST_F(RootKeyRotationTest, WithoutANewKeyThereIsNothingToDo) {
  given_a_data_key_and_an_endpoint();
  auto counts = rotate();
  EXPECT_EQ(counts.data_keys + counts.webhook_secrets + counts.rows + counts.left, 0);
}

TEST_F(RootKeyRotationTest, AllIsUnderTheNewestAndTheOldOneCanGo) {
  given_a_data_key_and_an_endpoint();
  auto newest = kms::add_root_key(path, random).value().front().version;
  auto counts = rotate();
  EXPECT_EQ(counts.data_keys, 1);
  EXPECT_EQ(counts.webhook_secrets, 1);
  EXPECT_EQ(counts.left, 0);
  ASSERT_TRUE(kms::keep_newest_root_key(path, random));
  open();
  EXPECT_EQ(data_key().key_version, newest);
  EXPECT_EQ(opened({data_key().key_version, data_key().wrapped}), "a data key");
  EXPECT_EQ(opened(endpoint().secret), "a secret");
  EXPECT_EQ(opened(endpoint().previous_secret->secret), "the one before");
  EXPECT_EQ(run_blocking(store_->check_seals()).value().refused, 0);
}

// A killed rotation leaves this behind: the file has both root keys, and rows are under either.
TEST_F(RootKeyRotationTest, OneThatBrokeOffGoesOn) {
  given_a_data_key_and_an_endpoint();
  ASSERT_TRUE(kms::add_root_key(path, random));
  ASSERT_TRUE(run_blocking(store_->reseal({}, 1)));
  open();
  EXPECT_EQ(opened({data_key().key_version, data_key().wrapped}), "a data key");
  EXPECT_EQ(rotate().left, 0);
  ASSERT_TRUE(kms::keep_newest_root_key(path, random));
  open();
  EXPECT_EQ(opened(endpoint().secret), "a secret");
}

TEST_F(RootKeyRotationTest, WhatDoesNotVerifyIsNotMovedAndIsCounted) {
  given_a_data_key_and_an_endpoint();
  ASSERT_EQ(RawSqlite(folder.file("latchkey.db")).execute("UPDATE data_keys SET key_check = '00'"), "");
  ASSERT_TRUE(kms::add_root_key(path, random));
  auto counts = rotate();
  EXPECT_EQ(counts.data_keys, 0);
  EXPECT_GT(counts.left, 0);
}

TEST_F(RootKeyRotationTest, ABackupOfTheOldFileIsRefusedAfterwards) {
  given_a_data_key_and_an_endpoint();
  auto before = folder.file("backup.key");
  std::filesystem::copy_file(path, before);
  ASSERT_TRUE(kms::add_root_key(path, random));
  (void)rotate();
  store_.reset();
  std::filesystem::rename(before, path);
  auto again = try_open();
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().message(), HasSubstr("Restore the root key file that belongs to this database"));
}

}  // namespace
}  // namespace latchkey::admin

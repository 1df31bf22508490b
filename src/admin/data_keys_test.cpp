// Tests of shredding in steps: what interrupts it, and what it waits for.
#include "admin/data_keys.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "admin/testing/admin_fixture.hpp"

namespace latchkey::admin {
namespace {

struct DataKeysTest : ::testing::Test {
  static constexpr int kDataKeys = 1'050;  // three steps

  testing::AdminFixture fixture;
  keyring::Keyring keyring{
      fixture.store(), fixture.provider, fixture.clock, fixture.random, fixture.context.get_executor(), {}, nullptr};
  DataKeys data_keys{fixture.store(), keyring, &nothing_to_flush, fixture.clock, fixture.random};
  store::Workspace workspace = fixture.make_workspace("Home");

  static Task<Result<void>> nothing_to_flush() { co_return success(); }
  // The workspace is archived, too.
  void given_data_keys() {
    auto insert = [this](store::Transaction& tx) -> Result<void> {
      store::DataKey row;
      row.organization = workspace.organization;
      row.compartment = workspace.compartment;
      row.key_version = "version-1";
      row.state = store::DataKeyState::Active;
      for (int number = 0; number < kDataKeys; ++number) {
        auto before = row.id;
        row.id = RawId{static_cast<std::uint8_t>(number / 256), static_cast<std::uint8_t>(number % 256), 1};
        row.created_at = fixture.clock.now() + std::chrono::microseconds(number);
        row.wrapped = Bytes(40);
        fixture.random.fill(row.wrapped);  // nothing that the file has elsewhere
        if (number == 0) {
          LATCHKEY_TRYV(tx.insert_active_data_key(row));
        } else {
          LATCHKEY_TRYV(tx.replace_active_data_key(before, row));
        }
      }
      return success();
    };
    ASSERT_TRUE(fixture.run(fixture.store().write(insert)));
    ASSERT_TRUE(fixture.run(fixture.workspaces->archive(fixture.admin(), workspace.id)));
  }
  std::size_t count_destroyed() {
    store::ListWindow window;
    window.limit = 2 * kDataKeys;
    auto list = [&](store::Transaction& tx) { return tx.list_data_keys(workspace.compartment, window); };
    auto rows = fixture.run(fixture.store().read(list)).value().rows;
    return static_cast<std::size_t>(std::ranges::count(rows, store::DataKeyState::Destroyed, &store::DataKey::state));
  }
};

TEST_F(DataKeysTest, AnAdminWhoseKeyIsRevokedShredsNoMore) {
  given_data_keys();
  auto made = fixture.run(
      fixture.credentials->create_api_key(fixture.own.organization.id, store::Role::Admin, "Second", std::nullopt));
  ASSERT_TRUE(made);
  auto caller = fixture.admin();
  caller.api_key_id = made.value().row.id;
  caller.api_key_hash = hash_of_api_key(made.value().secret);
  ASSERT_TRUE(caller.api_key_hash);
  // Runs after the first step, which is the first write, because no use was counted.
  fixture.store().after_write = [&]() -> Task<void> {
    fixture.store().after_write = nullptr;
    auto revoked = co_await fixture.credentials->revoke_api_key(fixture.own.organization.id, caller.api_key_id);
    EXPECT_TRUE(revoked);
  };
  auto refused = fixture.run(data_keys.shred(caller, workspace.id, "Home"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Unauthenticated);
  EXPECT_EQ(count_destroyed(), 500U);
  // Another caller's request goes on.
  auto shredded = fixture.run(data_keys.shred(fixture.admin(), workspace.id, "Home"));
  ASSERT_TRUE(shredded);
  EXPECT_EQ(shredded.value().data_keys, std::size_t{kDataKeys});
}

TEST_F(DataKeysTest, WaitsForItsOwnCompartmentsPurge) {
  given_data_keys();
  ASSERT_TRUE(fixture.run(data_keys.shred(fixture.admin(), workspace.id, "Home")));
  EXPECT_EQ(fixture.store().purged, (std::vector<std::optional<Uuid>>{workspace.compartment}));
}

}  // namespace
}  // namespace latchkey::admin

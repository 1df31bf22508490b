// The promises of every store about notices between nodes.
#include <gmock/gmock.h>

#include "store/sqlite/sqlite_store.hpp"
#include "testing/sample_rows.hpp"
#include "testing/sealer.hpp"
#include "testing/temporary_folder.hpp"

namespace latchkey::store {

using namespace store::testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

namespace {

// Two nodes on one file.
struct NoticeStoreTest : ::testing::Test {
  TemporaryFolder folder;
  std::unique_ptr<Store> one = open();
  std::unique_ptr<Store> two = open();

  std::unique_ptr<Store> open() {
    return open_sqlite_store({.path = folder.file("shared.db"), .sealer = testing::sealer_source(), .alarm = {}})
        .value();
  }

  static Notice key_notice(std::int64_t sequence) {
    return {.kind = NoticeKind::ForgetKey, .external_key_id = "ekey_1", .created_at = at(5), .sequence = sequence};
  }
  static Notice data_key_notice(std::int64_t sequence) {
    return {
        .kind = NoticeKind::ForgetDataKeys, .compartment = uuid_of(2, 1), .created_at = at(6), .sequence = sequence};
  }
  static void notify(Store& store, Notice notice) {
    auto tell = [notice](Transaction& tx) { return tx.notify(notice); };
    ASSERT_TRUE(run_blocking(store.write(tell)));
  }
  static std::vector<Notice> after(Store& store, std::int64_t sequence, std::size_t limit = 100) {
    auto read = [=](Transaction& tx) { return tx.notices_after(sequence, limit); };
    return run_blocking(store.read(read)).value();
  }
  static std::int64_t last(Store& store) {
    auto read = [](Transaction& tx) { return tx.last_notice(); };
    return run_blocking(store.read(read)).value();
  }
};

TEST_F(NoticeStoreTest, ReachTheOtherNodesAndNotTheOwn) {
  EXPECT_EQ(last(*one), 0);
  notify(*one, key_notice(0));
  notify(*one, data_key_notice(0));
  EXPECT_THAT(after(*two, 0), ElementsAre(key_notice(1), data_key_notice(2)));
  EXPECT_THAT(after(*two, 0, 1), ElementsAre(key_notice(1)));
  EXPECT_THAT(after(*two, 1), ElementsAre(data_key_notice(2)));
  EXPECT_THAT(after(*two, 2), IsEmpty());
  EXPECT_THAT(after(*one, 0), IsEmpty());
  // A restarted node is a new node, without leases from before.
  one = open();
  EXPECT_THAT(after(*one, last(*one)), IsEmpty());
}

TEST_F(NoticeStoreTest, AreThereOnceTheTransactionIs) {
  auto fail = [](Transaction& tx) -> Result<void> {
    LATCHKEY_TRYV(tx.notify(key_notice(0)));
    return Error{ErrorCode::Internal, "as the test says"};
  };
  EXPECT_FALSE(run_blocking(one->write(fail)));
  EXPECT_THAT(after(*two, 0), IsEmpty());
}

TEST_F(NoticeStoreTest, OldOnesAreErasedAndNumbersNeverComeAgain) {
  notify(*one, key_notice(0));
  notify(*one, data_key_notice(0));
  auto erase = [](Transaction& tx) { return tx.erase_notices_before(at(7), 100); };
  ASSERT_TRUE(run_blocking(two->write(erase)));
  EXPECT_THAT(after(*two, 0), IsEmpty());
  EXPECT_EQ(last(*two), 2);
  notify(*one, key_notice(0));
  EXPECT_THAT(after(*two, 2), ElementsAre(key_notice(3)));
}

}  // namespace
}  // namespace latchkey::store

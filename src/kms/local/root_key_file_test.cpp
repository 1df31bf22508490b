#include "kms/local/root_key_file.hpp"

#include <filesystem>
#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "crypto/random.hpp"
#include "kms/local/local_key_provider.hpp"
#include "kms/reasons.hpp"
#include "kms/testing/key_provider_contract.hpp"
#include "testing/temporary_folder.hpp"

namespace latchkey::kms {
namespace {

using ::testing::HasSubstr;

class RootKeyFileTest : public ::testing::Test {
 protected:
  RootKeys read() { return read_root_keys(path, random, IfMissing::Refuse).value(); }
  std::shared_ptr<KeyProvider> provider() { return make_local_key_provider(read(), path, random).value(); }
  Result<WrappedKey> wrap(KeyProvider& by) {
    crypto::SecretBytes secret(65);
    return testing::run_task(context, by.wrap(KeyLocation{}, Binding{}, secret, {}));
  }
  bool unwraps(KeyProvider& by, const WrappedKey& wrapped) {
    return testing::run_task(context, by.unwrap(KeyLocation{}, Binding{}, wrapped, {})).has_value();
  }

  store::testing::TemporaryFolder folder;
  std::string path = folder.file("root.key");
  crypto::SystemRandom random;
  boost::asio::io_context context;
};

TEST_F(RootKeyFileTest, AMissingFileIsMadeOnlyWhereNothingWasWrittenUnderOne) {
  auto refused = read_root_keys(path, random, IfMissing::Refuse);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Invalid);
  EXPECT_THAT(refused.error().message(), HasSubstr("Restore it from its backup"));
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_EQ(read_root_keys(path, random, IfMissing::Make).value().size(), 1U);
}

TEST_F(RootKeyFileTest, ANewKeyStandsBeforeTheOthersAndWraps) {
  auto first = read_root_keys(path, random, IfMissing::Make).value();
  auto before = wrap(*provider()).value();
  auto added = add_root_key(path, random).value();
  ASSERT_EQ(added.size(), 2U);
  EXPECT_EQ(added[1].version, first[0].version);
  EXPECT_EQ(read_file(path, 1024).value().size(), 64U);
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  auto both = provider();
  EXPECT_TRUE(unwraps(*both, before));
  EXPECT_EQ(wrap(*both).value().key_version, added[0].version);
}

TEST_F(RootKeyFileTest, AServerThatRunsLearnsOfANewKeyWhenItMeetsIt) {
  (void)read_root_keys(path, random, IfMissing::Make).value();
  auto running = provider();
  ASSERT_TRUE(add_root_key(path, random));
  auto wrapped = wrap(*provider()).value();
  EXPECT_TRUE(unwraps(*running, wrapped));
  EXPECT_EQ(wrap(*running).value().key_version, wrapped.key_version);
}

TEST_F(RootKeyFileTest, TheNewestAloneIsKept) {
  (void)read_root_keys(path, random, IfMissing::Make).value();
  auto before = wrap(*provider()).value();
  auto added = add_root_key(path, random).value();
  auto kept = keep_newest_root_key(path, random).value();
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(kept[0].version, added[0].version);
  EXPECT_FALSE(unwraps(*provider(), before));
}

TEST_F(RootKeyFileTest, AFileHasAnEndOfKeys) {
  (void)read_root_keys(path, random, IfMissing::Make).value();
  for (std::size_t i = 1; i < kMostRootKeys; ++i) ASSERT_TRUE(add_root_key(path, random));
  EXPECT_EQ(read().size(), kMostRootKeys);
  auto one_more = add_root_key(path, random);
  ASSERT_FALSE(one_more);
  EXPECT_EQ(one_more.error().code, ErrorCode::Conflict);
  EXPECT_THAT(one_more.error().message(), HasSubstr("latchkey root-key prune"));
  EXPECT_EQ(read().size(), kMostRootKeys);
}

TEST_F(RootKeyFileTest, EachKeySealsWithAKeyOfItsOwnWhichIsNotTheRootKey) {
  auto keys = read_root_keys(path, random, IfMissing::Make).value();
  auto sealer = make_row_sealer(keys, path).value();
  store::SealText text("table");
  auto seal = sealer->seal(text);
  RootKeys other;
  other.push_back({"local:0", crypto::SecretBytes(Bytes(32, 1))});
  EXPECT_EQ(make_row_sealer(other, path).value()->check(text, seal), store::SealVerdict::UnknownKey);
  store::RowSealer::Keys raw;
  raw.push_back({sealer->newest(), keys[0].key.clone()});
  EXPECT_EQ(store::RowSealer(std::move(raw)).check(text, seal), store::SealVerdict::Wrong);
}

TEST_F(RootKeyFileTest, ASealerThatRunsLearnsOfANewKeyWhenItMeetsIt) {
  auto running = make_row_sealer(read_root_keys(path, random, IfMissing::Make).value(), path).value();
  auto added = add_root_key(path, random).value();
  store::SealText text("table");
  auto seal = make_row_sealer(added, path).value()->seal(text);
  EXPECT_EQ(running->check(text, seal), store::SealVerdict::Good);
  EXPECT_TRUE(running->is_newest(running->seal(text)));
}

}  // namespace
}  // namespace latchkey::kms

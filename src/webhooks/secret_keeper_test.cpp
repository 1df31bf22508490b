#include "webhooks/secret_keeper.hpp"

#include <gtest/gtest.h>

#include "audit/testing/audit_fixture.hpp"
#include "kms/local/local_key_provider.hpp"
#include "webhooks/signature.hpp"

namespace latchkey::webhooks {
namespace {

struct SecretKeeperTest : ::testing::Test {
  audit::testing::AuditFixture fixture;
  store::testing::TemporaryFolder folder;
  std::shared_ptr<kms::KeyProvider> root =
      kms::open_local_key_provider(folder.file("root.key"), fixture.random).value();
  SecretKeeper keeper{*root, fixture.clock, fixture.random};
};

TEST_F(SecretKeeperTest, GivesBackWhatItMade) {
  auto made = fixture.run(keeper.make("whep_1")).value();
  EXPECT_EQ(made.secret.size(), kSecretSize);
  auto opened = fixture.run(keeper.open("whep_1", made.wrapped));
  ASSERT_TRUE(opened);
  EXPECT_TRUE(crypto::equal_constant_time(opened.value().reveal(), made.secret.reveal()));
  auto text = as_text(made.wrapped.wrapped);
  EXPECT_EQ(text.find(as_text(made.secret.reveal())), std::string_view::npos);
}

TEST_F(SecretKeeperTest, NoTwoAreAlike) {
  auto one = fixture.run(keeper.make("whep_1")).value();
  auto two = fixture.run(keeper.make("whep_1")).value();
  EXPECT_FALSE(crypto::equal_constant_time(one.secret.reveal(), two.secret.reveal()));
}

TEST_F(SecretKeeperTest, DoesNotOpenInAnothersRow) {
  auto made = fixture.run(keeper.make("whep_1")).value();
  auto opened = fixture.run(keeper.open("whep_2", made.wrapped));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::Corrupt);
  EXPECT_NE(opened.error().message().find("latchkey webhooks rotate whep_2"), std::string::npos);
}

TEST_F(SecretKeeperTest, DoesNotOpenDamaged) {
  auto made = fixture.run(keeper.make("whep_1")).value();
  for (auto spoiled : {made.wrapped.wrapped.size() - 1, std::size_t{20}}) {
    auto wrapped = made.wrapped;
    wrapped.wrapped[spoiled] ^= 1;
    EXPECT_FALSE(fixture.run(keeper.open("whep_1", wrapped)));
  }
  // Complete, under the same root key, but no signing secret.
  kms::KeyLocation location;
  crypto::SecretBytes short_one(Bytes(8, 1));
  auto wrapped =
      fixture.run(root->wrap(location, {}, short_one, fixture.clock.steady() + std::chrono::seconds(1))).value();
  EXPECT_FALSE(fixture.run(keeper.open("whep_1", {wrapped.key_version, wrapped.ciphertext})));
}

}  // namespace
}  // namespace latchkey::webhooks

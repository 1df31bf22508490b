#include "admin/owners_terms.hpp"

#include <gtest/gtest.h>

#include "admin/lease_policies.hpp"
#include "admin/testing/admin_fixture.hpp"
#include "kms/reasons.hpp"

namespace latchkey::admin {
namespace {

using namespace std::chrono_literals;

struct OwnersTermsTest : ::testing::Test {
  testing::AdminFixture fixture;
  ExternalKeyView key = fixture.make_key();
  LeasePolicies policies{fixture.store(), fixture.clock, fixture.random, {60s, 1h}};
  kms::ReadTerms read_terms = read_terms_from(fixture.store(), 2min);

  Result<kms::OwnersTerms> terms_of(const std::string& key_id, const Uuid& organization) {
    return fixture.run(read_terms({format_uuid(organization), key_id}));
  }
  Result<kms::OwnersTerms> terms() { return terms_of(key.row.id, key.row.organization); }
  void write(const std::function<Result<void>(store::Transaction&)>& work) {
    ASSERT_TRUE(fixture.run(fixture.store().write(work)));
  }
};

TEST_F(OwnersTermsTest, ASuspendedKeyMayNotBeAskedUntilItIsResumed) {
  ASSERT_TRUE(terms());
  write([this](store::Transaction& tx) {
    return tx.insert(store::ExternalKeySuspension{.external_key_id = key.row.id,
                                                  .organization = key.row.organization,
                                                  .suspended_at = fixture.clock.now(),
                                                  .suspended_by = "apikey_1",
                                                  .reason = std::nullopt});
  });
  auto refused = terms();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::KeyDenied);
  EXPECT_EQ(refused.error().reason, kms::reason::kSuspended);
  EXPECT_TRUE(terms_of(fixture.make_key("another").row.id, key.row.organization)) << "which is not suspended";
  write([this](store::Transaction& tx) -> Result<void> {
    LATCHKEY_TRYV(tx.erase_suspension(key.row.organization, key.row.id));
    return success();
  });
  EXPECT_TRUE(terms());
}

// The server asks Entra as often as the vault: validations and health checks, too, follow the organisation's own
// policy.
TEST_F(OwnersTermsTest, TheSignInIsAsYoungAsTheOrganisationsLeasesAre) {
  EXPECT_FALSE(terms().value().sign_in) << "the server's";
  ASSERT_TRUE(fixture.run(policies.set(fixture.admin(), {5s, 10min})));
  auto own = terms().value().sign_in;
  ASSERT_TRUE(own);
  EXPECT_EQ(own->soft, 5s);
  EXPECT_EQ(own->hard, 10min);
  EXPECT_FALSE(terms_of(key.row.id, fixture.other.organization.id).value().sign_in) << "another organisation's";
  ASSERT_TRUE(fixture.run(policies.set(fixture.admin(), {4min, 10min})));
  EXPECT_EQ(terms().value().sign_in->soft, 2min) << "the operator's most";
}

TEST_F(OwnersTermsTest, NothingIsDemandedForAKeyThatIsNotRegistered) {
  EXPECT_FALSE(fixture.run(read_terms({})).value().sign_in);
}

}  // namespace
}  // namespace latchkey::admin

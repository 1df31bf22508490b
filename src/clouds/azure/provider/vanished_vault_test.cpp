// A deleted vault: DNS denies its name. That is a refusal, unless DNS itself fails.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "clouds/azure/provider/reasons.hpp"
#include "clouds/azure/provider/testing/fault_fixture.hpp"
#include "kms/key_errors.hpp"
#include "testing/written_page.hpp"

namespace latchkey::clouds::azure {
namespace {

using namespace keyring;

using namespace std::chrono_literals;
using http::TransportFailure;
using testing::FakeAzure;
using testing::Fault;
using testing::FaultFixture;
using testing::Meaning;
using testing::Place;
using testing::response;
using testing::SharedStore;

constexpr auto kTimeout = 15s;
constexpr std::string_view kOther = "https://other.vault.azure.net/";
// The longest from one question to the next while a key cannot be asked.
constexpr auto kLongestPause = 30s;

enum class Others { Resolve, Denied, NotLookedUp, Unknown };

class VanishedVault : public ::testing::Test {
 protected:
  VanishedVault() : fixture(shared, Place::Unwrap, nothing) {
    fixture.client.set([this](const http::ClientRequest& request) { return respond(request); });
  }
  testing::Response respond(const http::ClientRequest& request) {
    bool asks_other = request.url.starts_with(kOther);
    if (vanished && request.url.starts_with("https://contoso.")) {
      return kms::testing::failure(TransportFailure::UnknownName);
    }
    if (vanished && asks_other && others == Others::Denied) return kms::testing::failure(TransportFailure::UnknownName);
    if (vanished && asks_other && others == Others::NotLookedUp) {
      return kms::testing::failure(TransportFailure::LookupFailed);
    }
    if (!asks_other) return fixture.healthy(request);
    return request.only_connects ? response(0, "") : testing::vault_refusal(403, "Forbidden", "KeyDisabled");
  }
  // There is a lease past its soft age. The other vault has responded, unless the server does not know it.
  void begin(Others which) {
    others = which;
    if (which != Others::Unknown) {
      auto key = location_of({std::string(kOther), "k", std::string(FakeAzure::kTenant), std::nullopt});
      EXPECT_FALSE(fixture.run(fixture.provider->describe(key, fixture.clock.steady() + kTimeout)));
    }
    auto made = fixture.run(fixture.keyring->for_encryption(fixture.customer, fixture.clock.steady() + kTimeout));
    ASSERT_TRUE(made) << made.error().message();
    data_key = made.value().key->id();
    fixture.clock.advance(LeaseAges{}.soft + 1s);
    vanished = true;
  }
  Result<Lease> read() {
    return fixture.run(fixture.keyring->for_decryption(fixture.customer, data_key, fixture.clock.steady() + kTimeout));
  }
  // Lets the time pass, and says what a read then leads to: "served, kept".
  std::string after(std::chrono::seconds time) {
    fixture.clock.advance(time);
    fixture.run_background();
    auto lease = read();
    std::string outcome = lease ? "served" : kms::is_refusal(lease.error()) ? "refused" : "unreachable";
    if (!lease) reason = lease.error().reason;
    return fmt::format("{}, {}", outcome, fixture.keyring->size() > 0 ? "kept" : "dropped");
  }

  SharedStore shared;
  const Fault nothing{"", Meaning::Nothing, {}, {}};
  FaultFixture fixture;
  Others others = Others::Resolve;
  bool vanished = false;
  RawId data_key{};
  Reason reason;
};

TEST_F(VanishedVault, IsRefusedAndServesAgainOnceItIsRecovered) {
  begin(Others::Resolve);
  EXPECT_EQ(after(0s), "served, kept");
  EXPECT_EQ(after(59s), "served, kept");
  EXPECT_EQ(after(kLongestPause), "refused, dropped");
  EXPECT_EQ(reason, reason::kVaultGone);
  vanished = false;
  std::string recovered;
  for (int i = 0; i < 18 && recovered != "served, kept"; ++i) recovered = after(5s);
  EXPECT_EQ(recovered, "served, kept");
}

TEST_F(VanishedVault, ThatRespondsInBetweenIsNotGone) {
  begin(Others::Resolve);
  for (int i = 0; i < 6; ++i) {
    vanished = i % 2 == 0;
    EXPECT_EQ(after(45s), "served, kept") << i;
  }
}

TEST_F(VanishedVault, AfterARestartNothingIsServedAndNothingIsCalledARefusal) {
  begin(Others::Resolve);
  fixture.start();
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(after(30s), "unreachable, dropped");
    EXPECT_EQ(reason, reason::kVaultNameUnknown);
  }
}

struct Row {
  Others others;
  std::string_view name;
  std::string_view at_last;
};

constexpr Row kRows[] = {{Others::Resolve, "resolve", "refused, dropped"},
                         {Others::Denied, "are denied too", "served, kept"},
                         {Others::NotLookedUp, "cannot be looked up", "served, kept"},
                         {Others::Unknown, "are not known", "served, kept"}};

class VanishedVaultRow : public VanishedVault, public ::testing::WithParamInterface<Row> {};

TEST_P(VanishedVaultRow, IsAsThePageSays) {
  begin(GetParam().others);
  EXPECT_EQ(after(0s), "served, kept");
  EXPECT_EQ(after(59s), "served, kept");
  EXPECT_EQ(after(kLongestPause), GetParam().at_last);
}

INSTANTIATE_TEST_SUITE_P(VanishedVault, VanishedVaultRow, ::testing::ValuesIn(kRows));

TEST(VanishedVaultPage, ThePageIsMadeOfRows) {
  std::string section =
      "## A vault's name that DNS denies\n\nNXDOMAIN for a vault that answered before, by how long ago it was first "
      "denied; its data is in use all the while, under a lease past\nsoft (`src/keyring/vanished_vault_test.cpp`). "
      "After a restart there is no lease, and the data is unreachable.\n\n"
      "| other vaults | at first | within a minute | after it | reason |\n|---|---|---|---|---|\n";
  for (const auto& row : kRows) {
    bool gone = row.others == Others::Resolve;
    section += fmt::format("| {} | served, kept | served, kept | {} | `{}` |\n", row.name, row.at_last,
                           gone ? reason::kVaultGone.code : reason::kVaultNameUnknown.code);
  }
  latchkey::testing::expect_section_written("docs/fault-matrix.md", section + "\n");
}

}  // namespace
}  // namespace latchkey::clouds::azure

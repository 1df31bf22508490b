#include "clouds/azure/provider/vault_names.hpp"

#include <algorithm>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clouds/azure/provider/reasons.hpp"
#include "clouds/azure/provider/testing/azure_harness.hpp"

namespace latchkey::clouds::azure {
namespace {

using namespace std::chrono_literals;
using http::TransportFailure;
using ::testing::ElementsAre;
using Denial = VaultNames::Denial;

class VaultNamesTest : public ::testing::Test {
 protected:
  ManualClock clock{parse_timestamp("2026-01-02T03:04:05Z").value()};
  VaultNames names{clock, 3};
};

TEST_F(VaultNamesTest, ANameThatNeverRespondedIsNeverGone) {
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(names.denied("never"), Denial::Unproven);
    clock.advance(1min);
  }
  names.others_resolve("never");
  EXPECT_EQ(names.denied("never"), Denial::Unproven);
  EXPECT_EQ(names.size(), 0U) << "nobody fills the memory with names";
}

TEST_F(VaultNamesTest, AMinuteOfDenialsIsLookedInto) {
  names.record_response("v");
  EXPECT_EQ(names.denied("v"), Denial::Unproven);
  clock.advance(59s);
  EXPECT_EQ(names.denied("v"), Denial::Unproven);
  clock.advance(1s);
  EXPECT_EQ(names.denied("v"), Denial::LookAround);
  EXPECT_EQ(names.denied("v"), Denial::Unproven) << "by one at a time";
  clock.advance(10s);
  EXPECT_EQ(names.denied("v"), Denial::LookAround);
  names.others_resolve("v");
  EXPECT_EQ(names.denied("v"), Denial::Gone);
}

TEST_F(VaultNamesTest, AResponseEndsIt) {
  names.record_response("v");
  (void)names.denied("v");
  clock.advance(1min);
  names.record_response("v");
  EXPECT_EQ(names.denied("v"), Denial::Unproven);
  clock.advance(1min);
  ASSERT_EQ(names.denied("v"), Denial::LookAround);
  names.record_response("v");
  names.others_resolve("v");
  EXPECT_EQ(names.denied("v"), Denial::Unproven) << "the look around was for an older question";
  clock.advance(1min);
  ASSERT_EQ(names.denied("v"), Denial::LookAround);
  names.others_resolve("v");
  names.record_response("v");
  EXPECT_EQ(names.denied("v"), Denial::Unproven);
}

TEST_F(VaultNamesTest, DenialsFarApartAreNoRow) {
  names.record_response("v");
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(names.denied("v"), Denial::Unproven);
    clock.advance(16min);
  }
  EXPECT_EQ(names.denied("v"), Denial::Unproven);
  clock.advance(15min);
  EXPECT_EQ(names.denied("v"), Denial::LookAround);
}

TEST_F(VaultNamesTest, TheTimeThatTheMachineSleptCounts) {
  names.record_response("v");
  EXPECT_EQ(names.denied("v"), Denial::Unproven);
  clock.sleep(1min);
  EXPECT_EQ(names.denied("v"), Denial::LookAround);
  clock.sleep(16min);
  EXPECT_EQ(names.denied("v"), Denial::Unproven) << "the denials before it are no row with this one";
}

TEST_F(VaultNamesTest, OthersAreThoseThatRespondedLast) {
  for (const auto* host : {"a", "b", "c", "a"}) names.record_response(host);
  EXPECT_THAT(names.others("v", 9), ElementsAre("a", "c", "b"));
  EXPECT_THAT(names.others("a", 1), ElementsAre("c"));
  (void)names.denied("c");
  EXPECT_THAT(names.others("a", 9), ElementsAre("b"));
}

TEST_F(VaultNamesTest, TheMemoryIsBounded) {
  for (const auto* host : {"a", "b", "c", "a", "d"}) names.record_response(host);
  EXPECT_EQ(names.size(), 3U);
  EXPECT_THAT(names.others("v", 9), ElementsAre("d", "a", "c"));
}

// The provider, with a DNS that says what the test wants.
class DeletedVaultTest : public ::testing::Test {
 protected:
  DeletedVaultTest() {
    h.client.set([this](const http::ClientRequest& request) { return respond(request); });
  }
  testing::Response respond(const http::ClientRequest& request) {
    for (const auto& [host, failure] : dns) {
      if (request.url.starts_with("https://" + host)) return testing::failure(failure);
    }
    if (request.url.find("login.") != std::string::npos) return h.azure(request);
    return request.only_connects ? testing::response(0, "") : testing::vault_refusal(403, "Forbidden", "KeyDisabled");
  }
  // Returns the reason of the error.
  Reason ask(const std::string& vault) {
    kms::KeyLocation key =
        location_of({"https://" + vault + "/", "my-key", std::string(testing::FakeAzure::kTenant), std::nullopt});
    auto described = h.run(h.provider->describe(key, h.in(60s)));
    EXPECT_FALSE(described);
    code = described.error().code;
    return described.error().reason;
  }
  std::size_t connects() {
    auto all = h.client.requests();
    return static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(), [](const auto& request) { return request.only_connects; }));
  }

  const std::string mine = "mine.vault.azure.net";
  const std::string other = "other.vault.azure.net";
  testing::AzureHarness h;
  std::map<std::string, TransportFailure> dns;  // what does not resolve, and how
  ErrorCode code{};
};

TEST_F(DeletedVaultTest, IsARefusalAfterAMinuteWhileOtherVaultsResolve) {
  EXPECT_EQ(ask(mine), reason::kKeyDisabled);
  EXPECT_EQ(ask(other), reason::kKeyDisabled);
  dns[mine] = TransportFailure::UnknownName;
  EXPECT_EQ(ask(mine), reason::kVaultNameUnknown);
  EXPECT_EQ(code, ErrorCode::KeyUnreachable);
  h.clock.advance(59s);
  EXPECT_EQ(ask(mine), reason::kVaultNameUnknown);
  EXPECT_EQ(connects(), 0U);
  h.clock.advance(1s);
  EXPECT_EQ(ask("MINE.vault.azure.net"), reason::kVaultGone) << "however it is spelled";
  EXPECT_EQ(code, ErrorCode::KeyDenied);
  EXPECT_EQ(ask(mine), reason::kVaultGone);
  EXPECT_EQ(connects(), 1U);
  for (const auto& request : h.client.requests()) {
    if (request.only_connects) {
      EXPECT_FALSE(request.headers.has("authorization"));
    }
  }
  dns.clear();
  EXPECT_EQ(ask(mine), reason::kKeyDisabled) << "it was recovered";
}

TEST_F(DeletedVaultTest, IsNoRefusalWhereDnsDeniesEveryVault) {
  (void)ask(mine);
  (void)ask(other);
  dns[mine] = dns[other] = TransportFailure::UnknownName;
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(ask(mine), reason::kVaultNameUnknown);
    h.clock.advance(20s);
  }
}

TEST_F(DeletedVaultTest, IsNoRefusalWhereDnsDoesNotAnswerOrOthersCannotBeReached) {
  for (auto failure : {TransportFailure::LookupFailed, TransportFailure::TimedOut, TransportFailure::AddressRefused,
                       TransportFailure::TlsFailed, TransportFailure::ConnectFailed, TransportFailure::ProxyFailed}) {
    dns.clear();
    (void)ask(mine);
    (void)ask(other);
    dns[other] = failure;
    dns[mine] = TransportFailure::UnknownName;
    for (int i = 0; i < 5; ++i) {
      EXPECT_EQ(ask(mine), reason::kVaultNameUnknown);
      h.clock.advance(20s);
    }
    dns[other] = TransportFailure::UnknownName;
    dns[mine] = failure;
    for (int i = 0; i < 5; ++i) {
      EXPECT_NE(ask(mine), reason::kVaultGone);
      h.clock.advance(20s);
    }
  }
}

TEST_F(DeletedVaultTest, IsNoRefusalOnAServerThatKnowsNoOtherVault) {
  (void)ask(mine);
  dns[mine] = TransportFailure::UnknownName;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(ask(mine), reason::kVaultNameUnknown);
    h.clock.advance(20s);
  }
}

TEST_F(DeletedVaultTest, IsNoRefusalAfterARestart) {
  (void)ask(mine);
  dns[mine] = TransportFailure::UnknownName;
  h.provider = h.make(ClientSecret{std::make_shared<crypto::SecretBytes>(as_bytes("s3cret"))});
  (void)ask(other);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(ask(mine), reason::kVaultNameUnknown);
    h.clock.advance(20s);
  }
}

TEST_F(DeletedVaultTest, OthersThatAreDeletedTooDoNotHideIt) {
  (void)ask(other);
  (void)ask(mine);
  for (int i = 0; i < 8; ++i) (void)ask("strangers" + std::to_string(i) + ".vault.azure.net");
  dns["strangers"] = dns[mine] = TransportFailure::UnknownName;
  (void)ask(mine);
  h.clock.advance(1min);
  Reason found;
  for (int i = 0; i < 3; ++i) {
    found = ask(mine);
    h.clock.advance(10s);
  }
  EXPECT_EQ(found, reason::kVaultGone);
}

}  // namespace
}  // namespace latchkey::clouds::azure

// The promises of every store about webhook endpoints and deliveries.
#include <gmock/gmock.h>

#include "store/testing/store_contract.hpp"
#include "testing/sample_rows.hpp"

namespace latchkey::store {

using namespace store::testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

namespace {

class WebhookStore : public StoreContract {
 protected:
  const Organization acme_ = organization(1);
  const Organization other_ = organization(2);

  WebhookEndpoint endpoint(std::uint8_t number = 1) const {
    return {.id = fmt::format("whep_{}", number),
            .organization = acme_.id,
            .url = "https://example.com/hooks",
            .description = "pager",
            .events = {"external_key.failed", "external_key.recovered"},
            .enabled = true,
            .disabled_reason = "",
            .secret = {"local:1", Bytes(40, number)},
            .previous_secret = std::nullopt,
            .created_at = at(number),
            .updated_at = at(number)};
  }
  WebhookDelivery delivery(std::uint8_t number, std::uint8_t to = 1) const {
    return {.id = fmt::format("whdl_{}", number),
            .organization = acme_.id,
            .endpoint_id = fmt::format("whep_{}", to),
            .event_id = fmt::format("evt_{}", number),
            .event_type = "external_key.failed",
            .body = "{}",
            .state = WebhookDeliveryState::Pending,
            .attempts = 0,
            .created_at = at(number),
            .next_attempt_at = at(number),
            .last_attempt_at = std::nullopt,
            .last_status = std::nullopt,
            .last_error = std::nullopt};
  }
  template <class Row>
  Result<void> insert(Row row) {
    return write([row](Transaction& tx) { return tx.insert(row); });
  }
  template <class Row>
  Result<void> update(Row row) {
    return write([row](Transaction& tx) { return tx.update(row); });
  }
  std::optional<WebhookEndpoint> found(const Organization& owner, std::uint8_t number = 1) {
    return get([&](Transaction& tx) { return tx.find_webhook_endpoint(owner.id, fmt::format("whep_{}", number)); });
  }
  std::optional<WebhookDelivery> found_delivery(std::uint8_t number) {
    return get([&](Transaction& tx) { return tx.find_webhook_delivery(fmt::format("whdl_{}", number)); });
  }
  std::vector<std::string> due(std::int64_t now, std::size_t limit = 100) {
    auto rows = get([&](Transaction& tx) { return tx.due_webhook_deliveries(at(now), limit); });
    std::vector<std::string> ids;
    for (const auto& row : rows) ids.push_back(row.id);
    return ids;
  }
  void end(std::uint8_t number, std::uint8_t to) {
    auto row = delivery(number, to);
    row.state = WebhookDeliveryState::Delivered;
    row.next_attempt_at.reset();
    ASSERT_TRUE(update(row));
  }
  std::size_t give_up(std::size_t keep, std::size_t limit = 100) {
    return write([=](Transaction& tx) { return tx.fail_pending_webhook_deliveries("whep_1", "disabled", keep, limit); })
        .value();
  }
  // Newest first, by their times of creation.
  std::vector<std::string> in_state(std::uint8_t to, WebhookDeliveryState state) {
    auto page = get([&](Transaction& tx) {
      return tx.list_webhook_deliveries(acme_.id, fmt::format("whep_{}", to),
                                        {.limit = 100, .after = {}, .before = {}});
    });
    std::vector<std::string> ids;
    for (const auto& row : page.rows) {
      if (row.state == state) ids.push_back(row.id);
    }
    return ids;
  }
};

TEST_P(WebhookStore, KeepsAndChangesEndpoints) {
  given(acme_, other_);
  ASSERT_TRUE(insert(endpoint()));
  reopen();
  EXPECT_EQ(found(acme_), endpoint());
  EXPECT_EQ(found(other_), std::nullopt);
  auto changed = endpoint();
  changed.url = "https://example.org/";
  changed.description = "";
  changed.events = {"external_key.failed"};
  changed.enabled = false;
  changed.disabled_reason = "gone";
  changed.secret = {"local:2", Bytes(40, 9)};
  changed.previous_secret = ExpiringSecret{{"local:1", Bytes(40, 1)}, at(99)};
  changed.updated_at = at(5);
  ASSERT_TRUE(update(changed));
  EXPECT_EQ(found(acme_), changed);
  ASSERT_TRUE(insert(endpoint(2)));
  EXPECT_THAT(get([&](Transaction& tx) { return tx.list_webhook_endpoints(acme_.id); }),
              ElementsAre(changed, endpoint(2)));
  EXPECT_THAT(get([&](Transaction& tx) { return tx.list_webhook_endpoints(other_.id); }), IsEmpty());
  auto theirs = changed;
  theirs.organization = other_.id;
  EXPECT_FALSE(update(theirs));
}

TEST_P(WebhookStore, ErasesAnEndpointWithItsDeliveries) {
  given(acme_, other_);
  ASSERT_TRUE(insert(endpoint()));
  ASSERT_TRUE(insert(delivery(1)));
  auto erase = [&](const Organization& owner) {
    return write([&](Transaction& tx) { return tx.erase_webhook_endpoint(owner.id, "whep_1"); }).value();
  };
  EXPECT_FALSE(erase(other_));
  EXPECT_TRUE(erase(acme_));
  EXPECT_FALSE(erase(acme_));
  EXPECT_EQ(found_delivery(1), std::nullopt);
}

TEST_P(WebhookStore, KeepsWhatBecameOfADelivery) {
  given(acme_, other_);
  EXPECT_FALSE(insert(delivery(1))) << "to nowhere";
  ASSERT_TRUE(insert(endpoint()));
  ASSERT_TRUE(insert(delivery(1)));
  EXPECT_EQ(found_delivery(1), delivery(1));
  auto failed = delivery(1);
  failed.state = WebhookDeliveryState::Failed;
  failed.attempts = 12;
  failed.next_attempt_at.reset();
  failed.last_attempt_at = at(77);
  failed.last_status = 500;
  failed.last_error = "it answered 500";
  ASSERT_TRUE(update(failed));
  reopen();
  EXPECT_EQ(found_delivery(1), failed);
  auto delivered = failed;
  delivered.state = WebhookDeliveryState::Delivered;
  delivered.last_error.reset();
  ASSERT_TRUE(update(delivered));
  EXPECT_EQ(found_delivery(1), delivered);
}

TEST_P(WebhookStore, GivesTheFirstOfEachEndpointThatIsDue) {
  given(acme_, other_);
  ASSERT_TRUE(insert(endpoint(1)));
  ASSERT_TRUE(insert(endpoint(2)));
  for (const std::uint8_t number : std::vector<std::uint8_t>{10, 11, 12}) ASSERT_TRUE(insert(delivery(number, 1)));
  ASSERT_TRUE(insert(delivery(9, 2)));
  EXPECT_THAT(due(8), IsEmpty());
  EXPECT_THAT(due(9), ElementsAre("whdl_9"));
  EXPECT_THAT(due(100), ElementsAre("whdl_9", "whdl_10"));
  EXPECT_THAT(due(100, 1), ElementsAre("whdl_9"));
  auto later = delivery(10, 1);
  later.next_attempt_at = at(50);
  ASSERT_TRUE(update(later));
  EXPECT_THAT(due(100), ElementsAre("whdl_9", "whdl_11"));
}

TEST_P(WebhookStore, OrganisationsTakeTurnsWhereMuchIsDue) {
  given(acme_, other_);
  for (std::uint8_t number = 1; number <= 5; ++number) {
    auto row = endpoint(number);
    if (number == 5) row.organization = other_.id;
    ASSERT_TRUE(insert(row));
    for (std::uint8_t which = 0; which < 2; ++which) {
      auto waiting = delivery(static_cast<std::uint8_t>(10 * number + which), number);
      waiting.organization = row.organization;
      ASSERT_TRUE(insert(waiting));
    }
  }
  EXPECT_THAT(due(100), ElementsAre("whdl_10", "whdl_50", "whdl_20", "whdl_30", "whdl_40"));
  EXPECT_THAT(due(100, 2), ElementsAre("whdl_10", "whdl_50"))
      << "even where one organisation has more that are longer overdue";
  EXPECT_THAT(due(29), ElementsAre("whdl_10", "whdl_20"));
}

TEST_P(WebhookStore, GivesUpWhatIsPendingForOneEndpoint) {
  given(acme_, other_);
  ASSERT_TRUE(insert(endpoint(1)));
  ASSERT_TRUE(insert(endpoint(2)));
  ASSERT_TRUE(insert(delivery(10, 1)));
  ASSERT_TRUE(insert(delivery(9, 2)));
  EXPECT_EQ(give_up(0), 1U);
  EXPECT_EQ(found_delivery(10)->state, WebhookDeliveryState::Failed);
  EXPECT_EQ(found_delivery(10)->last_error, "disabled");
  EXPECT_EQ(found_delivery(10)->next_attempt_at, std::nullopt);
  EXPECT_THAT(due(100), ElementsAre("whdl_9"));
}

TEST_P(WebhookStore, GivesUpWhatWasWrittenFirstBeyondWhatMayWait) {
  given(acme_, other_);
  ASSERT_TRUE(insert(endpoint(1)));
  ASSERT_TRUE(insert(endpoint(2)));
  // The order of writing counts, not the clock.
  for (const std::uint8_t number : std::vector<std::uint8_t>{50, 40, 30, 20, 10}) {
    ASSERT_TRUE(insert(delivery(number, 1)));
    ASSERT_TRUE(insert(delivery(static_cast<std::uint8_t>(number + 1), 2)));
  }
  EXPECT_EQ(give_up(5), 0U);
  EXPECT_EQ(give_up(2, 1), 1U);
  EXPECT_THAT(in_state(1, WebhookDeliveryState::Failed), ElementsAre("whdl_50"));
  EXPECT_EQ(give_up(2), 2U);
  EXPECT_EQ(give_up(2), 0U);
  EXPECT_THAT(in_state(1, WebhookDeliveryState::Pending), ElementsAre("whdl_20", "whdl_10"));
  EXPECT_THAT(in_state(2, WebhookDeliveryState::Pending), SizeIs(5)) << "another endpoint's are untouched";
}

TEST_P(WebhookStore, KeepsTheNewestOfWhatEnded) {
  given(acme_, other_);
  ASSERT_TRUE(insert(endpoint(1)));
  ASSERT_TRUE(insert(endpoint(2)));
  for (std::uint8_t number = 1; number <= 6; ++number) {
    ASSERT_TRUE(insert(delivery(number, 1)));
    ASSERT_TRUE(insert(delivery(static_cast<std::uint8_t>(number + 10), 2)));
    if (number > 4) continue;
    end(number, 1);
    end(static_cast<std::uint8_t>(number + 10), 2);
  }
  auto forget = [&](std::size_t keep, std::size_t limit) {
    return write([=](Transaction& tx) { return tx.erase_ended_webhook_deliveries("whep_1", keep, limit); }).value();
  };
  EXPECT_EQ(forget(4, 10), 0U);
  EXPECT_EQ(forget(1, 2), 2U);
  EXPECT_EQ(forget(1, 2), 1U);
  EXPECT_EQ(forget(1, 2), 0U);
  EXPECT_THAT(in_state(1, WebhookDeliveryState::Delivered), ElementsAre("whdl_4"));
  EXPECT_THAT(in_state(1, WebhookDeliveryState::Pending), SizeIs(2));
  EXPECT_THAT(in_state(2, WebhookDeliveryState::Delivered), SizeIs(4)) << "another endpoint's are untouched";
}

TEST_P(WebhookStore, ErasesAnEndpointsDeliveriesInSteps) {
  given(acme_, other_);
  ASSERT_TRUE(insert(endpoint(1)));
  ASSERT_TRUE(insert(endpoint(2)));
  for (std::uint8_t number = 1; number <= 5; ++number) {
    ASSERT_TRUE(insert(delivery(number, 1)));
    if (number < 3) end(number, 1);
  }
  ASSERT_TRUE(insert(delivery(9, 2)));
  auto erase = [&](std::size_t limit) {
    return write([=](Transaction& tx) { return tx.erase_webhook_deliveries("whep_1", limit); }).value();
  };
  EXPECT_EQ(erase(3), 3U);
  EXPECT_EQ(erase(3), 2U);
  EXPECT_EQ(erase(3), 0U);
  EXPECT_THAT(due(100), ElementsAre("whdl_9"));
}

TEST_P(WebhookStore, FindsTheEndpointsThatHaveWorkForTidying) {
  given(acme_, other_);
  for (std::uint8_t to = 1; to <= 4; ++to) {
    ASSERT_TRUE(insert(endpoint(to)));
    for (std::uint8_t which = 0; which < to; ++which) {
      auto number = static_cast<std::uint8_t>(10 * to + which);
      ASSERT_TRUE(insert(delivery(number, to)));
      if (to > 1) end(number, to);
    }
  }
  auto untidy = [&](std::size_t ended, std::size_t limit = 10) {
    std::vector<std::string> ids;
    for (const auto& row : get([=](Transaction& tx) { return tx.untidy_webhook_endpoints(ended, limit); })) {
      ids.push_back(row.id);
    }
    return ids;
  };
  EXPECT_THAT(untidy(2), ElementsAre("whep_4", "whep_3"));
  EXPECT_THAT(untidy(2, 1), ElementsAre("whep_4"));
  auto disabled = endpoint(1);
  disabled.enabled = false;
  ASSERT_TRUE(update(disabled));
  EXPECT_THAT(untidy(3), ElementsAre("whep_4", "whep_1"));
  EXPECT_EQ(give_up(0), 1U);
  EXPECT_THAT(untidy(3), ElementsAre("whep_4"));
  // A delivery that is pending again no longer counts as ended.
  ASSERT_TRUE(update(delivery(40, 4)));
  EXPECT_THAT(untidy(3), IsEmpty());
  ASSERT_TRUE(write([](Transaction& tx) { return tx.erase_webhook_deliveries_before(at(21), 100); }));
  EXPECT_THAT(untidy(1), ElementsAre("whep_3", "whep_4"));
}

TEST_P(WebhookStore, SecretsUnderOtherRootKeysComeInPages) {
  given(acme_, other_);
  for (std::uint8_t number = 1; number <= 5; ++number) {
    auto row = endpoint(number);
    if (number == 2) row.secret.key_version = "local:2";
    if (number == 4) {
      row.secret.key_version = "local:2";
      row.previous_secret = ExpiringSecret{{"local:1", Bytes(40, 1)}, at(99)};
    }
    ASSERT_TRUE(insert(row));
  }
  auto page = [&](std::string after) {
    std::vector<std::string> ids;
    for (const auto& row :
         get([&](Transaction& tx) { return tx.webhooks_under_other_root_keys("local:2", after, 2); })) {
      ids.push_back(row.id);
    }
    return ids;
  };
  EXPECT_THAT(page(""), ElementsAre("whep_1", "whep_3"));
  EXPECT_THAT(page("whep_3"), ElementsAre("whep_4", "whep_5"));
  EXPECT_THAT(page("whep_5"), IsEmpty());
}

TEST_P(WebhookStore, ForgetsWhatEndedLongAgo) {
  given(acme_, other_);
  ASSERT_TRUE(insert(endpoint()));
  ASSERT_TRUE(insert(delivery(1)));
  ASSERT_TRUE(insert(delivery(2)));
  auto done = delivery(2);
  done.state = WebhookDeliveryState::Delivered;
  done.next_attempt_at.reset();
  ASSERT_TRUE(update(done));
  auto forget = [&](std::int64_t time) {
    return write([time](Transaction& tx) { return tx.erase_webhook_deliveries_before(at(time), 100); });
  };
  ASSERT_TRUE(forget(2));
  EXPECT_TRUE(found_delivery(2));
  ASSERT_TRUE(forget(3));
  EXPECT_FALSE(found_delivery(2));
  EXPECT_TRUE(found_delivery(1)) << "it is still to be sent";
}

LATCHKEY_TEST_EVERY_STORE(WebhookStore);

}  // namespace
}  // namespace latchkey::store

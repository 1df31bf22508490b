// Webhook endpoints and their deliveries.

#include "store/sql/transaction_queries.hpp"

namespace latchkey::store {

Result<void> SqlTransaction::insert(const WebhookEndpoint& row) {
  return insert_row(row);
}

Result<void> SqlTransaction::update(const WebhookEndpoint& row) {
  LATCHKEY_TRYV(may_write("Changing a webhook endpoint"));
  LATCHKEY_TRY(auto before, find_webhook_endpoint(row.organization, row.id));
  if (!before) return not_there("webhook endpoint", row.id);
  return update_row("Changing a webhook endpoint", updated(*before, row));
}

Result<std::optional<WebhookEndpoint>> SqlTransaction::find_webhook_endpoint(const Uuid& organization,
                                                                             std::string_view id) {
  auto is_asked = [&](const WebhookEndpoint& row) { return row.organization == organization && row.id == id; };
  return find<WebhookEndpoint>(is_asked, "WHERE organization = ? AND id = ?", organization, id);
}

Result<std::vector<WebhookEndpoint>> SqlTransaction::list_webhook_endpoints(const Uuid& organization) {
  auto is_asked = [&](const WebhookEndpoint& row) { return row.organization == organization; };
  return select<WebhookEndpoint>(is_asked, "WHERE organization = ? ORDER BY created_at, id", organization);
}

Result<std::vector<WebhookEndpoint>> SqlTransaction::webhooks_under_other_root_keys(std::string_view key_version,
                                                                                    std::string_view after,
                                                                                    std::size_t limit) {
  return read_rows<WebhookEndpoint>(
      Unverified::LeftOut, nullptr,
      "WHERE (secret_key_version <> ?1 OR coalesce(previous_secret_key_version, ?1) <> ?1) AND id > ?2 ORDER BY id "
      "LIMIT ?3",
      key_version, after, sql_limit(limit));
}

Result<bool> SqlTransaction::erase_webhook_endpoint(const Uuid& organization, std::string_view id) {
  LATCHKEY_TRY(auto changed,
               write("Removing a webhook endpoint", "DELETE FROM webhook_endpoints WHERE organization = ? AND id = ?",
                     organization, id));
  return changed > 0;
}

Result<void> SqlTransaction::insert(const WebhookDelivery& row) {
  return insert_row(row);
}

Result<void> SqlTransaction::update(const WebhookDelivery& row) {
  LATCHKEY_TRY(auto changed, write("Changing a webhook delivery",
                                   fmt::format("UPDATE webhook_deliveries SET {} WHERE organization = ? AND id = ?",
                                               column_updates<WebhookDelivery>()),
                                   UpdatesOf<WebhookDelivery>{row}, row.organization, row.id));
  if (changed == 0) return not_there("webhook delivery", row.id);
  return success();
}

Result<std::optional<WebhookDelivery>> SqlTransaction::find_webhook_delivery(std::string_view id) {
  auto is_asked = [&](const WebhookDelivery& row) { return row.id == id; };
  return find<WebhookDelivery>(is_asked, "WHERE id = ?", id);
}

Result<Page<WebhookDelivery>> SqlTransaction::list_webhook_deliveries(const Uuid& organization,
                                                                      std::string_view endpoint_id,
                                                                      const ListWindow& window) {
  return page<WebhookDelivery>(organization, window, "AND endpoint_id = ?2", endpoint_id);
}

Result<std::vector<WebhookDelivery>> SqlTransaction::due_webhook_deliveries(Timestamp now, std::size_t limit) {
  // One delivery per endpoint: an endpoint that hangs delays only its own. The query steps from endpoint to endpoint,
  // not over all pending deliveries.
  return read_rows<WebhookDelivery>(
      Unverified::LeftOut, nullptr,
      "JOIN (WITH RECURSIVE waiting (endpoint) AS (SELECT min(endpoint_id) FROM webhook_deliveries WHERE state = "
      "'pending' UNION ALL SELECT (SELECT min(endpoint_id) FROM webhook_deliveries WHERE state = 'pending' AND "
      "endpoint_id > endpoint) FROM waiting WHERE endpoint IS NOT NULL) SELECT next.id AS delivery, row_number() OVER "
      "(PARTITION BY next.organization ORDER BY next.next_attempt_at, next.created_at, next.id) AS turn FROM waiting "
      "CROSS JOIN webhook_deliveries AS next WHERE next.id = (SELECT first.id FROM webhook_deliveries AS first WHERE "
      "first.endpoint_id = endpoint AND first.state = 'pending' ORDER BY first.next_attempt_at, first.created_at, "
      "first.id LIMIT 1) AND next.next_attempt_at <= ?) ON delivery = id ORDER BY turn, next_attempt_at, "
      "created_at, id LIMIT ?",
      now, sql_limit(limit));
}

Result<std::vector<UntidyEndpoint>> SqlTransaction::untidy_webhook_endpoints(std::size_t ended, std::size_t limit) {
  if (failure_) return *failure_;
  // Does not use read_rows: it would leave out a row that does not verify, which would occupy a place of the limit for
  // ever.
  constexpr std::string_view kUntidy =
      "SELECT id, enabled FROM webhook_endpoints WHERE id IN (SELECT id FROM (SELECT id FROM webhook_endpoints WHERE "
      "ended_deliveries > ?1 ORDER BY ended_deliveries DESC LIMIT ?2) AS fullest) OR id IN (SELECT id FROM (SELECT id "
      "FROM webhook_endpoints WHERE enabled = 0 AND pending_deliveries > 0 LIMIT ?2) AS disabled) ORDER BY "
      "ended_deliveries DESC, id LIMIT ?2";
  auto run = [&]() -> Result<std::vector<UntidyEndpoint>> {
    LATCHKEY_TRY(auto statement, connection_.prepare(kUntidy));
    statement.bind(sql_limit(ended));
    statement.bind(sql_limit(limit));
    std::vector<UntidyEndpoint> found;
    for (;;) {
      LATCHKEY_TRY(bool more, statement.step());
      if (!more) return found;
      Row row(statement);
      auto id = row.text();
      found.push_back({.id = std::move(id), .enabled = row.flag()});
    }
  };
  return watch(run());
}

Result<std::size_t> SqlTransaction::fail_pending_webhook_deliveries(std::string_view endpoint_id, std::string_view why,
                                                                    std::size_t keep, std::size_t limit) {
  LATCHKEY_TRY(auto changed,
               write("Giving webhook deliveries up",
                     fmt::format("UPDATE webhook_deliveries SET state = 'failed', next_attempt_at = NULL, last_error = "
                                 "?2 WHERE rowid IN (SELECT rowid FROM webhook_deliveries WHERE endpoint_id = ?1 AND "
                                 "state = 'pending' ORDER BY rowid LIMIT {greatest}(0, {least}(?4, coalesce((SELECT "
                                 "pending_deliveries FROM webhook_endpoints WHERE id = ?1), 0) - ?3)))",
                                 fmt::arg("greatest", connection_.dialect().greatest),
                                 fmt::arg("least", connection_.dialect().least)),
                     endpoint_id, why, sql_limit(keep), sql_limit(limit)));
  return static_cast<std::size_t>(changed);
}

Result<std::size_t> SqlTransaction::erase_ended_webhook_deliveries(std::string_view endpoint_id, std::size_t keep,
                                                                   std::size_t limit) {
  LATCHKEY_TRY(
      auto erased,
      write("Forgetting webhook deliveries",
            fmt::format("DELETE FROM webhook_deliveries WHERE rowid IN (SELECT rowid FROM webhook_deliveries WHERE "
                        "endpoint_id = ?1 AND state <> 'pending' ORDER BY rowid LIMIT {greatest}(0, "
                        "{least}(?3, coalesce((SELECT ended_deliveries FROM webhook_endpoints WHERE id = ?1), "
                        "0) - ?2)))",
                        fmt::arg("greatest", connection_.dialect().greatest),
                        fmt::arg("least", connection_.dialect().least)),
            endpoint_id, sql_limit(keep), sql_limit(limit)));
  return static_cast<std::size_t>(erased);
}

Result<std::size_t> SqlTransaction::erase_webhook_deliveries(std::string_view endpoint_id, std::size_t limit) {
  LATCHKEY_TRY(auto ended, erase_ended_webhook_deliveries(endpoint_id, 0, limit));
  LATCHKEY_TRY(auto pending,
               write("Forgetting webhook deliveries",
                     "DELETE FROM webhook_deliveries WHERE rowid IN (SELECT rowid FROM webhook_deliveries WHERE "
                     "endpoint_id = ? AND state = 'pending' ORDER BY rowid LIMIT ?)",
                     endpoint_id, sql_limit(limit - ended)));
  return ended + static_cast<std::size_t>(pending);
}

Result<std::size_t> SqlTransaction::erase_webhook_deliveries_before(Timestamp time, std::size_t limit) {
  LATCHKEY_TRY(auto erased, write("Forgetting webhook deliveries",
                                  "DELETE FROM webhook_deliveries WHERE rowid IN (SELECT rowid FROM webhook_deliveries "
                                  "WHERE state <> 'pending' AND created_at < ? ORDER BY created_at LIMIT ?)",
                                  time, sql_limit(limit)));
  return static_cast<std::size_t>(erased);
}

}  // namespace latchkey::store

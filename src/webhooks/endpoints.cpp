#include "webhooks/endpoints.hpp"

#include <algorithm>

#include <boost/json/value_from.hpp>
#include <fmt/format.h>

#include "audit/activity_log.hpp"
#include "audit/page_cursor.hpp"
#include "base/json_fields.hpp"
#include "webhooks/backlog.hpp"
#include "webhooks/event.hpp"
#include "webhooks/signature.hpp"

namespace latchkey::webhooks {

namespace {

Result<void> check_events(const std::vector<std::string>& events) {
  auto known = subscribable_events();
  for (std::size_t i = 0; i < events.size(); ++i) {
    bool twice = std::find(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(i), events[i]) !=
                 events.begin() + static_cast<std::ptrdiff_t>(i);
    if (!twice && std::ranges::find(known, events[i]) != known.end()) continue;
    return Error{ErrorCode::Invalid,
                 fmt::format("events.{}: \"{}\" {}. There are: {}.", i, json_fields::clean_text(events[i]),
                             twice ? "is there twice" : "is no event", fmt::join(known, ", "))};
  }
  if (events.empty()) {
    return Error{ErrorCode::Invalid, "events: Must name at least one event. To get none, disable the endpoint."};
  }
  return success();
}

boost::json::object details_of(const store::WebhookEndpoint& endpoint) {
  return {{"webhook_endpoint_id", endpoint.id},
          {"events", boost::json::value_from(endpoint.events)},
          {"status", endpoint.enabled ? "enabled" : "disabled"}};
}

// False where the endpoint cannot be enabled yet, because some deliveries that waited when it was disabled are not
// given up.
Result<bool> apply_status(store::Transaction& tx, store::WebhookEndpoint& row, const audit::Caller& caller,
                          bool enabled) {
  if (row.enabled == enabled) return true;
  LATCHKEY_TRY(bool all_given_up, give_up_pending(tx, row.id));
  if (enabled && !all_given_up) return false;
  row.enabled = enabled;
  row.disabled_reason = enabled ? "" : fmt::format("{} disabled it", caller.api_key_id);
  return true;
}

}  // namespace

Result<store::WebhookEndpoint> require_endpoint(store::Transaction& transaction, const Uuid& organization,
                                                std::string_view id) {
  LATCHKEY_TRY(auto row, transaction.find_webhook_endpoint(organization, id));
  if (row) return *row;
  return Error{ErrorCode::NotFound, fmt::format("There is no webhook endpoint {}. `latchkey webhooks list` shows them.",
                                                json_fields::clean_text(id))};
}

Task<Result<EndpointWithSecret>> Endpoints::create(audit::Caller caller, NewEndpoint wanted) {
  LATCHKEY_CO_TRYV(check_target(wanted.url, rules_));
  if (wanted.events.empty()) {
    auto all = subscribable_events();
    wanted.events.assign(all.begin(), all.end());
  }
  LATCHKEY_CO_TRYV(check_events(wanted.events));
  EndpointWithSecret made;
  made.row.id = make_id(id_prefix::kWebhookEndpoint, random_);
  LATCHKEY_CO_TRY(auto secret, co_await secrets_.make(made.row.id));
  made.row.organization = caller.organization;
  made.row.url = std::move(wanted.url);
  made.row.description = std::move(wanted.description);
  made.row.events = std::move(wanted.events);
  made.row.secret = std::move(secret.wrapped);
  made.row.created_at = made.row.updated_at = clock_.now();
  auto insert = [this, caller, row = made.row](store::Transaction& tx) -> Result<void> {
    LATCHKEY_TRY(auto others, tx.list_webhook_endpoints(caller.organization));
    if (others.size() >= kMostEndpoints) {
      return Error{ErrorCode::Invalid,
                   fmt::format("There are {} webhook endpoints, the most that an organisation can have", others.size()),
                   {},
                   fmt::format("Remove one first: latchkey webhooks remove {}", others.front().id)};
    }
    LATCHKEY_TRYV(tx.insert(row));
    return audit::record_activity(tx, clock_, random_, caller, audit::ActivityType::WebhookEndpointCreated,
                                  details_of(row));
  };
  LATCHKEY_CO_TRYV(co_await store_.write(std::move(insert)));
  made.secret = format_secret(secret.secret);
  co_return made;
}

Task<Result<std::vector<store::WebhookEndpoint>>> Endpoints::list(audit::Caller caller) {
  auto find = [organization = caller.organization](store::Transaction& tx) {
    return tx.list_webhook_endpoints(organization);
  };
  co_return co_await store_.read(std::move(find));
}

Task<Result<store::WebhookEndpoint>> Endpoints::get(audit::Caller caller, std::string id) {
  auto find = [organization = caller.organization, id = std::move(id)](store::Transaction& tx) {
    return require_endpoint(tx, organization, id);
  };
  co_return co_await store_.read(std::move(find));
}

Task<Result<store::WebhookEndpoint>> Endpoints::update(audit::Caller caller, std::string id, EndpointChange change) {
  if (change.url) {
    LATCHKEY_CO_TRYV(check_target(*change.url, rules_));
  }
  if (change.events) {
    LATCHKEY_CO_TRYV(check_events(*change.events));
  }
  auto write = [this, caller, id = std::move(id),
                change = std::move(change)](store::Transaction& tx) -> Result<std::optional<store::WebhookEndpoint>> {
    LATCHKEY_TRY(auto row, require_endpoint(tx, caller.organization, id));
    if (change.url) row.url = *change.url;
    if (change.description) row.description = *change.description;
    if (change.events) row.events = *change.events;
    if (change.enabled) {
      LATCHKEY_TRY(bool applied, apply_status(tx, row, caller, *change.enabled));
      if (!applied) return std::optional<store::WebhookEndpoint>();
    }
    row.updated_at = clock_.now();
    LATCHKEY_TRYV(tx.update(row));
    LATCHKEY_TRYV(audit::record_activity(tx, clock_, random_, caller, audit::ActivityType::WebhookEndpointUpdated,
                                         details_of(row)));
    return std::optional(std::move(row));
  };
  for (;;) {
    LATCHKEY_CO_TRY(auto updated, co_await store_.write(write));
    if (updated) co_return std::move(*updated);
  }
}

Task<Result<void>> Endpoints::remove(audit::Caller caller, std::string id) {
  auto erase = [this, caller, id = std::move(id)](store::Transaction& tx) -> Result<bool> {
    LATCHKEY_TRY(auto row, require_endpoint(tx, caller.organization, id));
    LATCHKEY_TRY(auto erased, tx.erase_webhook_deliveries(row.id, kChangedAtOnce));
    if (erased == kChangedAtOnce) {
      LATCHKEY_TRYV(stop_for_removal(tx, std::move(row), caller));
      return false;
    }
    LATCHKEY_TRYV(tx.erase_webhook_endpoint(caller.organization, row.id));
    LATCHKEY_TRYV(audit::record_activity(tx, clock_, random_, caller, audit::ActivityType::WebhookEndpointDeleted,
                                         {{"webhook_endpoint_id", row.id}}));
    return true;
  };
  for (bool removed = false; !removed;) {
    LATCHKEY_CO_TRY(removed, co_await store_.write(erase));
  }
  co_return success();
}

// Disables the endpoint, so that no delivery is made or sent for it where a crash leaves it with only some of its
// deliveries.
Result<void> Endpoints::stop_for_removal(store::Transaction& tx, store::WebhookEndpoint row,
                                         const audit::Caller& caller) {
  if (!row.enabled) return audit::confirm_caller(tx, caller);
  row.enabled = false;
  row.disabled_reason = fmt::format("{} began to remove it", caller.api_key_id);
  row.updated_at = clock_.now();
  LATCHKEY_TRYV(tx.update(row));
  return audit::record_activity(tx, clock_, random_, caller, audit::ActivityType::WebhookEndpointUpdated,
                                details_of(row));
}

Task<Result<EndpointWithSecret>> Endpoints::rotate_secret(audit::Caller caller, std::string id,
                                                          std::chrono::seconds overlap) {
  if (overlap.count() < 0 || overlap > kMostOverlap) {
    co_return Error{ErrorCode::Invalid,
                    fmt::format("overlap_seconds: Must be from 0 to {}.", std::chrono::seconds(kMostOverlap).count())};
  }
  LATCHKEY_CO_TRY(auto known, co_await get(caller, std::move(id)));
  LATCHKEY_CO_TRY(auto secret, co_await secrets_.make(known.id));
  auto write = [this, caller, id = known.id, overlap,
                wrapped = secret.wrapped](store::Transaction& tx) -> Result<store::WebhookEndpoint> {
    LATCHKEY_TRY(auto row, require_endpoint(tx, caller.organization, id));
    auto now = clock_.now();
    row.previous_secret.reset();
    if (overlap.count() > 0) row.previous_secret = store::ExpiringSecret{std::move(row.secret), now + overlap};
    row.secret = wrapped;
    row.updated_at = now;
    LATCHKEY_TRYV(tx.update(row));
    LATCHKEY_TRYV(audit::record_activity(tx, clock_, random_, caller, audit::ActivityType::WebhookEndpointSecretRotated,
                                         {{"webhook_endpoint_id", row.id}}));
    return row;
  };
  LATCHKEY_CO_TRY(auto row, co_await store_.write(std::move(write)));
  co_return EndpointWithSecret{std::move(row), format_secret(secret.secret)};
}

Task<Result<DeliveryPage>> Endpoints::deliveries(audit::Caller caller, std::string id, std::size_t limit,
                                                 std::optional<std::string> page) {
  store::ListWindow window;
  window.limit = limit;
  if (page) {
    LATCHKEY_CO_TRY(window.after, audit::read_page_cursor(id_prefix::kWebhookDelivery, caller.organization, *page));
  }
  auto list = [organization = caller.organization, id = std::move(id),
               window](store::Transaction& tx) -> Result<DeliveryPage> {
    LATCHKEY_TRY(auto endpoint, require_endpoint(tx, organization, id));
    LATCHKEY_TRY(auto rows, tx.list_webhook_deliveries(organization, endpoint.id, window));
    DeliveryPage result;
    if (rows.has_more && !rows.rows.empty()) {
      const auto& last = rows.rows.back();
      LATCHKEY_TRY(result.next_page,
                   audit::make_page_cursor(id_prefix::kWebhookDelivery, organization, {last.id, last.created_at}));
    }
    result.deliveries = std::move(rows.rows);
    return result;
  };
  co_return co_await store_.read(std::move(list));
}

}  // namespace latchkey::webhooks

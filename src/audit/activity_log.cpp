#include "audit/activity_log.hpp"

#include <algorithm>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/json_fields.hpp"

namespace latchkey::audit {

namespace json = boost::json;

namespace {

constexpr std::size_t kMaxUserAgent = 512;
constexpr std::size_t kForgottenAtOnce = 500;

json::value text_or_null(std::string_view text) {
  if (text.empty()) return nullptr;
  return json::value(text);
}

Result<json::object> stored_object(const store::Activity& activity, std::string_view text) {
  auto object = json_fields::parse_object(text);
  if (object) return object;
  return caused_by(object.error(), ErrorCode::Internal,
                   fmt::format("Activity {} cannot be read from the store.", activity.id));
}

// Returns now, or the moment after the organisation's newest activity where the clock stands still or went back.
Result<Timestamp> time_in_order(store::Transaction& transaction, const Uuid& organization, const Clock& clock) {
  store::ActivityFilter filter;
  filter.organization = organization;
  store::ListWindow newest;
  newest.limit = 1;
  LATCHKEY_TRY(auto page, transaction.list_activities(filter, newest));
  auto now = clock.now();
  if (page.rows.empty()) return now;
  return std::max(now, page.rows.front().created_at + std::chrono::microseconds(1));
}

Result<void> append(store::Transaction& transaction, const Clock& clock, RandomSource& random, const Uuid& organization,
                    std::string_view actor_id, const json::object& actor, ActivityType type,
                    const json::object& details) {
  LATCHKEY_TRY(auto created_at, time_in_order(transaction, organization, clock));
  return transaction.insert(store::Activity{.id = make_id(id_prefix::kActivity, random),
                                            .type = std::string(to_string(type)),
                                            .created_at = created_at,
                                            .organization = organization,
                                            .actor_id = std::string(actor_id),
                                            .actor = json::serialize(actor),
                                            .details = json::serialize(details)});
}

}  // namespace

Result<void> record_activity(store::Transaction& transaction, const Clock& clock, RandomSource& random,
                             const Caller& caller, ActivityType type, const json::object& details) {
  LATCHKEY_TRYV(confirm_caller(transaction, caller));
  json::object actor{{"type", "admin_api_key_actor"},
                     {"admin_api_key_id", caller.api_key_id},
                     {"ip_address", text_or_null(caller.ip_address)},
                     {"user_agent", text_or_null(json_fields::clean_text(caller.user_agent, kMaxUserAgent))}};
  return append(transaction, clock, random, caller.organization, caller.api_key_id, actor, type, details);
}

Result<void> record_system_activity(store::Transaction& transaction, const Clock& clock, RandomSource& random,
                                    const Uuid& organization, ActivityType type, const json::object& details) {
  return append(transaction, clock, random, organization, "system", {{"type", "system_actor"}}, type, details);
}

Result<json::object> to_json(const store::Activity& activity) {
  LATCHKEY_TRY(auto actor, stored_object(activity, activity.actor));
  LATCHKEY_TRY(auto details, stored_object(activity, activity.details));
  RawId organization;
  std::copy(activity.organization.begin(), activity.organization.end(), organization.begin());
  json::object object{{"id", activity.id},
                      {"type", activity.type},
                      {"created_at", format_timestamp(activity.created_at)},
                      {"organization_id", format_id(id_prefix::kOrganization, organization)},
                      {"organization_uuid", format_uuid(activity.organization)},
                      {"actor", std::move(actor)}};
  for (auto& field : details) object.insert_or_assign(field.key(), std::move(field.value()));
  return object;
}

Task<Result<store::Page<store::Activity>>> ActivityFeed::list(Caller caller, store::ActivityFilter filter,
                                                              store::ListWindow window) {
  filter.organization = caller.organization;
  auto list = [filter, window](store::Transaction& tx) { return tx.list_activities(filter, window); };
  co_return co_await store_.read(std::move(list));
}

Task<Result<bool>> ActivityFeed::forget(Timestamp before) {
  auto erase = [before](store::Transaction& tx) { return tx.erase_activities_before(before, kForgottenAtOnce); };
  LATCHKEY_CO_TRY(auto erased, co_await store_.write(std::move(erase)));
  co_return erased == kForgottenAtOnce;
}

}  // namespace latchkey::audit

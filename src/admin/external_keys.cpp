#include "admin/external_keys.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "admin/attach.hpp"
#include "audit/activity_log.hpp"
#include "audit/lookup.hpp"
#include "audit/page_cursor.hpp"

namespace latchkey::admin {

namespace json = boost::json;

namespace {

Result<void> check_geo(std::string_view geo) {
  if (geo == "us") return success();
  return Error{ErrorCode::Invalid, "geo: Input should be 'us'"};
}

Result<ExternalKeyView> view_of(store::Transaction& tx, store::ExternalKey row) {
  LATCHKEY_TRY(auto users, tx.workspaces_using(row.organization, row.id, 1));
  return ExternalKeyView{std::move(row), !users.empty()};
}

void add_update(json::array& updates, std::string_view type, const std::string& previous, const std::string& current) {
  if (previous == current) return;
  updates.push_back(json::object{{"type", type}, {"previous_value", previous}, {"current_value", current}});
}

// The updates[] of the activity; empty where nothing changed.
json::array describe_update(const store::ExternalKey& before, const store::ExternalKey& after) {
  json::array updates;
  add_update(updates, "display_name", before.display_name.value_or(""), after.display_name.value_or(""));
  add_update(updates, "geo", before.geo, after.geo);
  add_update(updates, "provider_config", before.provider_config, after.provider_config);
  return updates;
}

store::ExternalKey changed(const store::ExternalKey& row, const ExternalKeyChange& change) {
  auto after = row;
  if (change.sets_display_name) after.display_name = change.display_name;
  if (change.geo) after.geo = *change.geo;
  if (change.key) {
    after.provider = change.key->type();
    after.provider_config = json::serialize(change.key->to_json());
  }
  return after;
}

store::ListPlace place_of(const store::ExternalKey& row) {
  return {row.id, row.created_at};
}

}  // namespace

ExternalKeys::ExternalKeys(store::Store& store, kms::KeyProvider& provider, const kms::Providers& clouds,
                           const Clock& clock, RandomSource& random, AdminSettings settings,
                           ValidationListener* listener)
    : store_(store),
      provider_(provider),
      clouds_(clouds),
      clock_(clock),
      random_(random),
      settings_(std::move(settings)),
      listener_(listener),
      limiter_(clock, settings_.validations_per_minute) {}

Task<Result<ExternalKeyView>> ExternalKeys::create(audit::Caller caller, NewExternalKey key) {
  LATCHKEY_CO_TRYV(check_geo(key.geo));
  auto now = clock_.now();
  store::ExternalKey row{.id = make_id(id_prefix::kExternalKey, random_),
                         .organization = caller.organization,
                         .display_name = std::move(key.display_name),
                         .geo = std::move(key.geo),
                         .provider = std::string(key.key->type()),
                         .provider_config = json::serialize(key.key->to_json()),
                         .created_at = now,
                         .updated_at = now,
                         .revision = 1};
  auto insert = [this, caller, row](store::Transaction& tx) -> Result<void> {
    LATCHKEY_TRY(auto all, tx.count_external_keys(caller.organization));
    LATCHKEY_TRYV(audit::refuse_over_quota(all, settings_.max_external_keys, "external keys",
                                           "Delete one that no workspace uses, or ask the operator to raise "
                                           "quotas.external_keys."));
    LATCHKEY_TRYV(tx.insert(row));
    return audit::record_activity(tx, clock_, random_, caller, audit::ActivityType::ExternalKeyCreated,
                                  {{"external_key_id", row.id}, {"provider", row.provider}});
  };
  LATCHKEY_CO_TRYV(co_await store_.write(std::move(insert)));
  co_return ExternalKeyView{std::move(row), false};
}

Task<Result<ExternalKeyPage>> ExternalKeys::list(audit::Caller caller, std::size_t limit,
                                                 std::optional<std::string> page) {
  store::ListWindow window;
  window.limit = limit;
  if (page) {
    LATCHKEY_CO_TRY(window.after, audit::read_page_cursor(id_prefix::kExternalKey, caller.organization, *page));
  }
  auto list = [organization = caller.organization, window](store::Transaction& tx) -> Result<ExternalKeyPage> {
    LATCHKEY_TRY(auto rows, tx.list_external_keys(organization, window));
    ExternalKeyPage result;
    if (rows.has_more && !rows.rows.empty()) {
      LATCHKEY_TRY(result.next_page,
                   audit::make_page_cursor(id_prefix::kExternalKey, organization, place_of(rows.rows.back())));
    }
    for (auto& row : rows.rows) {
      LATCHKEY_TRY(auto view, view_of(tx, std::move(row)));
      result.keys.push_back(std::move(view));
    }
    return result;
  };
  co_return co_await store_.read(std::move(list));
}

Task<Result<ExternalKeyView>> ExternalKeys::get(audit::Caller caller, std::string id) {
  auto find = [organization = caller.organization, id](store::Transaction& tx) -> Result<ExternalKeyView> {
    LATCHKEY_TRY(auto row, audit::require_external_key(tx, organization, id));
    return view_of(tx, std::move(row));
  };
  co_return co_await store_.read(std::move(find));
}

Task<Result<ExternalKeyView>> ExternalKeys::update(audit::Caller caller, std::string id, ExternalKeyChange change) {
  if (change.geo) {
    LATCHKEY_CO_TRYV(check_geo(*change.geo));
  }
  auto apply = [this, caller, id, change](store::Transaction& tx) -> Result<ExternalKeyView> {
    LATCHKEY_TRY(auto before, audit::require_external_key(tx, caller.organization, id));
    auto after = changed(before, change);
    auto updates = describe_update(before, after);
    if (updates.empty()) return view_of(tx, std::move(before));
    if (after.geo != before.geo || after.provider_config != before.provider_config) {
      LATCHKEY_TRYV(audit::refuse_if_used(tx, before, "reconfigured"));
      ++after.revision;
    }
    after.updated_at = clock_.now();
    LATCHKEY_TRYV(tx.update(after));
    LATCHKEY_TRYV(audit::record_activity(tx, clock_, random_, caller, audit::ActivityType::ExternalKeyUpdated,
                                         {{"external_key_id", after.id}, {"updates", std::move(updates)}}));
    return view_of(tx, std::move(after));
  };
  co_return co_await store_.write(std::move(apply));
}

Task<Result<void>> ExternalKeys::remove(audit::Caller caller, std::string id) {
  auto erase = [this, caller, id](store::Transaction& tx) -> Result<void> {
    LATCHKEY_TRY(auto row, audit::require_external_key(tx, caller.organization, id));
    LATCHKEY_TRYV(audit::refuse_if_used(tx, row, "deleted"));
    LATCHKEY_TRYV(tx.erase_external_key(caller.organization, row.id));
    return audit::record_activity(tx, clock_, random_, caller, audit::ActivityType::ExternalKeyDeleted,
                                  {{"external_key_id", row.id}});
  };
  co_return co_await store_.write(std::move(erase));
}

Task<Result<ValidationOutcome>> ExternalKeys::validate(audit::Caller caller, std::string id) {
  auto find = [this, organization = caller.organization, id](store::Transaction& tx) {
    return find_to_validate(tx, clouds_, organization, id);
  };
  LATCHKEY_CO_TRY(auto found, co_await store_.read(std::move(find)));
  // Only after the store has said that the key is the caller's, so that nobody fills the limiter with names.
  LATCHKEY_CO_TRY(auto permit, limiter_.begin(id));
  LATCHKEY_CO_TRY(auto outcome,
                  co_await run_validation(provider_, clouds_, clock_, random_, settings_, std::move(found)));
  if (listener_ != nullptr) listener_->validated(id, outcome.success);
  auto record = [this, caller, id, passed = outcome.success](store::Transaction& tx) {
    return record_validation(tx, clock_, random_, caller, id, passed);
  };
  LATCHKEY_CO_TRYV(co_await store_.write(std::move(record)));
  co_return outcome;
}

}  // namespace latchkey::admin

// The store: what must not be lost, behind one interface for SQLite and, for more than one node, PostgreSQL. Work is
// done in transactions: a function over a Transaction that runs on a thread of the store's own and sees and leaves a
// consistent state. It commits where the function returns a value and rolls back where it returns an error, and a write
// that has returned is on disk (power loss included).
//
//   auto key = co_await store.write([&](Transaction& tx) -> Result<ExternalKey> { ... });
//
// The function must not wait for anything but the store. It may run more than once (a serialisation retry).
// Every operation may fail with Unavailable (disk full, locked past the time-out, database gone; the message names the
// database and the cure) or Internal (the database is damaged or of a newer schema). Every transaction has a time
// within which it must be done, waiting for its turn included, and as many as wait have a bound: past either it is
// Unavailable
// ("store_timeout", "store_busy"), with the time to wait, and has changed nothing.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/task.hpp"
#include "store/rows.hpp"
#include "store/sealing.hpp"

namespace latchkey::store {

// A place in a list ordered by (created_at, id): that of the row with this id, which must be there, or, where the time
// is given, that of a row that may be gone.
struct ListPlace {
  ListPlace(std::string row_id, std::optional<Timestamp> row_created_at = std::nullopt)
      : id(std::move(row_id)), created_at(row_created_at) {}
  std::string id;
  std::optional<Timestamp> created_at;
};

struct ListWindow {
  std::size_t limit = 20;
  std::optional<ListPlace> after;
  std::optional<ListPlace> before;
  bool newest_first = true;
};

template <class Row>
struct Page {
  std::vector<Row> rows;
  bool has_more = false;  // in the direction of travel
};

struct AttachedKey {
  ExternalKey key;
  std::optional<ExternalKeyHealth> health;
};

struct AttachedKeys {
  std::vector<AttachedKey> rows;    // without those that do not verify
  std::optional<std::string> next;  // the id to go on behind; absent at the end
};

// By what is counted of it, whether or not its row verifies: one that does not is tidied as well.
struct UntidyEndpoint {
  std::string id;
  bool enabled = true;
};

struct WorkspaceFilter {
  Uuid organization;
  bool include_archived = false;
  bool include_default = false;
  std::optional<std::vector<std::string>> ids;
};

struct ActivityFilter {
  Uuid organization;
  std::vector<std::string> types;  // empty: all
  std::vector<std::string> excluded_types;
  std::vector<std::string> actor_ids;  // empty: all
  std::optional<Timestamp> at_or_after;
  std::optional<Timestamp> after;
  std::optional<Timestamp> at_or_before;
  std::optional<Timestamp> before;
};

class Transaction {
 public:
  Transaction() = default;
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  virtual ~Transaction() = default;

  // "find" gives nothing where there is no such row; "update" and "erase" of a row that is not there are Internal.
  // Finds that take an organisation see that organisation's rows alone.

  virtual Result<void> insert(const Organization& row) = 0;
  virtual Result<std::optional<Organization>> find_organization(const Uuid& id) = 0;
  virtual Result<std::vector<Organization>> list_organizations() = 0;

  virtual Result<void> insert(const ApiKey& row) = 0;
  // Revoked keys are found too; the caller looks at revoked_at.
  virtual Result<std::optional<ApiKey>> find_api_key_by_hash(ByteView hash) = 0;
  virtual Result<std::vector<ApiKey>> list_api_keys(const Uuid& organization) = 0;
  // False where there is no such key; revoking a revoked key leaves its time and is true.
  virtual Result<bool> revoke_api_key(const Uuid& organization, std::string_view id, Timestamp at) = 0;
  virtual Result<void> revoke_workspace_api_keys(std::string_view workspace_id, Timestamp at) = 0;

  // Those that are not revoked.
  virtual Result<std::size_t> count_live_api_keys(const Uuid& organization) = 0;

  virtual Result<void> insert(const ExternalKey& row) = 0;
  virtual Result<std::size_t> count_external_keys(const Uuid& organization) = 0;
  virtual Result<std::optional<ExternalKey>> find_external_key(const Uuid& organization, std::string_view id) = 0;
  virtual Result<void> update(const ExternalKey& row) = 0;
  virtual Result<void> erase_external_key(const Uuid& organization, std::string_view id) = 0;
  // Invalid where a place without a time is not that of a row of the list.
  virtual Result<Page<ExternalKey>> list_external_keys(const Uuid& organization, const ListWindow& window) = 0;
  // Workspaces, archived ones included, that refer to the key; at most `limit`.
  virtual Result<std::vector<Workspace>> workspaces_using(const Uuid& organization, std::string_view external_key_id,
                                                          std::size_t limit) = 0;

  // Whether another organisation's workspace, archived ones included, refers to the key at this place
  // (kms::Key::place).
  virtual Result<bool> is_attached_elsewhere(const Uuid& organization, std::string_view key_place) = 0;

  virtual Result<void> insert(const Workspace& row) = 0;
  virtual Result<std::optional<Workspace>> find_workspace(const Uuid& organization, std::string_view id) = 0;
  virtual Result<void> update(const Workspace& row) = 0;
  virtual Result<Page<Workspace>> list_workspaces(const WorkspaceFilter& filter, const ListWindow& window) = 0;
  virtual Result<std::size_t> count_live_workspaces(const Uuid& organization) = 0;
  // Archived ones included.
  virtual Result<std::size_t> count_workspaces(const Uuid& organization) = 0;

  // Inserts an Active data key, unless the same compartment and external key already have one: then nothing changes.
  // Gives the row that is active afterwards: the caller's own, or the one that was first. Invalid where the workspace
  // is archived.
  virtual Result<DataKey> insert_active_data_key(const DataKey& row) = 0;
  virtual Result<std::optional<DataKey>> find_active_data_key(const Uuid& compartment,
                                                              const std::optional<std::string>& external_key_id) = 0;
  virtual Result<std::optional<DataKey>> find_data_key(const Uuid& compartment, const RawId& id) = 0;

  // Inserts it, or puts it in the place of the organisation's other.
  virtual Result<void> put(const LeasePolicy& row) = 0;
  virtual Result<std::optional<LeasePolicy>> find_lease_policy(const Uuid& organization) = 0;
  // Nothing where there is none.
  virtual Result<void> erase_lease_policy(const Uuid& organization) = 0;

  virtual Result<void> insert(const Activity& row) = 0;
  virtual Result<Page<Activity>> list_activities(const ActivityFilter& filter, const ListWindow& window) = 0;
  // Of every organisation, the oldest that were recorded before that, at most `limit`. Gives how many. The only way in
  // which an activity is ever erased.
  virtual Result<std::size_t> erase_activities_before(Timestamp time, std::size_t limit) = 0;

  // --- the health of external keys ---

  // The keys that a workspace, archived ones included, refers to, of every organisation, for the server's own work: in
  // the order of their ids, among the next `limit` keys above `after` (empty: from the first).
  virtual Result<AttachedKeys> list_attached_external_keys(std::string_view after, std::size_t limit) = 0;
  // One that is wrapped under the key, the newest; none where there is none.
  virtual Result<std::optional<DataKey>> find_data_key_under(const Uuid& organization,
                                                             std::string_view external_key_id) = 0;

  // Inserts or replaces the key's row.
  virtual Result<void> put(const ExternalKeyHealth& row) = 0;
  virtual Result<std::optional<ExternalKeyHealth>> find_external_key_health(const Uuid& organization,
                                                                            std::string_view external_key_id) = 0;

  virtual Result<void> insert(const ExternalKeySuspension& row) = 0;
  virtual Result<std::optional<ExternalKeySuspension>> find_suspension(const Uuid& organization,
                                                                       std::string_view external_key_id) = 0;
  // False where there is none.
  virtual Result<bool> erase_suspension(const Uuid& organization, std::string_view external_key_id) = 0;

  // The life of data keys. Of all states, newest first; places need their time.
  virtual Result<Page<DataKey>> list_data_keys(const Uuid& compartment, const ListWindow& window) = 0;
  // Retires the active data key `replaced` and inserts `row` as the active one. Where `replaced` is active no longer
  // nothing changes. Gives the row that is active afterwards, absent where there is none.
  virtual Result<std::optional<DataKey>> replace_active_data_key(const RawId& replaced, const DataKey& row) = 0;
  // Adds to the counters and sets last_used_at; rows that are destroyed or not there are passed over.
  virtual Result<void> add_data_key_use(const std::vector<DataKeyUse>& uses, Timestamp at) = 0;
  // Overwrites and then empties the wrapped bytes of data keys of the compartment, the oldest first, at most `limit`.
  // Gives the rows as they were, those that were destroyed before not among them; fewer than `limit`: none is left. See
  // Store::purge.
  virtual Result<std::vector<DataKey>> destroy_data_keys(const Uuid& compartment, Timestamp at, std::size_t limit) = 0;

  virtual Result<WrappedCount> count_wrapped(std::string_view external_key_id, std::string_view key_version) = 0;
  // Oldest first, those with an id above `after` (absent: from the first) that another version wrapped; at most
  // `limit`.
  virtual Result<std::vector<DataKey>> wrapped_under_others(std::string_view external_key_id,
                                                            std::string_view key_version,
                                                            const std::optional<RawId>& after, std::size_t limit) = 0;
  // Puts `wrapped` in the place of what `before` has, false where that is another now. Unavailable, for data keys under
  // a customer's key: Store::purge lags.
  virtual Result<bool> rewrap_data_key(const DataKey& before, std::string_view key_version, const Bytes& wrapped,
                                       Timestamp at) = 0;
  virtual Result<std::optional<Rewrap>> find_rewrap(std::string_view external_key_id) = 0;
  // The longest running first, at most `limit` of those behind `after` (absent: from the first).
  virtual Result<std::vector<Rewrap>> list_running_rewraps(const std::optional<Rewrap>& after, std::size_t limit) = 0;
  // Inserts, or replaces the key's row.
  virtual Result<void> put(const Rewrap& row) = 0;

  // --- what is under a root key that was replaced ---

  // Of every organisation, at most `limit`, those with an id above `after` (absent or empty: from the first).
  virtual Result<std::vector<DataKey>> data_keys_under_other_root_keys(std::string_view key_version,
                                                                       const std::optional<RawId>& after,
                                                                       std::size_t limit) = 0;
  virtual Result<std::vector<WebhookEndpoint>> webhooks_under_other_root_keys(std::string_view key_version,
                                                                              std::string_view after,
                                                                              std::size_t limit) = 0;
  // Both together, those that do not verify among them.
  virtual Result<std::int64_t> count_under_other_root_keys(std::string_view key_version) = 0;

  // --- what nodes tell each other ---

  // For every other node that has this store open, once the transaction is committed.
  virtual Result<void> notify(const Notice& notice) = 0;
  // Of other nodes, those above `sequence`, rising; at most `limit`.
  virtual Result<std::vector<Notice>> notices_after(std::int64_t sequence, std::size_t limit) = 0;
  // Of whichever node; 0 where there was none yet.
  virtual Result<std::int64_t> last_notice() = 0;
  // The oldest of them, at most `limit`. Gives how many.
  virtual Result<std::size_t> erase_notices_before(Timestamp time, std::size_t limit) = 0;

  // --- webhooks ---

  virtual Result<void> insert(const WebhookEndpoint& row) = 0;
  virtual Result<void> update(const WebhookEndpoint& row) = 0;
  virtual Result<std::optional<WebhookEndpoint>> find_webhook_endpoint(const Uuid& organization,
                                                                       std::string_view id) = 0;
  // Oldest first.
  virtual Result<std::vector<WebhookEndpoint>> list_webhook_endpoints(const Uuid& organization) = 0;
  // With the deliveries that it has: where these may be many, most of them are erased before. False where there is
  // none.
  virtual Result<bool> erase_webhook_endpoint(const Uuid& organization, std::string_view id) = 0;

  virtual Result<void> insert(const WebhookDelivery& row) = 0;
  virtual Result<void> update(const WebhookDelivery& row) = 0;
  virtual Result<std::optional<WebhookDelivery>> find_webhook_delivery(std::string_view id) = 0;
  // Newest first; places need their time.
  virtual Result<Page<WebhookDelivery>> list_webhook_deliveries(const Uuid& organization, std::string_view endpoint_id,
                                                                const ListWindow& window) = 0;
  // The one pending delivery of each endpoint whose turn comes first, where that has come; at most `limit`: of each
  // organisation the longest overdue, then of each its next, and so on, so that none has all places.
  virtual Result<std::vector<WebhookDelivery>> due_webhook_deliveries(Timestamp now, std::size_t limit) = 0;
  // Of every organisation, those that have work for tidying: more than `ended` deliveries that ended, or disabled ones
  // with pending deliveries. The ones with most that ended first, at most `limit`.
  virtual Result<std::vector<UntidyEndpoint>> untidy_webhook_endpoints(std::size_t ended, std::size_t limit) = 0;
  // Each gives how many rows it changed, `limit` at most; those of the endpoint that were written first.
  // Gives up what is pending for it beyond the newest `keep`.
  virtual Result<std::size_t> fail_pending_webhook_deliveries(std::string_view endpoint_id, std::string_view why,
                                                              std::size_t keep, std::size_t limit) = 0;
  // Erases what ended beyond the newest `keep`.
  virtual Result<std::size_t> erase_ended_webhook_deliveries(std::string_view endpoint_id, std::size_t keep,
                                                             std::size_t limit) = 0;
  // Erases it, ended or pending.
  virtual Result<std::size_t> erase_webhook_deliveries(std::string_view endpoint_id, std::size_t limit) = 0;
  // The oldest that ended and were made before that, at most `limit`. Gives how many.
  virtual Result<std::size_t> erase_webhook_deliveries_before(Timestamp time, std::size_t limit) = 0;
};

class Store {
 public:
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  // Runs `work(Transaction&) -> Result<T>`; reads see a snapshot and may not write. `look_up` is a read for
  // authentication, the data plane and what nodes tell each other, of rows by their key: it never waits for other
  // reads.
  template <class Work>
  auto look_up(Work work) -> Task<std::invoke_result_t<Work, Transaction&>> {
    return run_typed(Access::LookUp, std::move(work));
  }
  template <class Work>
  auto read(Work work) -> Task<std::invoke_result_t<Work, Transaction&>> {
    return run_typed(Access::Read, std::move(work));
  }
  template <class Work>
  auto write(Work work) -> Task<std::invoke_result_t<Work, Transaction&>> {
    return run_typed(Access::Write, std::move(work));
  }

  // Makes sure that what destroyed data keys were, and were before each rewrap, is in no file of the store any more.
  // What to search for is noted in the transaction that destroys or rewraps, and stays until a search that began later
  // found none of it: after a crash, too. Takes time, shares searches, and has other writes wait only where it finds
  // some. Unavailable where what destroyed keys were could not be searched for now, Internal where it is still there
  // afterwards; asking again does no harm. With a compartment: of its data keys alone, whatever is found of others.
  virtual Task<Result<void>> purge(std::optional<Uuid> compartment = std::nullopt) = 0;
  // Ends purges, for a store that is about to close: one that is under way stops at its next step (where the file is
  // being written anew, after that), and it and later ones are Unavailable where there is something to search for.
  // What is noted is searched for when the store is opened next.
  virtual void stop_purging() {}

  // Verifies every row: `sealed` of them are right. Changes nothing.
  virtual Task<Result<SealCounts>> check_seals() = 0;

  // Goes on with a pass that seals under the newest root key the rows that an older one sealed, `limit` rows of a table
  // at a time. The store is marked with the newest at the end of a pass that met no such row but those that do not
  // verify.
  virtual Task<Result<SealProgress>> reseal(SealProgress from, std::size_t limit) = 0;

 protected:
  enum class Access { LookUp, Read, Write };
  virtual Task<Result<void>> run(Access access, std::function<Result<void>(Transaction&)> work) = 0;

 private:
  template <class Work>
  auto run_typed(Access access, Work work) -> Task<std::invoke_result_t<Work, Transaction&>> {
    using Outcome = std::invoke_result_t<Work, Transaction&>;
    if constexpr (std::is_same_v<Outcome, Result<void>>) {
      std::function<Result<void>(Transaction&)> plain = std::move(work);
      co_return co_await run(access, std::move(plain));
    } else {
      auto outcome = std::make_shared<std::optional<Outcome>>();
      // Bound before it is passed on: g++ 12 copies temporaries among the arguments of a co_await bit by bit.
      std::function<Result<void>(Transaction&)> typed = [outcome,
                                                         work = std::move(work)](Transaction& tx) -> Result<void> {
        outcome->emplace(work(tx));
        if (!outcome->value()) return outcome->value().error();
        return success();
      };
      auto ran = co_await run(access, std::move(typed));
      if (!ran) co_return ran.error();
      co_return std::move(outcome->value());
    }
  }
};

}  // namespace latchkey::store

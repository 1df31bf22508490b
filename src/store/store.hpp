// The store keeps what must not be lost, behind one interface for SQLite and, for more than one node, PostgreSQL. Work
// runs in transactions: a function over a Transaction runs on a thread of the store's and sees and leaves a consistent
// state. The transaction commits where the function returns a value and rolls back where it returns an error; once a
// write has returned, it is on disk (power loss included).
//
//   auto key = co_await store.write([&](Transaction& tx) -> Result<ExternalKey> { ... });
//
// The function must wait for nothing but the store. It may run more than once (a serialisation retry).
// Every operation may fail with Unavailable (disk full, locked past the time-out, database gone; the message names the
// database and the cure) or Internal (the database is damaged or of a newer schema). Every transaction has a time
// limit, which includes waiting for its turn, and the number of waiting transactions has a bound. Past either limit the
// transaction is Unavailable ("store_timeout", "store_busy"), with the time to wait, and has changed nothing.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/task.hpp"
#include "store/changes.hpp"
#include "store/rows.hpp"
#include "store/sealing.hpp"

namespace latchkey::store {

// A place in a list ordered by (created_at, id): the place of the row with this id. The row must exist, unless the time
// is given.
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

// Counts include rows that do not verify: those are tidied, too.
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

  // "find" returns nothing where there is no such row; "update" and "erase" of a missing row are Internal. Finds that
  // take an organisation see only that organisation's rows.

  virtual Result<void> insert(const Organization& row) = 0;
  virtual Result<std::optional<Organization>> find_organization(const Uuid& id) = 0;
  virtual Result<std::vector<Organization>> list_organizations() = 0;

  virtual Result<void> insert(const ApiKey& row) = 0;
  // Finds revoked keys, too; the caller checks revoked_at.
  virtual Result<std::optional<ApiKey>> find_api_key_by_hash(ByteView hash) = 0;
  virtual Result<std::vector<ApiKey>> list_api_keys(const Uuid& organization) = 0;
  // False where there is no such key. Revoking a revoked key keeps its time and returns true.
  virtual Result<bool> revoke_api_key(const Uuid& organization, std::string_view id, Timestamp at) = 0;
  virtual Result<void> revoke_workspace_api_keys(std::string_view workspace_id, Timestamp at) = 0;

  // Keys that are not revoked.
  virtual Result<std::size_t> count_live_api_keys(const Uuid& organization) = 0;

  virtual Result<void> insert(const ExternalKey& row) = 0;
  virtual Result<std::size_t> count_external_keys(const Uuid& organization) = 0;
  virtual Result<std::optional<ExternalKey>> find_external_key(const Uuid& organization, std::string_view id) = 0;
  virtual Result<void> update(const ExternalKey& row) = 0;
  virtual Result<void> erase_external_key(const Uuid& organization, std::string_view id) = 0;
  // Invalid where the window's place has no time and names no row of the list.
  virtual Result<Page<ExternalKey>> list_external_keys(const Uuid& organization, const ListWindow& window) = 0;
  // Workspaces that refer to the key, archived ones included; at most `limit`.
  virtual Result<std::vector<Workspace>> workspaces_using(const Uuid& organization, std::string_view external_key_id,
                                                          std::size_t limit) = 0;

  // True where another organisation's workspace, archived ones included, refers to the key at this place
  // (kms::Key::place).
  virtual Result<bool> is_attached_elsewhere(const Uuid& organization, std::string_view key_place) = 0;

  virtual Result<void> insert(const Workspace& row) = 0;
  virtual Result<std::optional<Workspace>> find_workspace(const Uuid& organization, std::string_view id) = 0;
  virtual Result<void> update(const Workspace& row) = 0;
  virtual Result<Page<Workspace>> list_workspaces(const WorkspaceFilter& filter, const ListWindow& window) = 0;
  virtual Result<std::size_t> count_live_workspaces(const Uuid& organization) = 0;
  // Includes archived ones.
  virtual Result<std::size_t> count_workspaces(const Uuid& organization) = 0;

  // Inserts an Active data key, unless the compartment and external key already have one: then nothing changes. Returns
  // the row that is active afterwards: the caller's own, or the earlier one. Invalid where the workspace is archived.
  virtual Result<DataKey> insert_active_data_key(const DataKey& row) = 0;
  virtual Result<std::optional<DataKey>> find_active_data_key(const Uuid& compartment,
                                                              const std::optional<std::string>& external_key_id) = 0;
  virtual Result<std::optional<DataKey>> find_data_key(const Uuid& compartment, const RawId& id) = 0;

  // Inserts the policy, or replaces the organisation's current one.
  virtual Result<void> put(const LeasePolicy& row) = 0;
  virtual Result<std::optional<LeasePolicy>> find_lease_policy(const Uuid& organization) = 0;
  // Does nothing where there is none.
  virtual Result<void> erase_lease_policy(const Uuid& organization) = 0;

  virtual Result<void> insert(const Activity& row) = 0;
  virtual Result<Page<Activity>> list_activities(const ActivityFilter& filter, const ListWindow& window) = 0;
  // Erases the oldest activities of all organisations that were recorded before `time`, at most `limit`. Returns their
  // number. No other operation erases activities.
  virtual Result<std::size_t> erase_activities_before(Timestamp time, std::size_t limit) = 0;

  // --- the health of external keys ---

  // For the server's own work: of the next `limit` keys above `after` (empty: from the first), in the order of their
  // ids, those that a workspace of any organisation refers to, archived ones included.
  virtual Result<AttachedKeys> list_attached_external_keys(std::string_view after, std::size_t limit) = 0;
  // The newest data key that is wrapped under the key; none where there is none.
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

  // The data keys of all states, newest first. A place in the window needs its time.
  virtual Result<Page<DataKey>> list_data_keys(const Uuid& compartment, const ListWindow& window) = 0;
  // Retires the active data key `replaced` and inserts `row` as the active one. Where `replaced` is no longer active,
  // nothing changes. Returns the row that is active afterwards, absent where there is none.
  virtual Result<std::optional<DataKey>> replace_active_data_key(const RawId& replaced, const DataKey& row) = 0;
  // Adds to the counters and sets last_used_at; skips rows that are destroyed or missing.
  virtual Result<void> add_data_key_use(const std::vector<DataKeyUse>& uses, Timestamp at) = 0;
  // Overwrites and then empties the wrapped bytes of the compartment's data keys, the oldest first, at most `limit`.
  // Returns the rows as they were, without those destroyed before; fewer than `limit` means that none is left. See
  // Store::purge.
  virtual Result<std::vector<DataKey>> destroy_data_keys(const Uuid& compartment, Timestamp at, std::size_t limit) = 0;

  virtual Result<WrappedCount> count_wrapped(std::string_view external_key_id, std::string_view key_version) = 0;
  // The data keys with an id above `after` (absent: from the first) that another version of the key wrapped, oldest
  // first; at most `limit`.
  virtual Result<std::vector<DataKey>> wrapped_under_others(std::string_view external_key_id,
                                                            std::string_view key_version,
                                                            const std::optional<RawId>& after, std::size_t limit) = 0;
  // Replaces the wrapped bytes in `before` by `wrapped`; false where the row has changed since. Unavailable, for data
  // keys under a customer's key, where Store::purge lags behind.
  virtual Result<bool> rewrap_data_key(const DataKey& before, std::string_view key_version, const Bytes& wrapped,
                                       Timestamp at) = 0;
  virtual Result<std::optional<Rewrap>> find_rewrap(std::string_view external_key_id) = 0;
  // The running rewraps behind `after` (absent: from the first), the longest running first; at most `limit`.
  virtual Result<std::vector<Rewrap>> list_running_rewraps(const std::optional<Rewrap>& after, std::size_t limit) = 0;
  // Inserts the row, or replaces the key's current one.
  virtual Result<void> put(const Rewrap& row) = 0;

  // --- what a replaced root key still wraps ---

  // Rows of all organisations with an id above `after` (absent or empty: from the first); at most `limit`.
  virtual Result<std::vector<DataKey>> data_keys_under_other_root_keys(std::string_view key_version,
                                                                       const std::optional<RawId>& after,
                                                                       std::size_t limit) = 0;
  virtual Result<std::vector<WebhookEndpoint>> webhooks_under_other_root_keys(std::string_view key_version,
                                                                              std::string_view after,
                                                                              std::size_t limit) = 0;
  // The number of both, including rows that do not verify.
  virtual Result<std::int64_t> count_under_other_root_keys(std::string_view key_version) = 0;

  // --- notices between nodes ---

  // Leaves a notice for every other node that has this store open; they see it once the transaction is committed.
  virtual Result<void> notify(const Notice& notice) = 0;
  // The notices of other nodes with a sequence above `sequence`, rising; at most `limit`.
  virtual Result<std::vector<Notice>> notices_after(std::int64_t sequence, std::size_t limit) = 0;
  // The sequence of the latest notice of any node; 0 where there was none yet.
  virtual Result<std::int64_t> last_notice() = 0;
  // Erases the oldest notices from before `time`, at most `limit`. Returns their number.
  virtual Result<std::size_t> erase_notices_before(Timestamp time, std::size_t limit) = 0;

  // --- webhooks ---

  virtual Result<void> insert(const WebhookEndpoint& row) = 0;
  virtual Result<void> update(const WebhookEndpoint& row) = 0;
  virtual Result<std::optional<WebhookEndpoint>> find_webhook_endpoint(const Uuid& organization,
                                                                       std::string_view id) = 0;
  // Oldest first.
  virtual Result<std::vector<WebhookEndpoint>> list_webhook_endpoints(const Uuid& organization) = 0;
  // Erases the endpoint and its deliveries; where there may be many, the caller erases most of them before. False where
  // there is no such endpoint.
  virtual Result<bool> erase_webhook_endpoint(const Uuid& organization, std::string_view id) = 0;

  virtual Result<void> insert(const WebhookDelivery& row) = 0;
  virtual Result<void> update(const WebhookDelivery& row) = 0;
  virtual Result<std::optional<WebhookDelivery>> find_webhook_delivery(std::string_view id) = 0;
  // Newest first. A place in the window needs its time.
  virtual Result<Page<WebhookDelivery>> list_webhook_deliveries(const Uuid& organization, std::string_view endpoint_id,
                                                                const ListWindow& window) = 0;
  // For each endpoint, its first pending delivery, where that is due; at most `limit`. The list takes the longest
  // overdue of each organisation, then the next of each, and so on, so that no organisation fills it.
  virtual Result<std::vector<WebhookDelivery>> due_webhook_deliveries(Timestamp now, std::size_t limit) = 0;
  // The endpoints of all organisations that need tidying: more than `ended` ended deliveries, or disabled with pending
  // deliveries. Those with the most ended ones come first; at most `limit`.
  virtual Result<std::vector<UntidyEndpoint>> untidy_webhook_endpoints(std::size_t ended, std::size_t limit) = 0;
  // Each of these three takes the endpoint's rows that were written first and returns how many it changed, at most
  // `limit`.
  // Gives up the pending deliveries beyond the newest `keep`.
  virtual Result<std::size_t> fail_pending_webhook_deliveries(std::string_view endpoint_id, std::string_view why,
                                                              std::size_t keep, std::size_t limit) = 0;
  // Erases the ended deliveries beyond the newest `keep`.
  virtual Result<std::size_t> erase_ended_webhook_deliveries(std::string_view endpoint_id, std::size_t keep,
                                                             std::size_t limit) = 0;
  // Erases deliveries, ended or pending.
  virtual Result<std::size_t> erase_webhook_deliveries(std::string_view endpoint_id, std::size_t limit) = 0;
  // Erases the oldest ended deliveries that were made before `time`, at most `limit`. Returns their number.
  virtual Result<std::size_t> erase_webhook_deliveries_before(Timestamp time, std::size_t limit) = 0;
};

class Store {
 public:
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  // Runs `work(Transaction&) -> Result<T>`. Reads see a snapshot and must not write. `look_up` is a read of rows by
  // their key, for authentication, the data plane and notices between nodes: it never waits for other reads.
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

  // Makes sure that the wrapped bytes of destroyed data keys, including those from before rewraps, are in no file of
  // the store any more. The transaction that destroys or rewraps notes what to search for, and the note stays, also
  // after a crash, until a later search finds none of it. A purge takes time, shares searches with others, and blocks
  // writes only where it finds something. Unavailable where the search for destroyed keys could not run now, Internal
  // where their bytes are still there afterwards; repeating the call does no harm. With a compartment, the result tells
  // only of that compartment's data keys.
  virtual Task<Result<void>> purge(std::optional<Uuid> compartment = std::nullopt) = 0;
  // Ends purges, for a store that is about to close. A running purge stops at its next step (or after rewriting the
  // file, where it is doing that). It and later ones return Unavailable where there is something to search for. The
  // next process that opens the store searches for what is noted.
  virtual void stop_purging() {}

  // Which rows have changed since they were looked up. Lives as long as the store.
  [[nodiscard]] virtual Changes& changes() = 0;

  // Verifies every row and changes nothing; `sealed` counts the rows that verify.
  virtual Task<Result<SealCounts>> check_seals() = 0;

  // Continues a pass that reseals rows under the newest root key, `limit` rows of a table at a time. At the end of a
  // pass that met no row under an older key, except rows that do not verify, the store is marked with the newest key.
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

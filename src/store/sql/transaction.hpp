// The operations of a transaction, on one connection to an SQL database. Every engine runs these same queries.
#pragma once

#include <functional>

#include "store/key_place.hpp"
#include "store/sealed_rows.hpp"
#include "store/sql/connection.hpp"
#include "store/store.hpp"

namespace latchkey::store {

class SqlTransaction final : public Transaction {
 public:
  enum class Mode { ReadOnly, ReadWrite };

  // The connection is in an open transaction; `node` distinguishes this store from others on the same file. All
  // arguments must outlive the object.
  SqlTransaction(Connection& connection, Mode mode, const RawId& node, const RowSealer& sealer,
                 const KeyPlaceOf& key_place, const AlarmSink& alarm)
      : connection_(connection), mode_(mode), node_(node), sealer_(sealer), key_place_(key_place), alarm_(alarm) {}

  // The first failure of the database. After it every operation fails with the same error and nothing may be committed:
  // the engine may have rolled back already, and later statements would run outside of the transaction.
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }

  // The organisations of which the transaction has changed rows that others remember (store/changes.hpp).
  [[nodiscard]] const std::vector<Uuid>& changed() const { return changed_; }
  // Leaves a notice of each of them for other nodes, as the last act before the commit.
  [[nodiscard]] Result<void> tell_what_changed(Timestamp at);

  Result<void> insert(const Organization& row) override;
  Result<std::optional<Organization>> find_organization(const Uuid& id) override;
  Result<std::vector<Organization>> list_organizations() override;

  Result<void> insert(const ApiKey& row) override;
  Result<std::optional<ApiKey>> find_api_key_by_hash(ByteView hash) override;
  Result<std::vector<ApiKey>> list_api_keys(const Uuid& organization) override;
  Result<std::size_t> count_live_api_keys(const Uuid& organization) override;
  Result<bool> revoke_api_key(const Uuid& organization, std::string_view id, Timestamp at) override;
  Result<void> revoke_workspace_api_keys(std::string_view workspace_id, Timestamp at) override;

  Result<void> insert(const ExternalKey& row) override;
  Result<std::size_t> count_external_keys(const Uuid& organization) override;
  Result<std::optional<ExternalKey>> find_external_key(const Uuid& organization, std::string_view id) override;
  Result<void> update(const ExternalKey& row) override;
  Result<void> erase_external_key(const Uuid& organization, std::string_view id) override;
  Result<Page<ExternalKey>> list_external_keys(const Uuid& organization, const ListWindow& window) override;
  Result<bool> is_attached_elsewhere(const Uuid& organization, std::string_view key_place) override;
  Result<std::vector<Workspace>> workspaces_using(const Uuid& organization, std::string_view external_key_id,
                                                  std::size_t limit) override;

  Result<void> insert(const Workspace& row) override;
  Result<std::optional<Workspace>> find_workspace(const Uuid& organization, std::string_view id) override;
  Result<void> update(const Workspace& row) override;
  Result<Page<Workspace>> list_workspaces(const WorkspaceFilter& filter, const ListWindow& window) override;
  Result<std::size_t> count_live_workspaces(const Uuid& organization) override;
  Result<std::size_t> count_workspaces(const Uuid& organization) override;

  Result<DataKey> insert_active_data_key(const DataKey& row) override;
  Result<std::optional<DataKey>> find_active_data_key(const Uuid& compartment,
                                                      const std::optional<std::string>& external_key_id) override;
  Result<std::optional<DataKey>> find_data_key(const Uuid& compartment, const RawId& id) override;

  Result<void> put(const LeasePolicy& row) override;
  Result<std::optional<LeasePolicy>> find_lease_policy(const Uuid& organization) override;
  Result<void> erase_lease_policy(const Uuid& organization) override;
  Result<void> insert(const Activity& row) override;
  Result<Page<Activity>> list_activities(const ActivityFilter& filter, const ListWindow& window) override;
  Result<std::size_t> erase_activities_before(Timestamp time, std::size_t limit) override;

  // health_queries.cpp
  Result<AttachedKeys> list_attached_external_keys(std::string_view after, std::size_t limit) override;
  Result<std::optional<DataKey>> find_data_key_under(const Uuid& organization,
                                                     std::string_view external_key_id) override;
  Result<void> put(const ExternalKeyHealth& row) override;
  Result<std::optional<ExternalKeyHealth>> find_external_key_health(const Uuid& organization,
                                                                    std::string_view external_key_id) override;
  Result<void> insert(const ExternalKeySuspension& row) override;
  Result<std::optional<ExternalKeySuspension>> find_suspension(const Uuid& organization,
                                                               std::string_view external_key_id) override;
  Result<bool> erase_suspension(const Uuid& organization, std::string_view external_key_id) override;
  // data_key_queries.cpp
  Result<Page<DataKey>> list_data_keys(const Uuid& compartment, const ListWindow& window) override;
  Result<std::optional<DataKey>> replace_active_data_key(const RawId& replaced, const DataKey& row) override;
  Result<void> add_data_key_use(const std::vector<DataKeyUse>& uses, Timestamp at) override;
  Result<std::vector<DataKey>> destroy_data_keys(const Uuid& compartment, Timestamp at, std::size_t limit) override;
  Result<WrappedCount> count_wrapped(std::string_view external_key_id, std::string_view key_version) override;
  Result<std::vector<DataKey>> wrapped_under_others(std::string_view external_key_id, std::string_view key_version,
                                                    const std::optional<RawId>& after, std::size_t limit) override;
  Result<bool> rewrap_data_key(const DataKey& before, std::string_view key_version, const Bytes& wrapped,
                               Timestamp at) override;
  Result<std::optional<Rewrap>> find_rewrap(std::string_view external_key_id) override;
  Result<std::vector<Rewrap>> list_running_rewraps(const std::optional<Rewrap>& after, std::size_t limit) override;
  Result<void> put(const Rewrap& row) override;
  Result<std::vector<DataKey>> data_keys_under_other_root_keys(std::string_view key_version,
                                                               const std::optional<RawId>& after,
                                                               std::size_t limit) override;
  Result<std::int64_t> count_under_other_root_keys(std::string_view key_version) override;
  // notice_queries.cpp
  Result<void> notify(const Notice& notice) override;
  Result<std::vector<Notice>> notices_after(std::int64_t sequence, std::size_t limit) override;
  Result<std::int64_t> last_notice() override;
  Result<std::size_t> erase_notices_before(Timestamp time, std::size_t limit) override;
  // webhook_queries.cpp
  Result<void> insert(const WebhookEndpoint& row) override;
  Result<void> update(const WebhookEndpoint& row) override;
  Result<std::optional<WebhookEndpoint>> find_webhook_endpoint(const Uuid& organization, std::string_view id) override;
  Result<std::vector<WebhookEndpoint>> list_webhook_endpoints(const Uuid& organization) override;
  Result<std::vector<WebhookEndpoint>> webhooks_under_other_root_keys(std::string_view key_version,
                                                                      std::string_view after,
                                                                      std::size_t limit) override;
  Result<bool> erase_webhook_endpoint(const Uuid& organization, std::string_view id) override;
  Result<void> insert(const WebhookDelivery& row) override;
  Result<void> update(const WebhookDelivery& row) override;
  Result<std::optional<WebhookDelivery>> find_webhook_delivery(std::string_view id) override;
  Result<Page<WebhookDelivery>> list_webhook_deliveries(const Uuid& organization, std::string_view endpoint_id,
                                                        const ListWindow& window) override;
  Result<std::vector<WebhookDelivery>> due_webhook_deliveries(Timestamp now, std::size_t limit) override;
  Result<std::vector<UntidyEndpoint>> untidy_webhook_endpoints(std::size_t ended, std::size_t limit) override;
  Result<std::size_t> fail_pending_webhook_deliveries(std::string_view endpoint_id, std::string_view why,
                                                      std::size_t keep, std::size_t limit) override;
  Result<std::size_t> erase_ended_webhook_deliveries(std::string_view endpoint_id, std::size_t keep,
                                                     std::size_t limit) override;
  Result<std::size_t> erase_webhook_deliveries(std::string_view endpoint_id, std::size_t limit) override;
  Result<std::size_t> erase_webhook_deliveries_before(Timestamp time, std::size_t limit) override;

 private:
  // Notes the part of the wrapped key by which a purge finds it in the files (purge.hpp).
  [[nodiscard]] Result<void> remember_erased(const DataKey& row, bool destroyed);
  [[nodiscard]] Result<void> revoke(ApiKey row, Timestamp at);
  [[nodiscard]] Result<void> set_suspended(ExternalKey row, bool suspended);
  void note_changed(const Uuid& organization);
  [[nodiscard]] Result<void> refuse_if_archived(const Uuid& compartment);
  // The one integer that `sql` returns.
  template <class... Values>
  Result<std::int64_t> count(std::string_view sql, const Values&... values);
  // The types of the organisation's activities: there are few, however many activities there are.
  [[nodiscard]] Result<std::vector<std::string>> activity_types(const Uuid& organization);
  // Sets the column by which is_attached_elsewhere finds the key.
  [[nodiscard]] Result<void> set_key_place(const ExternalKey& row);

  // Passes the result on and remembers its failure.
  template <class T>
  Result<T> watch(Result<T> result);

  // Refuses to write in a read transaction, and anything after a failure; for operations that read first.
  [[nodiscard]] Result<void> may_write(std::string_view what) const;
  // Runs a writing statement and returns the number of rows changed; `what` names the statement in the refusal to write
  // in a read transaction.
  template <class... Values>
  Result<std::int64_t> write(std::string_view what, std::string_view sql, const Values&... values);
  template <class T>
  Result<void> insert_row(const T& row, std::string_view tail = {});
  // Updates the columns of a sealed row that may change.
  template <class T>
  Result<void> update_row(std::string_view what, const T& row);

  // What a read does with a row that does not verify; it raises the alarm in any case.
  enum class Unverified {
    Refused,  // the read fails
    LeftOut,  // for the server's own lists: one tenant's bad row must not block the others
    Taken,    // for rows that are going to be destroyed
  };
  // Reads rows of T's table; `tail` is what follows FROM. A sealed row that `is_asked` rejects is as bad as one that
  // does not verify: an intruder who changes the database's indices can make a query find another row.
  template <class T>
  using IsAsked = std::function<bool(const T&)>;
  template <class T, class... Values>
  Result<std::vector<T>> read_rows(Unverified unverified, const IsAsked<T>& is_asked, std::string_view tail,
                                   const Values&... values);
  template <class T, class... Values>
  Result<std::vector<T>> select(const IsAsked<T>& is_asked, std::string_view tail, const Values&... values) {
    return read_rows<T>(Unverified::Refused, is_asked, tail, values...);
  }
  template <class T, class... Values>
  Result<std::vector<T>> select_unsealed(std::string_view tail, const Values&... values) {
    static_assert(!Sealed<T>);
    return read_rows<T>(Unverified::Refused, nullptr, tail, values...);
  }
  // The value for the row's column `seal`.
  template <class T>
  [[nodiscard]] Bytes seal_of(const T& row) const {
    return sealer_.seal(seal_text(row));
  }
  template <class T, class... Values>
  Result<std::optional<T>> find(const IsAsked<T>& is_asked, std::string_view tail, const Values&... values);
  template <class T, class... Values>
  Result<std::optional<T>> find_unsealed(std::string_view tail, const Values&... values) {
    static_assert(!Sealed<T>);
    return find<T>(nullptr, tail, values...);
  }
  // A page of the rows of `organization` that also meet `condition`, whose parameters start at ?2.
  template <class T, class... Values>
  Result<Page<T>> page(const Uuid& organization, const ListWindow& window, std::string_view condition,
                       const Values&... values);
  [[nodiscard]] Result<std::optional<std::string>> last_of_page(std::string_view table, std::string_view after,
                                                                std::size_t limit);
  template <class T>
  Result<std::optional<Timestamp>> place_time(const Uuid& organization, const ListWindow& window);

  Connection& connection_;
  Mode mode_;
  RawId node_;
  const RowSealer& sealer_;
  const KeyPlaceOf& key_place_;
  const AlarmSink& alarm_;
  std::optional<Error> failure_;
  std::vector<Uuid> changed_;
};

}  // namespace latchkey::store

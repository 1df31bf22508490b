// How the keyring makes a compartment's data keys, and replaces them.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/log.hpp"
#include "base/timeout.hpp"
#include "keyring/keyring_impl.hpp"

namespace latchkey::keyring {

namespace {

// The keyring does not store a data key whose external key was suspended in the meantime.
Result<void> check_access_in(store::Transaction& tx, const KeyAccessCheck& access_check, const store::DataKey& row) {
  if (!access_check || !row.external_key_id) return success();
  return access_check(tx, row.organization, *row.external_key_id);
}

}  // namespace

Task<Result<Lease>> Keyring::Impl::find_or_make(Compartment compartment) {
  auto read_at = clock_.age_time();
  auto work = [workspace = compartment.id, external_key = compartment.external_key_id](store::Transaction& tx) {
    return tx.find_active_data_key(workspace, external_key);
  };
  LATCHKEY_CO_TRY(auto row, co_await store_.look_up(std::move(work)));
  if (!row) {
    LATCHKEY_CO_TRY(auto lease, co_await make(compartment));
    table_.set_active(compartment, lease.key->id(), read_at);
    co_return lease;
  }
  auto id = row->id;
  auto pending = settings_.usage == nullptr ? Use() : settings_.usage->pending(compartment, id);
  auto due = rotation_due(*row, pending, settings_.data_keys, clock_.now());
  // This does not unwrap straight away: a lease that bridges an outage serves writes as it serves reads.
  LATCHKEY_CO_TRY(auto lease, co_await for_decryption(compartment, id, unwrapper_.deadline()));
  table_.set_active(compartment, id, read_at);
  if (due) replace_behind(std::move(compartment), id, *due);
  co_return lease;
}

// Where the replacement fails, the old data key serves on, and the keyring tries again when it next reads the row.
void Keyring::Impl::replace_behind(Compartment compartment, RawId active, RotationCause cause) {
  auto attempt = [](std::shared_ptr<Impl> self, Compartment whose, RawId old, RotationCause why) -> Task<void> {
    std::pair place{whose.id, external_of(whose.external_key_id)};
    auto workspace_id = whose.workspace_id;
    LeaseFlight work = [self, whose, old, why] { return self->replace(whose, old, why); };
    auto replaced = co_await self->replacements_.run(self->executor_, place, guarded(std::move(work)));
    if (replaced) co_return;
    spdlog::warn("the server could not replace data key {} of workspace {} (because of its {}): {}",
                 format_id(id_prefix::kDataKey, old), workspace_id, to_string(why), describe(replaced.error()));
  };
  boost::asio::co_spawn(executor_, attempt(shared_from_this(), std::move(compartment), active, cause),
                        boost::asio::detached);
}

Task<Result<Lease>> Keyring::Impl::replace(Compartment compartment, RawId active, RotationCause cause) {
  auto external = external_of(compartment.external_key_id);
  if (auto failure = table_.cached_wrapping_failure(external, clock_.age_time())) co_return *failure;
  LATCHKEY_CO_TRY(auto proven, co_await unwrapper_.make(compartment));
  auto read_at = clock_.age_time();
  DataKeyReplaced event{
      compartment.organization, compartment.workspace_id, compartment.external_key_id, active, proven.row.id, cause};
  auto work = [row = proven.row, event, record = settings_.record_replacement,
               access_check = settings_.access_check](store::Transaction& tx) -> Result<std::optional<store::DataKey>> {
    LATCHKEY_TRYV(check_access_in(tx, access_check, row));
    LATCHKEY_TRY(auto now_active, tx.replace_active_data_key(event.replaced, row));
    if (now_active && now_active->id == row.id && record) {
      LATCHKEY_TRYV(record(tx, event));
    }
    return now_active;
  };
  LATCHKEY_CO_TRY(auto now_active, co_await store_.write(std::move(work)));
  if (!now_active) {
    co_return Error{ErrorCode::NotFound, "the data key to be replaced is active no longer, and no other one is"};
  }
  auto id = now_active->id;
  table_.set_active(compartment, id, read_at);
  if (id == proven.row.id) {
    if (auto lease = keep(proven.attempt, compartment, proven.key, proven.kms_request_id)) co_return std::move(*lease);
  }
  co_return co_await unwrap_once(std::move(compartment), id, Why::Request);
}

Task<Result<Lease>> Keyring::Impl::make(Compartment compartment) {
  auto external = external_of(compartment.external_key_id);
  if (auto failure = table_.cached_wrapping_failure(external, clock_.age_time())) co_return *failure;
  LATCHKEY_CO_TRY(auto proven, co_await unwrapper_.make(compartment));
  auto work = [row = proven.row,
               access_check = settings_.access_check](store::Transaction& tx) -> Result<store::DataKey> {
    LATCHKEY_TRYV(check_access_in(tx, access_check, row));
    return tx.insert_active_data_key(row);
  };
  LATCHKEY_CO_TRY(auto active, co_await store_.write(std::move(work)));
  if (active.id == proven.row.id) {
    if (auto lease = keep(proven.attempt, compartment, proven.key, proven.kms_request_id)) co_return std::move(*lease);
  }
  // Another node was first, or an eviction came while we wrote: the active row is one like any other.
  co_return co_await unwrap_once(std::move(compartment), active.id, Why::Request);
}

}  // namespace latchkey::keyring

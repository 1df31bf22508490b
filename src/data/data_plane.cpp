#include "data/data_plane.hpp"

#include <algorithm>
#include <map>

#include <boost/container/small_vector.hpp>
#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "data/ciphertext_errors.hpp"
#include "kms/reasons.hpp"

namespace latchkey::data {

namespace {

Error with_reason(ErrorCode code, std::string message, Reason reason) {
  return Error{code, std::move(message), std::move(reason)};
}

// A customer's key that did not respond within the caller's deadline could not be reached. The caller has to learn
// that, not that our time ran out.
Error as_key_error(Error error, const keyring::Compartment& compartment) {
  if (error.code != ErrorCode::DeadlineExceeded || !compartment.external_key_id) return error;
  return caused_by(std::move(error), ErrorCode::KeyUnreachable, "It did not answer in time.", kms::reason::kTimedOut);
}

Error unknown_data_key(const RawId& id, const keyring::Compartment& compartment) {
  return with_reason(ErrorCode::WrongKey,
                     fmt::format("The ciphertext names data key {}, which workspace {} does not have. It was encrypted "
                                 "in another workspace, or it is damaged.",
                                 format_id(id_prefix::kDataKey, id), compartment.workspace_id),
                     error_code::kCiphertextWrongKey);
}

Error unopened(const Error& error, const RawId& id) {
  auto name = format_id(id_prefix::kDataKey, id);
  if (error.code == ErrorCode::WrongKey) {
    return with_reason(
        ErrorCode::WrongKey,
        fmt::format("The ciphertext was not made with data key {}, which it names: it is damaged, or was "
                    "put together from others.",
                    name),
        error_code::kCiphertextWrongKey);
  }
  if (error.code == ErrorCode::Corrupt) {
    return with_reason(ErrorCode::Corrupt,
                       "The ciphertext does not open: it is damaged, or it was encrypted with another context. Send it "
                       "unchanged, with the context it was encrypted with.",
                       error_code::kCiphertextCorrupt);
  }
  return error;
}

Result<RawId> data_key_of(ByteView record) {
  auto id = envelope::record_data_key_id(record);
  if (id) return id;
  return with_reason(ErrorCode::Invalid, fmt::format("The ciphertext cannot be read: {}", id.error().message()),
                     error_code::kCiphertextNotRecognized);
}

Error too_short() {
  return with_reason(ErrorCode::Invalid, "The ciphertext cannot be read: it is too short to be whole.",
                     error_code::kCiphertextNotRecognized);
}

KeyNames names_of(const keyring::Lease& lease) {
  return {format_id(id_prefix::kDataKey, lease.key->id()), lease.external_key_id};
}

// What the record says of its data key, whether or not it opens.
std::vector<Result<RawId>> data_keys_of(std::span<const RecordInPlace> records) {
  std::vector<Result<RawId>> ids;
  ids.reserve(records.size());
  for (const auto& each : records) {
    auto id = data_key_of(each.record);
    if (id && each.record.size() < envelope::kRecordOverhead) id = too_short();
    ids.push_back(std::move(id));
  }
  return ids;
}

keyring::UsageCounts counts_of(std::span<const RecordInPlace> records) {
  keyring::UsageCounts counts{.encrypts = records.size()};
  for (const auto& each : records) counts.bytes += static_cast<std::int64_t>(each.plaintext().size());
  return counts;
}

}  // namespace

Result<keyring::Lease> DataPlane::reported(Result<keyring::Lease> lease, const keyring::Compartment& compartment) {
  if (!lease) lease = as_key_error(lease.error(), compartment);
  observer_.data_key_requested(lease ? nullptr : &lease.error(), lease && lease.value().bridged);
  return lease;
}

std::optional<keyring::Lease> DataPlane::lease_at_hand(const keyring::Compartment& compartment,
                                                       const std::optional<RawId>& id) {
  auto lease = keyring_.at_hand(compartment, id);
  if (!lease || usage_.begin_usage(compartment, *lease)) return std::nullopt;
  observer_.data_key_requested(nullptr, lease->bridged);
  return lease;
}

Task<Result<keyring::Lease>> DataPlane::lease_for(const keyring::Compartment& compartment, std::optional<RawId> id,
                                                  Deadline deadline) {
  if (auto lease = lease_at_hand(compartment, id)) co_return std::move(*lease);
  for (int attempt = 0; attempt < keyring::kMostTries; ++attempt) {
    auto lease = keyring_.at_hand(compartment, id);
    if (!lease) {
      auto asking =
          id ? keyring_.for_decryption(compartment, *id, deadline) : keyring_.for_encryption(compartment, deadline);
      auto asked = co_await std::move(asking);
      if (!asked) co_return reported(std::move(asked), compartment);
      lease = std::move(asked).value();
    }
    if (usage_.begin_usage(compartment, *lease)) co_await usage_.announce_beginnings(deadline);
    if (keyring_.may_use(compartment, *lease)) co_return reported(std::move(*lease), compartment);
  }
  co_return reported(keyring::changed_again_and_again(), compartment);
}

Task<Result<Compartments::Opened>> DataPlane::open(const DataCall& call, Purpose purpose) {
  return compartments_.open(call.caller, call.workspace_id, purpose);
}

Result<void> DataPlane::seal(const keyring::Lease& lease, const keyring::Compartment& compartment,
                             std::span<const RecordInPlace> records) {
  boost::container::small_vector<ByteView, 1> plaintexts;
  boost::container::small_vector<envelope::RecordToSeal, 1> to_seal;
  plaintexts.reserve(records.size());
  to_seal.reserve(records.size());
  for (const auto& each : records) {
    plaintexts.push_back(each.plaintext());
    to_seal.push_back({each.context, std::span(&plaintexts.back(), 1), each.record});
  }
  return envelope::seal_records(*lease.key, compartment.id, to_seal, random_);
}

Task<Result<KeyNames>> DataPlane::encrypt(DataCall call, std::span<const RecordInPlace> records) {
  auto at_hand = compartments_.at_hand(call.caller, call.workspace_id, Purpose::Encrypt);
  if (!at_hand) at_hand = co_await open(call, Purpose::Encrypt);
  if (!*at_hand) co_return at_hand->error();
  const auto& compartment = *at_hand->value();
  for (int attempt = 0; attempt < keyring::kMostTries; ++attempt) {
    auto lease = lease_at_hand(compartment, std::nullopt);
    if (!lease) {
      LATCHKEY_CO_TRY(lease, co_await lease_for(compartment, std::nullopt, call.deadline));
    }
    LATCHKEY_CO_TRYV(seal(*lease, compartment, records));
    if (auto asking = call.confirm()) {
      LATCHKEY_CO_TRYV(co_await std::move(*asking));
    }
    if (keyring_.may_use(compartment, *lease)) {
      usage_.record_usage(compartment, *lease, counts_of(records));
      co_return names_of(*lease);
    }
    // The lease ended meanwhile, and nobody gets what it sealed. The next one needs the plaintexts.
    for (const auto& each : records) {
      LATCHKEY_CO_TRYV(
          envelope::open_record(*lease->key, compartment.id, *each.context, each.record, each.plaintext()));
    }
  }
  co_return keyring::changed_again_and_again();
}

Task<Result<std::vector<DataPlane::Opened>>> DataPlane::decrypt(DataCall call, std::span<const RecordInPlace> records) {
  auto at_hand = compartments_.at_hand(call.caller, call.workspace_id, Purpose::Decrypt);
  if (!at_hand) at_hand = co_await open(call, Purpose::Decrypt);
  if (!*at_hand) co_return at_hand->error();
  const auto& compartment = *at_hand->value();
  auto ids = data_keys_of(records);
  // Each record is opened once, as its ciphertext is gone then: what another lease of the same data key opens is the
  // same.
  std::vector<std::optional<Result<void>>> done(records.size());
  for (int attempt = 0; attempt < keyring::kMostTries; ++attempt) {
    auto leases = co_await leases_for(compartment, ids, call.deadline);
    for (std::size_t i = 0; i < records.size(); ++i) {
      if (!ids[i] || done[i]) continue;
      const auto& lease = leases.at(ids[i].value()).lease;
      if (!lease) continue;
      const auto& each = records[i];
      done[i] = envelope::open_record(*lease.value().key, compartment.id, *each.context, each.record, each.plaintext());
    }
    if (auto asking = call.confirm()) {
      LATCHKEY_CO_TRYV(co_await std::move(*asking));
    }
    // A refusal or an eviction may have dropped one lease while this call waited for another, or opened other records.
    if (!may_use_all(leases, compartment)) continue;
    std::vector<Opened> results;
    results.reserve(records.size());
    for (std::size_t i = 0; i < records.size(); ++i) results.push_back(opened(ids[i], leases, done[i], compartment));
    co_return results;
  }
  co_return keyring::changed_again_and_again();
}

// The result for one record, which counts as a use of its data key whether or not it opened.
DataPlane::Opened DataPlane::opened(const Result<RawId>& id, const Leases& leases,
                                    const std::optional<Result<void>>& done, const keyring::Compartment& compartment) {
  if (!id) return id.error();
  const auto& asked = leases.at(id.value());
  if (!asked.lease) return asked.lease.error();
  usage_.record_usage(compartment, asked.lease.value(), {.decrypts = 1});
  if (!*done) return unopened(done->error(), id.value());
  return asked.names;
}

bool DataPlane::may_use_all(const Leases& leases, const keyring::Compartment& compartment) const {
  return std::ranges::all_of(leases, [&](const auto& entry) {
    const auto& lease = entry.second.lease;
    return !lease || keyring_.may_use(compartment, lease.value());
  });
}

// The client uses the lease after this returns: so this confirms it as it would confirm a use.
Task<Result<keyring::Lease>> DataPlane::confirmed_lease(const keyring::Compartment& compartment,
                                                        std::optional<RawId> id, Deadline deadline, Confirm confirm) {
  for (int attempt = 0; attempt < keyring::kMostTries; ++attempt) {
    LATCHKEY_CO_TRY(auto lease, co_await lease_for(compartment, id, deadline));
    if (auto asking = confirm()) {
      LATCHKEY_CO_TRYV(co_await std::move(*asking));
    }
    if (keyring_.may_use(compartment, lease)) co_return lease;
  }
  co_return keyring::changed_again_and_again();
}

Task<Result<keyring::Lease>> DataPlane::lease_to_open(const keyring::Compartment& compartment, RawId id,
                                                      Deadline deadline) {
  auto lease = co_await lease_for(compartment, id, deadline);
  if (!lease && lease.error().code == ErrorCode::NotFound) co_return unknown_data_key(id, compartment);
  co_return lease;
}

// It asks the keyring once for each data key, also for one that is refused.
Task<DataPlane::Leases> DataPlane::leases_for(const keyring::Compartment& compartment,
                                              std::span<const Result<RawId>> ids, Deadline deadline) {
  Leases leases;
  for (const auto& id : ids) {
    if (!id || leases.contains(id.value())) continue;
    Result<keyring::Lease> lease = Error{ErrorCode::Internal, "not asked"};
    if (auto ready = lease_at_hand(compartment, id.value())) {
      lease = std::move(*ready);
    } else {
      lease = co_await lease_to_open(compartment, id.value(), deadline);
    }
    auto names = lease ? std::make_shared<const KeyNames>(names_of(lease.value())) : nullptr;
    leases.emplace(id.value(), Asked{std::move(lease), std::move(names)});
  }
  co_return leases;
}

Task<Result<LeasedKey>> DataPlane::lease(DataCall call) {
  LATCHKEY_CO_TRY(auto opened, co_await open(call, Purpose::Encrypt));
  const auto& compartment = *opened;
  LATCHKEY_CO_TRY(auto lease,
                  co_await confirmed_lease(compartment, std::nullopt, call.deadline, std::move(call.confirm)));
  usage_.record_usage(compartment, lease, {.leases = 1});
  co_return LeasedKey{std::move(lease), compartment.id};
}

Task<Result<LeasedKey>> DataPlane::unwrap(DataCall call, std::string data_key_id) {
  LATCHKEY_CO_TRY(auto opened, co_await open(call, Purpose::Decrypt));
  const auto& compartment = *opened;
  Error absent{ErrorCode::NotFound, fmt::format("There is no data key {} in workspace {}.",
                                                json_fields::clean_text(data_key_id), compartment.workspace_id)};
  auto id = parse_id(id_prefix::kDataKey, data_key_id);
  if (!id) co_return absent;
  auto lease = co_await confirmed_lease(compartment, id.value(), call.deadline, std::move(call.confirm));
  if (!lease && lease.error().code == ErrorCode::NotFound) co_return absent;
  if (!lease) co_return lease.error();
  usage_.record_usage(compartment, lease.value(), {.leases = 1});
  co_return LeasedKey{std::move(lease).value(), compartment.id};
}

Task<Result<void>> DataPlane::check_lease(DataCall call, std::string data_key_id) {
  LATCHKEY_CO_TRY(auto opened, co_await open(call, Purpose::Decrypt));
  const auto& compartment = *opened;
  auto id = parse_id(id_prefix::kDataKey, data_key_id);
  if (id && keyring_.holds(compartment, id.value())) co_return success();
  co_return Error{ErrorCode::NotFound,
                  fmt::format("This server has no lease of data key {} in workspace {}. Ask for the data key again.",
                              json_fields::clean_text(data_key_id), compartment.workspace_id)};
}

}  // namespace latchkey::data

#include "data/data_plane.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "data/ciphertext_errors.hpp"
#include "envelope/record.hpp"
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

Result<RawId> data_key_of(const Result<Cipher>& item) {
  if (!item) return item.error();
  auto id = envelope::record_data_key_id(item.value().ciphertext);
  if (id) return id;
  return with_reason(ErrorCode::Invalid, fmt::format("The ciphertext cannot be read: {}", id.error().message()),
                     error_code::kCiphertextNotRecognized);
}

// Seals all items that could be read together, under one data key; the others stay errors in their places.
Result<std::vector<Result<Sealed>>> seal(const keyring::Lease& lease, const keyring::Compartment& compartment,
                                         const std::vector<Result<Plain>>& items, RandomSource& random) {
  std::vector<Result<Sealed>> results;
  std::vector<ByteView> plaintexts;
  std::vector<envelope::RecordToSeal> records;
  results.reserve(items.size());
  plaintexts.reserve(items.size());
  records.reserve(items.size());
  auto key_name = format_id(id_prefix::kDataKey, lease.key->id());
  for (const auto& item : items) {
    if (!item) {
      results.emplace_back(item.error());
      continue;
    }
    plaintexts.push_back(item.value().plaintext.view());
    results.emplace_back(
        Sealed{Bytes(envelope::sealed_size(plaintexts.back().size())), key_name, lease.external_key_id});
    records.push_back({&item.value().context, std::span(&plaintexts.back(), 1), results.back().value().ciphertext});
  }
  LATCHKEY_TRYV(envelope::seal_records(*lease.key, compartment.id, records, random));
  return results;
}

keyring::UsageCounts counts_of(const std::vector<Result<Plain>>& items) {
  keyring::UsageCounts counts;
  for (const auto& item : items) {
    if (!item) continue;
    ++counts.encrypts;
    counts.bytes += static_cast<std::int64_t>(item.value().plaintext.view().size());
  }
  return counts;
}

Result<Opened> open(const keyring::Lease& lease, const keyring::Compartment& compartment, const Cipher& cipher) {
  if (cipher.ciphertext.size() < envelope::kRecordOverhead) {
    return with_reason(ErrorCode::Invalid, "The ciphertext cannot be read: it is too short to be whole.",
                       error_code::kCiphertextNotRecognized);
  }
  Opened opened{crypto::SecretBuffer(cipher.ciphertext.size() - envelope::kRecordOverhead),
                format_id(id_prefix::kDataKey, lease.key->id()), lease.external_key_id};
  auto done = envelope::open_record(*lease.key, compartment.id, cipher.context, cipher.ciphertext,
                                    opened.plaintext.mutable_view());
  if (!done) return unopened(done.error(), lease.key->id());
  return opened;
}

std::vector<Result<Opened>> open_all(const std::map<RawId, Result<keyring::Lease>>& leases,
                                     const keyring::Compartment& compartment,
                                     const std::vector<Result<Cipher>>& items) {
  std::vector<Result<Opened>> results;
  results.reserve(items.size());
  for (const auto& item : items) {
    auto id = data_key_of(item);
    if (!id) {
      results.emplace_back(id.error());
      continue;
    }
    const auto& lease = leases.at(id.value());
    results.push_back(lease ? open(lease.value(), compartment, item.value()) : Result<Opened>(lease.error()));
  }
  return results;
}

}  // namespace

Result<keyring::Lease> DataPlane::reported(Result<keyring::Lease> lease, const keyring::Compartment& compartment) {
  if (!lease) lease = as_key_error(lease.error(), compartment);
  observer_.data_key_requested(lease ? nullptr : &lease.error(), lease && lease.value().bridged);
  return lease;
}

Task<Result<keyring::Lease>> DataPlane::lease_for(keyring::Compartment compartment, std::optional<RawId> id,
                                                  Deadline deadline) {
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

Task<Result<std::vector<Result<Sealed>>>> DataPlane::encrypt(DataCall call, std::vector<Result<Plain>> items) {
  LATCHKEY_CO_TRY(auto compartment,
                  co_await compartments_.open(std::move(call.caller), std::move(call.workspace_id), Purpose::Encrypt));
  for (int attempt = 0; attempt < keyring::kMostTries; ++attempt) {
    LATCHKEY_CO_TRY(auto lease, co_await lease_for(compartment, std::nullopt, call.deadline));
    auto sealed = seal(lease, compartment, items, random_);
    if (!sealed) co_return sealed;
    if (auto asking = call.confirm()) {
      LATCHKEY_CO_TRYV(co_await std::move(*asking));
    }
    if (!keyring_.may_use(compartment, lease)) continue;
    usage_.record_usage(compartment, lease, counts_of(items));
    co_return sealed;
  }
  co_return keyring::changed_again_and_again();
}

Task<Result<std::vector<Result<Opened>>>> DataPlane::decrypt(DataCall call, std::vector<Result<Cipher>> items) {
  LATCHKEY_CO_TRY(auto compartment,
                  co_await compartments_.open(std::move(call.caller), std::move(call.workspace_id), Purpose::Decrypt));
  for (int attempt = 0; attempt < keyring::kMostTries; ++attempt) {
    auto leases = co_await leases_for(compartment, items, call.deadline);
    auto results = open_all(leases, compartment, items);
    if (auto asking = call.confirm()) {
      LATCHKEY_CO_TRYV(co_await std::move(*asking));
    }
    // A refusal or an eviction may have dropped one lease while this call waited for another, or opened other items.
    if (!may_use_all(leases, compartment)) continue;
    record_decrypts(leases, compartment, items);
    co_return results;
  }
  co_return keyring::changed_again_and_again();
}

bool DataPlane::may_use_all(const Leases& leases, const keyring::Compartment& compartment) const {
  return std::ranges::all_of(
      leases, [&](const auto& entry) { return !entry.second || keyring_.may_use(compartment, entry.second.value()); });
}

// The client uses the lease after this returns: so this confirms it as it would confirm a use.
Task<Result<keyring::Lease>> DataPlane::confirmed_lease(keyring::Compartment compartment, std::optional<RawId> id,
                                                        Deadline deadline, Confirm confirm) {
  for (int attempt = 0; attempt < keyring::kMostTries; ++attempt) {
    LATCHKEY_CO_TRY(auto lease, co_await lease_for(compartment, id, deadline));
    if (auto asking = confirm()) {
      LATCHKEY_CO_TRYV(co_await std::move(*asking));
    }
    if (keyring_.may_use(compartment, lease)) co_return lease;
  }
  co_return keyring::changed_again_and_again();
}

// It asks the keyring once for each data key, also for one that is refused.
Task<DataPlane::Leases> DataPlane::leases_for(const keyring::Compartment& compartment,
                                              const std::vector<Result<Cipher>>& items, Deadline deadline) {
  Leases leases;
  for (const auto& item : items) {
    auto id = data_key_of(item);
    if (!id || leases.contains(id.value())) continue;
    auto lease = co_await lease_for(compartment, id.value(), deadline);
    if (!lease && lease.error().code == ErrorCode::NotFound) lease = unknown_data_key(id.value(), compartment);
    leases.emplace(id.value(), std::move(lease));
  }
  co_return leases;
}

void DataPlane::record_decrypts(const Leases& leases, const keyring::Compartment& compartment,
                                const std::vector<Result<Cipher>>& items) {
  for (const auto& item : items) {
    auto id = data_key_of(item);
    if (!id) continue;
    const auto& lease = leases.at(id.value());
    if (lease) usage_.record_usage(compartment, lease.value(), {.decrypts = 1});
  }
}

Task<Result<LeasedKey>> DataPlane::lease(DataCall call) {
  LATCHKEY_CO_TRY(auto compartment,
                  co_await compartments_.open(std::move(call.caller), std::move(call.workspace_id), Purpose::Encrypt));
  LATCHKEY_CO_TRY(auto lease,
                  co_await confirmed_lease(compartment, std::nullopt, call.deadline, std::move(call.confirm)));
  usage_.record_usage(compartment, lease, {.leases = 1});
  co_return LeasedKey{std::move(lease), compartment.id};
}

Task<Result<LeasedKey>> DataPlane::unwrap(DataCall call, std::string data_key_id) {
  LATCHKEY_CO_TRY(auto compartment,
                  co_await compartments_.open(std::move(call.caller), std::move(call.workspace_id), Purpose::Decrypt));
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
  LATCHKEY_CO_TRY(auto compartment,
                  co_await compartments_.open(std::move(call.caller), std::move(call.workspace_id), Purpose::Decrypt));
  auto id = parse_id(id_prefix::kDataKey, data_key_id);
  if (id && keyring_.holds(compartment, id.value())) co_return success();
  co_return Error{ErrorCode::NotFound,
                  fmt::format("This server has no lease of data key {} in workspace {}. Ask for the data key again.",
                              json_fields::clean_text(data_key_id), compartment.workspace_id)};
}

}  // namespace latchkey::data

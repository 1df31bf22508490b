// A KeyProvider that works unless a test says otherwise. It counts its calls.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <set>

#include "kms/key_provider.hpp"
#include "kms/reasons.hpp"

namespace latchkey::admin::testing {

class FakeKeyProvider final : public kms::KeyProvider {
 public:
  Task<Result<kms::WrappedKey>> wrap(const kms::KeyLocation& key, const kms::Binding&,
                                     const crypto::SecretBytes& secret, Deadline) override {
    ++wraps;
    kms::WrappedKey wrapped{description.key_version, masked(key, description.key_version, secret.reveal())};
    LATCHKEY_CO_TRYV(co_await before(key));
    if (wrap_failure) co_return *wrap_failure;
    co_return wrapped;
  }

  Task<Result<kms::UnwrappedKey>> unwrap(const kms::KeyLocation& key, const kms::Binding&,
                                         const kms::WrappedKey& wrapped, Deadline) override {
    ++unwraps;
    auto secret = masked(key, wrapped.key_version, wrapped.ciphertext);
    bool refuses = disabled_versions.contains(wrapped.key_version);
    LATCHKEY_CO_TRYV(co_await before(key));
    if (refuses) co_return Error{ErrorCode::KeyDenied, "that version is disabled", kms::reason::kKeyDisabled};
    if (spoils_unwrap) secret.front() ^= 1;
    co_return kms::UnwrappedKey{crypto::SecretBytes(secret)};
  }

  Task<Result<kms::KeyDescription>> describe(const kms::KeyLocation& key, Deadline) override {
    ++describes;
    LATCHKEY_CO_TRYV(co_await before(key));
    co_return description;
  }

  [[nodiscard]] int calls() const { return wraps + unwraps + describes; }

  // Every operation on a customer's key fails with this error; the platform's own root key still works.
  std::optional<Error> failure;
  // Every wrap fails with this error, also under the platform's own root key.
  std::optional<Error> wrap_failure;
  // Awaited in the middle of the next operation on a customer's key, once.
  std::function<Task<void>()> interruption;
  bool spoils_unwrap = false;
  std::set<std::string> disabled_versions;  // for unwrapping
  kms::KeyDescription description{.key_version = "version-1",
                                  .type = "RSA",
                                  .bits = 3072,
                                  .enabled = true,
                                  .not_before = std::nullopt,
                                  .expires = std::nullopt,
                                  .operations = {"wrapKey", "unwrapKey"},
                                  .tags = {}};
  int wraps = 0;
  int unwraps = 0;
  int describes = 0;

 private:
  // Applied twice, it restores the bytes; it differs for every key and version.
  static Bytes masked(const kms::KeyLocation& key, const std::string& version, ByteView bytes) {
    std::uint8_t mask = 0x5a;
    for (char c : key.key().place() + version) mask = static_cast<std::uint8_t>(mask * 31 + c);
    auto result = to_bytes(bytes);
    for (auto& byte : result) byte ^= mask;
    return result;
  }

  Task<Result<void>> before(kms::KeyLocation key) {
    if (key.is_local()) co_return success();
    if (auto interrupt = std::exchange(interruption, nullptr)) co_await interrupt();
    if (failure) co_return *failure;
    co_return success();
  }
};

}  // namespace latchkey::admin::testing

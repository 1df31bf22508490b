// A lease source without a server.
#pragma once

#include <atomic>
#include <functional>

#include "library/lease_source.hpp"

namespace latchkey::library::testing {

inline RawId raw(std::uint8_t first, std::uint8_t second = 0, std::uint8_t third = 0) {
  RawId id{};
  id[0] = first;
  id[1] = second;
  id[2] = third;
  return id;
}

// As the server reports it.
inline const Reason kKeyDisabled = Reason::reported("cmek_key_disabled");

// Leases each key for a minute, unless a test says otherwise. The active key is raw(1).
class FakeLeaseSource final : public LeaseSource {
 public:
  using Name = std::optional<RawId>;
  explicit FakeLeaseSource(const Clock& clock) : clock_(clock) {}
  Result<LeasedKey> active_key() override { return lease(std::nullopt); }
  Result<LeasedKey> key(const RawId& id) override { return lease(id); }

  Result<void> check(const RawId& id) override {
    ++checks;
    if (auto error = check_failure(id)) return *error;
    return success();
  }

  void fail_with(ErrorCode code, Reason reason = {}) {
    failure = [code, reason](const Name&) { return Error{code, "as it was told", reason}; };
  }
  void lease_again() {
    failure = [](const Name&) { return std::nullopt; };
  }

  // Called from any thread. Absent: the source leases the key.
  std::function<std::optional<Error>(const Name&)> failure = [](const Name&) { return std::nullopt; };
  std::function<std::optional<Error>(const RawId&)> check_failure = [](const RawId&) { return std::nullopt; };
  std::function<void()> while_asking;
  std::optional<std::string> external_key_id = "ekey_1";
  std::optional<std::chrono::milliseconds> check_after;
  std::chrono::milliseconds lasts{60'000};
  std::atomic<int> calls = 0;
  std::atomic<int> checks = 0;

 private:
  Result<LeasedKey> lease(const Name& name) {
    ++calls;
    auto asked_at = clock_.age_time();
    if (while_asking) while_asking();
    if (auto error = failure(name)) return *error;
    auto id = name.value_or(raw(1));
    auto key = envelope::DataKey::create(id, crypto::SecretBytes(Bytes(32, id[0]))).value();
    return LeasedKey{std::make_shared<const envelope::DataKey>(std::move(key)),
                     Uuid{},
                     asked_at,
                     asked_at + lasts,
                     external_key_id,
                     check_after};
  }
  const Clock& clock_;
};

}  // namespace latchkey::library::testing

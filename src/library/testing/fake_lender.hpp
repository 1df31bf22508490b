// A lender without a server.
#pragma once

#include <atomic>
#include <functional>

#include "library/key_lender.hpp"

namespace latchkey::library::testing {

inline RawId raw(std::uint8_t first, std::uint8_t second = 0, std::uint8_t third = 0) {
  RawId id{};
  id[0] = first;
  id[1] = second;
  id[2] = third;
  return id;
}

// Lends for a minute, unless it is told to answer otherwise. The active key is raw(1).
class FakeLender final : public KeyLender {
 public:
  using Name = std::optional<RawId>;
  explicit FakeLender(const Clock& clock) : clock_(clock) {}
  Result<LeasedKey> active_key() override { return lend(std::nullopt); }
  Result<LeasedKey> key(const RawId& id) override { return lend(id); }

  Result<void> check(const RawId& id) override {
    ++checks;
    if (auto error = check_answer(id)) return *error;
    return success();
  }

  void fail_with(ErrorCode code, std::string reason = "") {
    answer = [code, reason](const Name&) { return Error{code, "as it was told", reason}; };
  }
  void lend_again() {
    answer = [](const Name&) { return std::nullopt; };
  }

  // From any thread. Absent: the key is lent.
  std::function<std::optional<Error>(const Name&)> answer = [](const Name&) { return std::nullopt; };
  std::function<std::optional<Error>(const RawId&)> check_answer = [](const RawId&) { return std::nullopt; };
  std::function<void()> while_asking;
  std::optional<std::string> external_key_id = "ekey_1";
  std::optional<std::chrono::milliseconds> check_after;
  std::chrono::milliseconds lasts{60'000};
  std::atomic<int> calls = 0;
  std::atomic<int> checks = 0;

 private:
  Result<LeasedKey> lend(const Name& name) {
    ++calls;
    auto asked_at = clock_.age_time();
    if (while_asking) while_asking();
    if (auto error = answer(name)) return *error;
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

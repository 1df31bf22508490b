// The two implementations of AES-256 and AES-256-GCM: intel-ipsec-mb where the CPU has AES instructions, OpenSSL
// everywhere. The process chooses one for its lifetime: the fastest, or the one that the environment variable
// LATCHKEY_AEAD names. Internal to crypto/, except for the choice; callers that encrypt use aead.hpp. Thread-safe.
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "crypto/aead.hpp"

namespace latchkey::crypto {

// An AES-256-GCM key, prepared; only the engine that prepared it can read it. Secret: it lives in SecretBytes.
struct GcmState {
  alignas(64) std::array<std::uint8_t, 1024> key;
  std::uint64_t variant;
};

// The content of an AesSchedule.
using AesScheduleBytes = std::span<std::uint8_t, kAesScheduleSize>;
using AesScheduleView = std::span<const std::uint8_t, kAesScheduleSize>;

// Callers check the sizes.
class AesEngine {
 public:
  AesEngine() = default;
  AesEngine(const AesEngine&) = delete;
  AesEngine& operator=(const AesEngine&) = delete;
  virtual ~AesEngine() = default;

  // "ipsec-mb" or "openssl".
  [[nodiscard]] virtual std::string_view name() const = 0;

  virtual void expand(AesKeyView key, AesScheduleBytes schedule) const = 0;
  virtual void encrypt_blocks(AesScheduleView schedule, ByteView in, MutableBytes out) const = 0;

  // `typical_size` is a hint: some engines use another code path for short messages. Any size works.
  virtual void prepare(AesKeyView key, std::size_t typical_size, GcmState& state) const = 0;
  // Internal where the library refuses.
  [[nodiscard]] virtual Result<void> seal(const GcmState& state, std::span<const GcmMessage> messages) const = 0;
  [[nodiscard]] virtual Result<void> seal_pieces(const GcmState& state, GcmNonceView nonce,
                                                 std::span<const ByteView> plaintext, ByteView aad,
                                                 MutableBytes out) const = 0;
  // Returns how many messages opened before the first whose tag does not match; that one's output is zeroed, later
  // outputs are untouched. Internal where the library refuses.
  [[nodiscard]] virtual Result<std::size_t> open(const GcmState& state, std::span<const GcmMessage> messages) const = 0;
};

[[nodiscard]] const AesEngine& openssl_engine();
// Null where the CPU has no AES instructions, or the library was built without intel-ipsec-mb.
[[nodiscard]] const AesEngine* ipsec_mb_engine();

// The engines that this machine can run, the fastest first.
[[nodiscard]] std::vector<const AesEngine*> aes_engines();
// Finds an engine by name; "" means the fastest. Invalid where no engine has that name, Unavailable where this machine
// cannot run it.
[[nodiscard]] Result<const AesEngine*> find_aes_engine(std::string_view name);

// The engine that LATCHKEY_AEAD names, or the fastest. Ends the process with a message where that one is unavailable;
// see check_aead_choice.
[[nodiscard]] const AesEngine& choose_aes_engine();

// The engine of this process.
[[nodiscard]] inline const AesEngine& aes_engine() {
  static const AesEngine& chosen = choose_aes_engine();
  return chosen;
}

}  // namespace latchkey::crypto

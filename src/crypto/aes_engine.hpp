// The two ways to do AES-256 and AES-256-GCM: intel-ipsec-mb where the CPU has AES instructions, OpenSSL everywhere.
// One is chosen for the life of the process: the fastest, or what the environment variable LATCHKEY_AEAD says. Internal
// to crypto/, but for its choice; whoever encrypts takes aead.hpp. Thread-safe.
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "crypto/aead.hpp"

namespace latchkey::crypto {

// A key of AES-256-GCM made ready; only the engine that made it can read it. Secret: it lives in SecretBytes.
struct GcmState {
  alignas(64) std::array<std::uint8_t, 1024> key;
  std::uint64_t variant;
};

// As AesSchedule, of which it is the content.
using AesScheduleBytes = std::span<std::uint8_t, kAesScheduleSize>;
using AesScheduleView = std::span<const std::uint8_t, kAesScheduleSize>;

// Sizes were checked by the callers.
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

  // `typical_size` is about what a message has: some engines have another way for short ones. Any size works.
  virtual void prepare(AesKeyView key, std::size_t typical_size, GcmState& state) const = 0;
  // Internal where the library refuses.
  [[nodiscard]] virtual Result<void> seal(const GcmState& state, std::span<const GcmMessage> messages) const = 0;
  [[nodiscard]] virtual Result<void> seal_pieces(const GcmState& state, GcmNonceView nonce,
                                                 std::span<const ByteView> plaintext, ByteView aad,
                                                 MutableBytes out) const = 0;
  // How many opened before the first that does not fit; its output is zeroed, and that of those behind untouched.
  [[nodiscard]] virtual Result<std::size_t> open(const GcmState& state, std::span<const GcmMessage> messages) const = 0;
};

[[nodiscard]] const AesEngine& openssl_engine();
// Null where the CPU has no AES instructions, or the library was built without intel-ipsec-mb.
[[nodiscard]] const AesEngine* ipsec_mb_engine();

// What this machine can do, the fastest first.
[[nodiscard]] std::vector<const AesEngine*> aes_engines();
// By name; the fastest for "". Invalid where there is none of that name, Unavailable where this machine cannot do it.
[[nodiscard]] Result<const AesEngine*> find_aes_engine(std::string_view name);

// What LATCHKEY_AEAD says, or the fastest. Ends the process with a message where that cannot be had; see
// check_aead_choice.
[[nodiscard]] const AesEngine& choose_aes_engine();

// The process's one.
[[nodiscard]] inline const AesEngine& aes_engine() {
  static const AesEngine& chosen = choose_aes_engine();
  return chosen;
}

}  // namespace latchkey::crypto

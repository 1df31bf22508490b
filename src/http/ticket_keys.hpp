// The keys that seal TLS session tickets (RFC 5077, RFC 8446 section 4.6.1). A ticket lets a client resume its session
// without a certificate, so whoever gets a key may pretend to be us to the clients that hold its tickets: a key seals
// for an hour, is forgotten two hours after that, and is nowhere but in locked memory. Internal to http/.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>

#include "base/clock.hpp"
#include "base/mutex.hpp"
#include "base/random.hpp"
#include "crypto/secret.hpp"

namespace latchkey::http {

struct TicketKey {
  using Name = std::array<std::uint8_t, 16>;
  Name name;
  crypto::SecretBytes cipher;  // AES-256
  crypto::SecretBytes mac;     // HMAC-SHA-256
  AgeTime made_at;
};

// Thread-safe.
class TicketKeys {
 public:
  static constexpr std::chrono::hours kSealsFor{1};
  // How long a client may use a ticket.
  static constexpr std::chrono::hours kTicketLife{2};

  // `random` outlives the object.
  explicit TicketKeys(RandomSource& random) : random_(random) {}

  // The key for new tickets.
  [[nodiscard]] std::shared_ptr<const TicketKey> to_seal(AgeTime now);
  // The key of this name; null where there is none, or it is too old.
  [[nodiscard]] std::shared_ptr<const TicketKey> to_open(std::span<const std::uint8_t> name, AgeTime now);

 private:
  void forget_old(AgeTime now) LATCHKEY_REQUIRES(mutex_);

  RandomSource& random_;
  Mutex mutex_;
  std::deque<std::shared_ptr<const TicketKey>> keys_ LATCHKEY_GUARDED_BY(mutex_);  // newest first
};

}  // namespace latchkey::http

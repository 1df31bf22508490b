#include "http/ticket_keys.hpp"

#include <algorithm>

namespace latchkey::http {

namespace {

constexpr std::size_t kKeySize = 32;

crypto::SecretBytes make_secret(RandomSource& random) {
  crypto::SecretBytes secret(kKeySize);
  random.fill(secret.mutable_view());
  return secret;
}

}  // namespace

std::shared_ptr<const TicketKey> TicketKeys::to_seal(AgeTime now) {
  MutexLock lock(mutex_);
  forget_old(now);
  bool is_due = keys_.empty() || now - keys_.front()->made_at >= kSealsFor;
  if (is_due) {
    TicketKey key{.name = {}, .cipher = make_secret(random_), .mac = make_secret(random_), .made_at = now};
    random_.fill(key.name);
    keys_.push_front(std::make_shared<const TicketKey>(std::move(key)));
  }
  return keys_.front();
}

std::shared_ptr<const TicketKey> TicketKeys::to_open(std::span<const std::uint8_t> name, AgeTime now) {
  MutexLock lock(mutex_);
  forget_old(now);
  auto found = std::ranges::find_if(keys_, [&](const auto& key) { return std::ranges::equal(key->name, name); });
  return found == keys_.end() ? nullptr : *found;
}

void TicketKeys::forget_old(AgeTime now) {
  while (!keys_.empty() && now - keys_.back()->made_at >= kSealsFor + kTicketLife) keys_.pop_back();
}

}  // namespace latchkey::http

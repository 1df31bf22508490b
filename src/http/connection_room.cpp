#include "http/connection_room.hpp"

#include <algorithm>

namespace latchkey::http {

namespace {

namespace ip = boost::asio::ip;

constexpr std::chrono::hours kKnownFor{1};
// A connection whose every request proves who sent it tells the room only this often.
constexpr std::chrono::minutes kProveAgain{1};
// How many known addresses without a connection the room remembers.
constexpr std::size_t kMaxRemembered = 16'384;
constexpr std::size_t kUnknownPart = 8;
constexpr std::size_t kKnownPart = 2;
constexpr std::size_t kKeptPart = 4;

}  // namespace

ConnectionLimits ConnectionLimits::of(std::size_t total) {
  return {.total = total,
          .of_unknown_address = std::max<std::size_t>(1, total / kUnknownPart),
          .of_known_address = std::max<std::size_t>(1, total / kKnownPart),
          .kept_for_known = total / kKeptPart};
}

ConnectionLimits ConnectionLimits::of(std::size_t total, std::size_t of_each_address) {
  auto limits = of(total);
  limits.of_unknown_address = limits.of_known_address = of_each_address;
  return limits;
}

ConnectionLimits ConnectionLimits::without_addresses(std::size_t total) {
  return {.total = total, .of_unknown_address = total, .of_known_address = total, .kept_for_known = 0};
}

std::unique_ptr<ConnectionRoom::Place> ConnectionRoom::enter(const ip::address& address, TimePoint now,
                                                             std::function<void()> send_away) {
  MutexLock lock(mutex_);
  forget_addresses(now);
  auto network = network_of(address);
  auto found = addresses_.find(network);
  bool known = found != addresses_.end() && found->second.proven_at && now - *found->second.proven_at <= kKnownFor;
  auto held = found == addresses_.end() ? 0 : found->second.connections;
  if (held >= (known ? limits_.of_known_address : limits_.of_unknown_address)) return nullptr;
  bool full = taken_ >= limits_.total || (!known && unknown_ >= limits_.total - limits_.kept_for_known);
  if (full && !make_room()) return nullptr;
  auto& guest = guests_.emplace_back();
  guest.network = network;
  guest.known = known;
  guest.send_away = std::move(send_away);
  ++addresses_[network].connections;
  ++taken_;
  if (!known) ++unknown_;
  return std::make_unique<Place>(shared_from_this(), std::prev(guests_.end()));
}

std::size_t ConnectionRoom::size() const {
  MutexLock lock(mutex_);
  return taken_;
}

void ConnectionRoom::Place::prove(TimePoint now) {
  if (proven_at_ && now - *proven_at_ < kProveAgain) return;
  proven_at_ = now;
  room_->prove(guest_, now);
}

// Closes the oldest idle connection of an unknown address; false where there is none.
bool ConnectionRoom::make_room() {
  auto oldest = std::find_if(guests_.begin(), guests_.end(),
                             [](const Guest& guest) { return !guest.known && !guest.gone && guest.idle; });
  if (oldest == guests_.end()) return false;
  oldest->gone = true;
  vacate(*oldest);
  oldest->send_away();
  return true;
}

void ConnectionRoom::vacate(Guest& guest) {
  --taken_;
  if (!guest.known) --unknown_;
  auto found = addresses_.find(guest.network);
  if (--found->second.connections == 0 && !found->second.proven_at) addresses_.erase(found);
}

void ConnectionRoom::prove(Guests::iterator guest, TimePoint now) {
  MutexLock lock(mutex_);
  if (guest->gone) return;
  addresses_[guest->network].proven_at = now;
  if (guest->known) return;
  guest->known = true;
  --unknown_;
}

void ConnectionRoom::leave(Guests::iterator guest) {
  MutexLock lock(mutex_);
  if (!guest->gone) vacate(*guest);
  guests_.erase(guest);
}

// Acts only where the room remembers too many addresses: it forgets those that proved themselves more than an hour ago,
// and, where that is not enough, all without a connection.
void ConnectionRoom::forget_addresses(TimePoint now) {
  if (addresses_.size() <= limits_.total + kMaxRemembered) return;
  auto forget = [&](bool all) {
    mutex_.assert_held();
    std::erase_if(addresses_, [&](const auto& entry) {
      const auto& address = entry.second;
      return address.connections == 0 && (all || !address.proven_at || now - *address.proven_at > kKnownFor);
    });
  };
  forget(false);
  if (addresses_.size() > limits_.total + kMaxRemembered) forget(true);
}

}  // namespace latchkey::http

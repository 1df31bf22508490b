// Decides who may hold how many of a server's connections. An address is an IPv4 address or a /64 of IPv6
// (address_network.hpp); it is *known* for an hour after a request from there proved who sent it. One address gets a
// part of the room. All unknown addresses together leave a part to the known ones; where the unknown have filled
// theirs, the room closes their oldest connection that is idle: that waits for a request, or was refused one.
// Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>

#include <boost/asio/ip/address.hpp>

#include "base/mutex.hpp"
#include "http/address_network.hpp"

namespace latchkey::http {

struct ConnectionLimits {
  std::size_t total = 4096;
  std::size_t of_unknown_address = 512;
  std::size_t of_known_address = 2048;
  std::size_t kept_for_known = 1024;

  // An eighth for an unknown address, a half for a known one, and a quarter kept for the known.
  [[nodiscard]] static ConnectionLimits of(std::size_t total);
  // The same bound for every address, known or not.
  [[nodiscard]] static ConnectionLimits of(std::size_t total, std::size_t of_each_address);
  // For servers behind a proxy, where all connections have one address.
  [[nodiscard]] static ConnectionLimits without_addresses(std::size_t total);
};

class ConnectionRoom : public std::enable_shared_from_this<ConnectionRoom> {
  struct Guest;

 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // A connection's place; the destructor gives it back.
  class Place {
   public:
    Place(std::shared_ptr<ConnectionRoom> room, std::list<Guest>::iterator guest)
        : room_(std::move(room)), guest_(guest) {}
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { room_->leave(guest_); }
    // Call it when a request proved who sent it: the address is known from now on.
    void prove(TimePoint now);
    // An idle connection waits for a request, or for what comes after a refusal; the room may close it.
    void set_idle(bool idle) { guest_->idle = idle; }

   private:
    std::shared_ptr<ConnectionRoom> room_;
    std::list<Guest>::iterator guest_;
    std::optional<TimePoint> proven_at_;
  };

  [[nodiscard]] static std::shared_ptr<ConnectionRoom> create(ConnectionLimits limits) {
    return std::shared_ptr<ConnectionRoom>(new ConnectionRoom(limits));
  }

  // Null where there is no room for this address. `send_away` must close the connection. The room calls it at most
  // once, from any thread, while the place is idle; it must not call back into the room.
  [[nodiscard]] std::unique_ptr<Place> enter(const boost::asio::ip::address& address, TimePoint now,
                                             std::function<void()> send_away);
  [[nodiscard]] std::size_t size() const;

 private:
  struct Address {
    std::size_t connections = 0;
    std::optional<TimePoint> proven_at;
  };
  struct Guest {
    AddressNetwork network{};
    bool known = false;
    bool gone = false;  // closed by the room, which has given its place to another connection
    std::atomic<bool> idle{true};
    std::function<void()> send_away;
  };
  using Guests = std::list<Guest>;

  explicit ConnectionRoom(ConnectionLimits limits) : limits_(limits) {}
  void prove(Guests::iterator guest, TimePoint now);
  void leave(Guests::iterator guest);
  void vacate(Guest& guest) LATCHKEY_REQUIRES(mutex_);
  [[nodiscard]] bool make_room() LATCHKEY_REQUIRES(mutex_);
  void forget_addresses(TimePoint now) LATCHKEY_REQUIRES(mutex_);

  ConnectionLimits limits_;
  mutable Mutex mutex_;
  Guests guests_ LATCHKEY_GUARDED_BY(mutex_);  // oldest first
  std::map<AddressNetwork, Address> addresses_ LATCHKEY_GUARDED_BY(mutex_);
  std::size_t taken_ LATCHKEY_GUARDED_BY(mutex_) = 0;
  std::size_t unknown_ LATCHKEY_GUARDED_BY(mutex_) = 0;
};

}  // namespace latchkey::http

#include "store/sqlite/lane.hpp"

#include <thread>

#include <fmt/format.h>

#include "store/reasons.hpp"

namespace latchkey::store {

Lane::Lane(std::vector<std::unique_ptr<SqliteConnection>> connections, std::size_t most_waiting)
    : most_waiting_(most_waiting),
      path_(connections.front()->path()),
      connections_(std::move(connections)),
      pool_(connections_.size()) {}

Lane::~Lane() {
  pool_.join();
  while (posting_ > 0) std::this_thread::yield();
}

bool Lane::enter() {
  if (entered_.fetch_add(1) < most_waiting_) return true;
  --entered_;
  return false;
}

Error Lane::too_busy() const {
  Error error{
      ErrorCode::Unavailable,
      fmt::format("The database {} has {} requests waiting already, and nothing was changed", path_, most_waiting_),
      reason::kStoreBusy, "Try again shortly."};
  error.retry_after = std::chrono::seconds(1);
  return error;
}

std::unique_ptr<SqliteConnection> Lane::take() {
  MutexLock lock(mutex_);
  auto connection = std::move(connections_.back());
  connections_.pop_back();
  return connection;
}

void Lane::leave(std::unique_ptr<SqliteConnection> connection) {
  {
    MutexLock lock(mutex_);
    connections_.push_back(std::move(connection));
  }
  --entered_;
}

}  // namespace latchkey::store

#include "http/body_budget.hpp"

#include <algorithm>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace latchkey::http {

namespace {

namespace asio = boost::asio;

constexpr std::size_t kUncounted = std::size_t{16} * 1024;
constexpr std::size_t kGroupPart = 2;

}  // namespace

struct BodyBudget::Waiter {
  Uuid group;
  std::size_t bytes;
  bool served = false;  // guarded by the budget's mutex
  asio::steady_timer timer;
};

bool BodyBudget::counts(std::uint64_t bytes) {
  return bytes > kUncounted;
}

Task<std::optional<BodyBudget::Share>> BodyBudget::take(Uuid group, std::size_t bytes) {
  if (!counts(bytes)) co_return Share();
  bytes = std::min(bytes, limits_.total / kGroupPart);
  auto executor = co_await asio::this_coro::executor;
  std::shared_ptr<Waiter> waiter;
  {
    MutexLock lock(mutex_);
    if (waiting_.empty() && held_ + bytes <= limits_.total && group_has_room(group, bytes)) {
      hold(group, bytes);
      co_return Share(shared_from_this(), group, bytes);
    }
    waiter = std::make_shared<Waiter>(Waiter{group, bytes, false, asio::steady_timer(executor, limits_.timeout)});
    waiting_.push_back(waiter);
    // A group that waits for its own part to become free may leave room for the waiters behind it.
    serve_waiters();
  }
  boost::system::error_code ignored;
  co_await waiter->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  MutexLock lock(mutex_);
  if (waiter->served) co_return Share(shared_from_this(), group, bytes);
  waiting_.remove(waiter);
  serve_waiters();
  co_return std::nullopt;
}

std::size_t BodyBudget::held() const {
  MutexLock lock(mutex_);
  return held_;
}

bool BodyBudget::group_has_room(const Uuid& group, std::size_t bytes) const {
  auto found = held_by_.find(group);
  return (found == held_by_.end() ? 0 : found->second) + bytes <= limits_.total / kGroupPart;
}

void BodyBudget::hold(const Uuid& group, std::size_t bytes) {
  held_ += bytes;
  held_by_[group] += bytes;
}

void BodyBudget::give_back(const Uuid& group, std::size_t bytes) {
  MutexLock lock(mutex_);
  held_ -= bytes;
  auto found = held_by_.find(group);
  found->second -= bytes;
  if (found->second == 0) held_by_.erase(found);
  serve_waiters();
}

// Serves waiters in the order in which they came; one that waits for its own group's part holds up nobody else.
void BodyBudget::serve_waiters() {
  for (auto next = waiting_.begin(); next != waiting_.end();) {
    auto waiter = *next;
    if (!group_has_room(waiter->group, waiter->bytes)) {
      ++next;
      continue;
    }
    if (held_ + waiter->bytes > limits_.total) return;
    hold(waiter->group, waiter->bytes);
    waiter->served = true;
    next = waiting_.erase(next);
    // The waiter's own executor cancels the timer: the waiter is waiting on it by then.
    asio::post(waiter->timer.get_executor(), [waiter] { waiter->timer.cancel(); });
  }
}

}  // namespace latchkey::http

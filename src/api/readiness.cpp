#include "api/readiness.hpp"

#include <functional>

#include <boost/asio/this_coro.hpp>

namespace latchkey::api {

namespace {

constexpr std::chrono::seconds kTrusted{1};

}  // namespace

Task<Result<void>> Readiness::check() {
  if (auto known = recent()) co_return *known;
  auto executor = co_await boost::asio::this_coro::executor;
  // The check owns what it needs: the probe that began it may be gone before it ends.
  std::function<Task<Result<void>>()> work = [self = shared_from_this()] { return look(self); };
  auto landed = looks_.run(executor, 0, std::move(work));
  co_return co_await std::move(landed);
}

Task<Result<void>> Readiness::look(std::shared_ptr<Readiness> self) {
  // Another check may have ended in between.
  if (auto known = self->recent()) co_return *known;
  auto began = self->clock_.steady();
  auto find = [](store::Transaction& tx) { return tx.find_organization(Uuid{}); };
  auto found = co_await self->store_.look_up(std::move(find));
  Result<void> outcome = success();
  if (!found) outcome = found.error();
  MutexLock lock(self->mutex_);
  self->last_ = Look{began, outcome};
  co_return outcome;
}

std::optional<Result<void>> Readiness::recent() const {
  MutexLock lock(mutex_);
  if (!last_ || clock_.steady() - last_->began >= kTrusted) return std::nullopt;
  return last_->outcome;
}

}  // namespace latchkey::api

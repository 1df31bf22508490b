// Bounds how many bytes of request bodies a server holds at once, over all connections. A request that would exceed the
// bound waits in line for a while. One group (an organisation) gets half of the bytes at most, so that the others have
// room. The server takes what a body may need before it reads the first byte: every body that was begun can be
// finished. Thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "base/id.hpp"
#include "base/mutex.hpp"
#include "base/task.hpp"

namespace latchkey::http {

class BodyBudget : public std::enable_shared_from_this<BodyBudget> {
 public:
  struct Limits {
    std::size_t total = std::size_t{256} * 1024 * 1024;
    std::chrono::milliseconds timeout{5'000};
  };

  // Bytes that one body holds; the destructor gives them back.
  class Share {
   public:
    Share() = default;
    Share(std::shared_ptr<BodyBudget> budget, Uuid group, std::size_t bytes)
        : budget_(std::move(budget)), group_(group), bytes_(bytes) {}
    Share(Share&& other) noexcept { swap(other); }
    Share& operator=(Share&& other) noexcept {
      swap(other);
      return *this;
    }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;
    ~Share() {
      if (budget_) budget_->give_back(group_, bytes_);
    }

   private:
    void swap(Share& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(group_, other.group_);
      std::swap(bytes_, other.bytes_);
    }
    std::shared_ptr<BodyBudget> budget_;
    Uuid group_{};
    std::size_t bytes_ = 0;
  };

  [[nodiscard]] static std::shared_ptr<BodyBudget> create(Limits limits) {
    return std::shared_ptr<BodyBudget>(new BodyBudget(limits));
  }

  // Bodies of up to 16 KiB, the size of a head, are not counted.
  [[nodiscard]] static bool counts(std::uint64_t bytes);
  // Waits for its turn, for `timeout` at most; absent where there was no room in time. A body larger than a group's
  // whole part counts as that part. The caller runs on an
  // executor that runs one thing at a time.
  [[nodiscard]] Task<std::optional<Share>> take(Uuid group, std::size_t bytes);
  [[nodiscard]] std::size_t held() const;

 private:
  struct Waiter;

  explicit BodyBudget(Limits limits) : limits_(limits) {}
  [[nodiscard]] bool group_has_room(const Uuid& group, std::size_t bytes) const LATCHKEY_REQUIRES(mutex_);
  void hold(const Uuid& group, std::size_t bytes) LATCHKEY_REQUIRES(mutex_);
  void give_back(const Uuid& group, std::size_t bytes);
  void serve_waiters() LATCHKEY_REQUIRES(mutex_);

  Limits limits_;
  mutable Mutex mutex_;
  std::size_t held_ LATCHKEY_GUARDED_BY(mutex_) = 0;
  std::map<Uuid, std::size_t> held_by_ LATCHKEY_GUARDED_BY(mutex_);
  std::list<std::shared_ptr<Waiter>> waiting_ LATCHKEY_GUARDED_BY(mutex_);
};

}  // namespace latchkey::http

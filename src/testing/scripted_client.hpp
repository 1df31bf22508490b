// An http::Client whose responses a test scripts, and waits that take no time.
#pragma once

#include <functional>
#include <vector>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include "base/mutex.hpp"
#include "http/client.hpp"
#include "kms/retrying_transport.hpp"

namespace latchkey::kms::testing {

using Response = Result<http::ClientResponse, http::TransportError>;

[[nodiscard]] inline Response response(unsigned status, std::string body, http::Headers headers = {}) {
  return http::ClientResponse{status, std::move(headers), std::move(body)};
}
[[nodiscard]] inline Response failure(http::TransportFailure failure) {
  return http::TransportError{failure, "as the test says"};
}

class ScriptedClient final : public http::Client {
 public:
  using Script = std::function<Response(const http::ClientRequest&)>;
  explicit ScriptedClient(Script script) : script_(std::move(script)) {}

  Task<Response> send(http::ClientRequest request) override {
    // Lets other coroutines run in between, as a network does.
    auto executor = co_await boost::asio::this_coro::executor;
    co_await boost::asio::post(executor, boost::asio::use_awaitable);
    MutexLock lock(mutex_);
    requests_.push_back(request);
    co_return script_(request);
  }

  [[nodiscard]] std::vector<http::ClientRequest> requests() const {
    MutexLock lock(mutex_);
    return requests_;
  }
  // Counts the requests whose URL contains `text`.
  [[nodiscard]] std::size_t count(std::string_view text) const {
    std::size_t found = 0;
    for (const auto& request : requests()) found += request.url.find(text) != std::string::npos ? 1 : 0;
    return found;
  }
  void set(Script script) {
    MutexLock lock(mutex_);
    script_ = std::move(script);
  }

 private:
  mutable Mutex mutex_;
  Script script_ LATCHKEY_GUARDED_BY(mutex_);
  std::vector<http::ClientRequest> requests_ LATCHKEY_GUARDED_BY(mutex_);
};

// Advances the clock instead of sleeping.
class ClockSleeper final : public Sleeper {
 public:
  explicit ClockSleeper(ManualClock& clock) : clock_(clock) {}
  Task<void> sleep_for(std::chrono::milliseconds delay) override {
    slept.push_back(delay);
    clock_.advance(delay);
    co_return;
  }
  std::vector<std::chrono::milliseconds> slept;

 private:
  ManualClock& clock_;
};

// A linear congruential generator: draws differ within a run and repeat in every run. `maximum` makes every byte 0xff.
class CountingRandom final : public RandomSource {
 public:
  explicit CountingRandom(bool maximum = false) : maximum_(maximum) {}
  void fill(MutableBytes out) override {
    MutexLock lock(mutex_);
    for (auto& byte : out) {
      state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
      byte = maximum_ ? std::uint8_t{0xff} : static_cast<std::uint8_t>(state_ >> 56U);
    }
  }

 private:
  Mutex mutex_;
  std::uint64_t state_ LATCHKEY_GUARDED_BY(mutex_) = 7;
  bool maximum_ LATCHKEY_GUARDED_BY(mutex_);
};

}  // namespace latchkey::kms::testing

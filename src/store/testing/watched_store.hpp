// Wraps another store and counts the transactions of each lane. Test code only.
#pragma once

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "store/store.hpp"

namespace latchkey::store::testing {

class WatchedStore final : public Store {
 public:
  // `inner` must outlive the object.
  explicit WatchedStore(Store& inner) : inner_(inner) {}

  int look_ups = 0;
  int reads = 0;
  int writes = 0;
  std::vector<std::optional<Uuid>> purged;
  std::optional<Error> look_up_error;
  // Runs after a look-up has read, before its caller gets the result.
  std::function<Task<void>()> after_look_up;
  // Runs after each write, before its caller gets the result.
  std::function<Task<void>()> after_write;

  Task<Result<SealCounts>> check_seals() override { return inner_.check_seals(); }
  Task<Result<SealProgress>> reseal(SealProgress from, std::size_t limit) override {
    return inner_.reseal(from, limit);
  }
  Task<Result<void>> purge(std::optional<Uuid> compartment) override {
    purged.push_back(compartment);
    return inner_.purge(compartment);
  }
  void stop_purging() override { inner_.stop_purging(); }
  Changes& changes() override { return inner_.changes(); }

 protected:
  Task<Result<void>> run(Access access, std::function<Result<void>(Transaction&)> work) override {
    if (access == Access::Write) {
      ++writes;
      auto written = co_await inner_.write(std::move(work));
      auto after = after_write;
      if (after) co_await after();
      co_return written;
    }
    if (access == Access::Read) {
      ++reads;
      co_return co_await inner_.read(std::move(work));
    }
    ++look_ups;
    auto looked = co_await inner_.look_up(std::move(work));
    // A copy, because the function may replace itself.
    auto after = after_look_up;
    if (after) co_await after();
    if (look_up_error) co_return *look_up_error;
    co_return looked;
  }

 private:
  Store& inner_;
};

}  // namespace latchkey::store::testing

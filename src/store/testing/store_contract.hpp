// The base of the contract's tests: a fresh store of each kind that promises store.hpp.
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "store/store.hpp"

namespace latchkey::store::testing {

// An empty store, which removes its files on destruction.
class FreshStore {
 public:
  FreshStore() = default;
  FreshStore(const FreshStore&) = delete;
  FreshStore& operator=(const FreshStore&) = delete;
  virtual ~FreshStore() = default;
  virtual Store& store() = 0;
  // Closes the store and opens it again, as a restart does.
  virtual void reopen() = 0;
};

struct StoreKind {
  std::string name;
  std::function<std::unique_ptr<FreshStore>()> make;

  // NOLINTNEXTLINE(readability-identifier-naming): GoogleTest's name
  friend void PrintTo(const StoreKind& kind, std::ostream* out) { *out << kind.name; }
};

// All kinds of stores; a suite is instantiated over all of them.
[[nodiscard]] std::vector<StoreKind> store_kinds();

class StoreContract : public ::testing::TestWithParam<StoreKind> {
 protected:
  Store& store() { return fresh_->store(); }
  void reopen() { fresh_->reopen(); }

  template <class Work>
  auto read(Work work) {
    return run_blocking(store().read(std::move(work)));
  }
  template <class Work>
  auto write(Work work) {
    return run_blocking(store().write(std::move(work)));
  }
  // Writes the rows that a test starts from.
  template <class... Rows>
  void given(const Rows&... rows) {
    auto done = write([&](Transaction& tx) -> Result<void> {
      Result<void> inserted = success();
      ((inserted = inserted ? tx.insert(rows) : std::move(inserted)), ...);
      return inserted;
    });
    ASSERT_TRUE(done) << done.error().message();
  }
  // Reads, and fails the test where that fails.
  template <class Work>
  auto get(Work work) {
    auto found = read(std::move(work));
    EXPECT_TRUE(found) << describe(found.error());
    return std::move(found.value());
  }

 private:
  std::unique_ptr<FreshStore> fresh_ = GetParam().make();
};

}  // namespace latchkey::store::testing

#define LATCHKEY_TEST_EVERY_STORE(Suite)                                                               \
  INSTANTIATE_TEST_SUITE_P(Every, Suite, ::testing::ValuesIn(latchkey::store::testing::store_kinds()), \
                           [](const auto& kind) { return kind.param.name; })

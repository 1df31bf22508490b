#include "store/sqlite/sqlite_store.hpp"
#include "store/testing/key_place.hpp"
#include "store/testing/store_contract.hpp"
#include "testing/sealer.hpp"
#include "testing/temporary_folder.hpp"

namespace latchkey::store::testing {

namespace {

class FreshSqliteStore final : public FreshStore {
 public:
  FreshSqliteStore() { open(); }
  Store& store() override { return *store_; }
  void reopen() override {
    store_.reset();
    open();
  }

 private:
  void open() {
    auto opened = open_sqlite_store(
        {.path = folder_.file("latchkey.db"), .sealer = sealer_source(), .key_place = place_of_config, .alarm = {}});
    if (!opened) throw std::runtime_error(opened.error().message());
    store_ = std::move(opened.value());
  }

  TemporaryFolder folder_;
  std::unique_ptr<Store> store_;
};

}  // namespace

std::vector<StoreKind> store_kinds() {
  return {{"Sqlite", [] { return std::make_unique<FreshSqliteStore>(); }}};
}

}  // namespace latchkey::store::testing

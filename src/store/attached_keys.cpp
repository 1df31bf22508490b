#include "store/attached_keys.hpp"

namespace latchkey::store {

namespace {

constexpr std::size_t kKeysOfAPage = 500;

}  // namespace

Task<Result<void>> visit_attached_keys(Store& store, std::function<void(AttachedKey&&)> visit) {
  std::optional<std::string> next = "";
  while (next) {
    auto list = [after = *next](Transaction& tx) { return tx.list_attached_external_keys(after, kKeysOfAPage); };
    LATCHKEY_CO_TRY(auto page, co_await store.read(std::move(list)));
    for (auto& row : page.rows) visit(std::move(row));
    next = std::move(page.next);
  }
  co_return success();
}

}  // namespace latchkey::store

#include "keyring/notice_follower.hpp"

#include <limits>

namespace latchkey::keyring {

namespace {

constexpr std::size_t kAtOnce = 1000;
constexpr std::chrono::hours kForgetPeriod{1};
// Above the longest age of a lease: who was away for longer holds nothing.
constexpr std::chrono::hours kKeep{25};

Result<std::vector<RawId>> destroyed_in(store::Transaction& tx, const Uuid& compartment) {
  store::ListWindow all;
  all.limit = std::numeric_limits<std::size_t>::max();
  LATCHKEY_TRY(auto page, tx.list_data_keys(compartment, all));
  std::vector<RawId> ids;
  for (const auto& key : page.rows) {
    if (key.state == store::DataKeyState::Destroyed) ids.push_back(key.id);
  }
  return ids;
}

}  // namespace

Result<NoticeFollower::News> NoticeFollower::read(store::Transaction& tx, std::optional<std::int64_t> seen) {
  News news;
  if (!seen) {
    LATCHKEY_TRY(news.last, tx.last_notice());
    return news;
  }
  news.last = *seen;
  LATCHKEY_TRY(news.notices, tx.notices_after(*seen, kAtOnce));
  for (const auto& notice : news.notices) {
    news.last = notice.sequence;
    if (notice.kind != store::NoticeKind::ForgetDataKeys) continue;
    LATCHKEY_TRY(auto ids, destroyed_in(tx, notice.compartment));
    news.destroyed.push_back(std::move(ids));
  }
  return news;
}

Task<Result<void>> NoticeFollower::follow() {
  auto look = [seen = seen_](store::Transaction& tx) { return read(tx, seen); };
  LATCHKEY_CO_TRY(auto news, co_await store_.read(std::move(look)));
  auto destroyed = news.destroyed.begin();
  for (const auto& notice : news.notices) {
    if (notice.kind == store::NoticeKind::ForgetKey) {
      keyring_.evict(notice.external_key_id);
    } else {
      keyring_.forget(notice.compartment, *destroyed++);
    }
  }
  seen_ = news.last;
  co_return co_await forget_old();
}

Task<Result<void>> NoticeFollower::forget_old() {
  if (clock_.steady() < forget_at_) co_return success();
  forget_at_ = clock_.steady() + kForgetPeriod;
  auto forget = [before = clock_.now() - kKeep](store::Transaction& tx) { return tx.erase_notices_before(before); };
  co_return co_await store_.write(std::move(forget));
}

}  // namespace latchkey::keyring

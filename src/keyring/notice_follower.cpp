#include "keyring/notice_follower.hpp"

namespace latchkey::keyring {

namespace {

constexpr std::size_t kAtOnce = 200;
constexpr std::size_t kForgottenAtOnce = 1000;  // the rest in the next turn
constexpr std::chrono::hours kForgetPeriod{1};
// Above the longest age of a lease: a node that was away for longer holds no lease.
constexpr std::chrono::hours kKeep{25};

}  // namespace

Result<NoticeFollower::Notices> NoticeFollower::read(store::Transaction& tx, std::optional<std::int64_t> seen) {
  Notices notices;
  if (!seen) {
    LATCHKEY_TRY(notices.last, tx.last_notice());
    return notices;
  }
  notices.last = *seen;
  LATCHKEY_TRY(notices.rows, tx.notices_after(*seen, kAtOnce));
  if (!notices.rows.empty()) notices.last = notices.rows.back().sequence;
  return notices;
}

Task<Result<void>> NoticeFollower::follow() {
  auto asked_at = clock_.age_time();
  auto look = [seen = seen_](store::Transaction& tx) { return read(tx, seen); };
  // As a look-up, so that no tenant's lists delay the end of access here.
  LATCHKEY_CO_TRY(auto notices, co_await store_.look_up(std::move(look)));
  for (const auto& notice : notices.rows) {
    LATCHKEY_CO_TRYV(co_await follow(notice));
    seen_ = notice.sequence;
  }
  seen_ = notices.last;
  if (notices.rows.size() < kAtOnce) note_followed(asked_at);
  co_return co_await forget_old();
}

Task<Result<void>> NoticeFollower::follow(store::Notice notice) {
  switch (notice.kind) {
    case store::NoticeKind::ForgetKey:
      keyring_.evict(notice.external_key_id);
      break;
    case store::NoticeKind::RowsChanged:
      store_.changes().note(notice.organization);
      break;
    case store::NoticeKind::ForgetDataKeys:
      co_return co_await forget_destroyed(notice.compartment);
  }
  co_return success();
}

// A node that has not followed for long may have missed notices that are forgotten by now.
void NoticeFollower::note_followed(AgeTime asked_at) {
  auto& changes = store_.changes();
  if (!changes.is_trusted(asked_at)) changes.note_all();
  changes.known_up_to(asked_at);
}

// Goes page by page, because a workspace may have any number of data keys.
Task<Result<void>> NoticeFollower::forget_destroyed(Uuid compartment) {
  store::ListWindow window;
  window.limit = kAtOnce;
  for (bool more = true; more;) {
    auto list = [compartment, window](store::Transaction& tx) { return tx.list_data_keys(compartment, window); };
    LATCHKEY_CO_TRY(auto page, co_await store_.look_up(std::move(list)));
    std::vector<RawId> ids;
    for (const auto& key : page.rows) {
      if (key.state == store::DataKeyState::Destroyed) ids.push_back(key.id);
    }
    keyring_.forget(compartment, ids);
    more = page.has_more;
    if (more) window.after = {format_id(id_prefix::kDataKey, page.rows.back().id), page.rows.back().created_at};
  }
  co_return success();
}

Task<Result<void>> NoticeFollower::forget_old() {
  if (clock_.steady() < forget_at_) co_return success();
  forget_at_ = clock_.steady() + kForgetPeriod;
  auto forget = [before = clock_.now() - kKeep](store::Transaction& tx) {
    return tx.erase_notices_before(before, kForgottenAtOnce);
  };
  LATCHKEY_CO_TRY(auto forgotten, co_await store_.write(std::move(forget)));
  if (forgotten == kForgottenAtOnce) forget_at_ = clock_.steady();
  co_return success();
}

}  // namespace latchkey::keyring

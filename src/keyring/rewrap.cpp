#include "keyring/rewrap.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/background_task.hpp"
#include "base/log.hpp"
#include "base/mutex.hpp"
#include "base/timeout.hpp"
#include "envelope/wrapped_data_key.hpp"
#include "keyring/reasons.hpp"
#include "kms/key_errors.hpp"
#include "kms/reasons.hpp"

namespace latchkey::keyring {

namespace {

using std::chrono::milliseconds;
using store::RewrapState;

constexpr std::size_t kRewrapsOfAPage = 100;

// The keys of one service share a lane, for they share a budget. A key that is not counted has a lane of its own.
std::string lane_of(const kms::KeyLocation& location, const std::string& external_key_id) {
  auto scope = location.key().limit_scope();
  return scope.is_counted() ? scope.service() : external_key_id;
}

Error returned_another(const store::DataKey& row) {
  return Error{
      ErrorCode::Corrupt,
      fmt::format(
          "What the key wrapped did not come back the same when it was unwrapped: data key {} was left as it was",
          format_id(id_prefix::kDataKey, row.id)),
      kms::reason::kRoundTripMismatch, "Validate the key, then start the rewrap again."};
}

Error some_damaged(std::size_t damaged) {
  return Error{ErrorCode::Corrupt,
               fmt::format("{} wrapped data keys do not open and were left as they were; all others are under the "
                           "newest version. The server's log names them. Do not disable the old version.",
                           damaged),
               reason::kDataKeyCorrupt};
}

}  // namespace

class Rewrapper::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(store::Store& store, kms::KeyProvider& provider, const Clock& clock, boost::asio::any_io_executor executor,
       std::shared_ptr<kms::Sleeper> sleeper, RewrapSettings settings, RewrapHooks hooks)
      : store_(store),
        provider_(provider),
        clock_(clock),
        executor_(std::move(executor)),
        sleeper_(std::move(sleeper)),
        settings_(settings),
        hooks_(std::move(hooks)) {}

  void begin(const store::ExternalKey& key);
  Task<Result<void>> begin_all();
  void stop() { stopping_ = true; }

 private:
  // The work at one vault: its keys come one after the other, one call at a time.
  struct Lane {
    std::deque<store::ExternalKey> keys;
    SteadyTime next_call;
  };
  // One key's rewrap, while it runs.
  struct Work {
    store::ExternalKey key;
    kms::KeyLocation location;
    std::shared_ptr<Lane> lane;
    store::Rewrap rewrap;
    std::optional<RawId> after;
    std::size_t damaged = 0;
    milliseconds pause{0};
  };

  // Rewraps the next key of the lane; ends the lane's task where there is none.
  [[nodiscard]] Task<BackgroundTask::Wait> run_once(std::string vault, std::shared_ptr<Lane> lane);
  [[nodiscard]] Task<bool> is_running(std::string key_id);
  [[nodiscard]] Task<Result<void>> rewrap_key(std::shared_ptr<Work> work);
  // The row as it is now, and the next data key.
  struct Step {
    std::optional<store::Rewrap> rewrap;
    std::optional<store::DataKey> row;
    std::optional<Error> forbidden;  // the error of the access check
  };
  [[nodiscard]] Task<Result<Step>> next(std::shared_ptr<Work> work);
  [[nodiscard]] Task<Result<void>> rewrap_row(std::shared_ptr<Work> work, store::DataKey row);
  [[nodiscard]] Task<Result<crypto::SecretBytes>> unwrap(std::shared_ptr<Work> work, kms::Binding binding,
                                                         kms::WrappedKey wrapped);
  [[nodiscard]] Task<Result<void>> follow_newest(std::shared_ptr<Work> work);
  [[nodiscard]] Task<Result<void>> forget_error(std::shared_ptr<Work> work);
  [[nodiscard]] Task<Result<void>> wait_out(std::shared_ptr<Work> work, Error error);
  [[nodiscard]] Task<Result<void>> end(std::shared_ptr<Work> work, std::optional<Error> error);
  // Puts the row, unless a person has paused it meanwhile.
  [[nodiscard]] Task<Result<void>> put_if_running(store::Rewrap rewrap);
  [[nodiscard]] Task<void> take_turn(std::shared_ptr<Work> work);
  [[nodiscard]] Deadline deadline() const { return clock_.steady() + settings_.kms_timeout; }

  store::Store& store_;
  kms::KeyProvider& provider_;
  const Clock& clock_;
  boost::asio::any_io_executor executor_;
  std::shared_ptr<kms::Sleeper> sleeper_;
  RewrapSettings settings_;
  RewrapHooks hooks_;
  std::atomic<bool> stopping_{false};
  Mutex mutex_;  // over the keys of the lanes, too
  std::map<std::string, std::shared_ptr<Lane>> lanes_ LATCHKEY_GUARDED_BY(mutex_);
  std::set<std::string> under_way_ LATCHKEY_GUARDED_BY(mutex_);
};

void Rewrapper::Impl::begin(const store::ExternalKey& key) {
  auto location = hooks_.locate(key);
  if (!location) {
    spdlog::error("rewrap of {}: {}", key.id, describe(location.error()));
    return;
  }
  auto vault = lane_of(location.value(), key.id);
  std::shared_ptr<Lane> idle;
  {
    MutexLock lock(mutex_);
    if (!under_way_.insert(key.id).second) return;
    auto& lane = lanes_[vault];
    if (!lane) idle = lane = std::make_shared<Lane>();
    lane->keys.push_back(key);
  }
  if (!idle) return;
  auto work = [self = shared_from_this(), vault, idle] { return self->run_once(vault, idle); };
  BackgroundTask::start(executor_, milliseconds(0), std::move(work));
}

Task<Result<void>> Rewrapper::Impl::begin_all() {
  struct Page {
    std::vector<store::Rewrap> rewraps;
    std::vector<store::ExternalKey> keys;
  };
  std::optional<store::Rewrap> last;
  for (;;) {
    auto find = [last](store::Transaction& tx) -> Result<Page> {
      Page page;
      LATCHKEY_TRY(page.rewraps, tx.list_running_rewraps(last, kRewrapsOfAPage));
      for (const auto& rewrap : page.rewraps) {
        LATCHKEY_TRY(auto key, tx.find_external_key(rewrap.organization, rewrap.external_key_id));
        if (key) page.keys.push_back(std::move(*key));
      }
      return page;
    };
    LATCHKEY_CO_TRY(auto page, co_await store_.read(std::move(find)));
    for (const auto& key : page.keys) begin(key);
    if (page.rewraps.empty()) co_return success();
    last = std::move(page.rewraps.back());
  }
}

Task<BackgroundTask::Wait> Rewrapper::Impl::run_once(std::string vault, std::shared_ptr<Lane> lane) {
  auto work = std::make_shared<Work>();
  {
    MutexLock lock(mutex_);
    if (lane->keys.empty()) {
      lanes_.erase(vault);
      co_return std::nullopt;
    }
    work->key = std::move(lane->keys.front());
    lane->keys.pop_front();
  }
  auto id = work->key.id;
  work->lane = lane;
  std::function<Task<Result<void>>()> task = [self = shared_from_this(), work] { return self->rewrap_key(work); };
  auto run = guarded(std::move(task));
  auto done = co_await run();
  if (!done) spdlog::error("rewrap of {}: {}", id, describe(done.error()));
  {
    MutexLock lock(mutex_);
    under_way_.erase(id);
  }
  // An admin may have started the rewrap again while this one ended.
  if (done && co_await is_running(id)) begin(work->key);
  co_return milliseconds(0);
}

Task<bool> Rewrapper::Impl::is_running(std::string key_id) {
  if (stopping_) co_return false;
  auto look = [key_id = std::move(key_id)](store::Transaction& tx) { return tx.find_rewrap(key_id); };
  auto rewrap = co_await store_.read(std::move(look));
  co_return rewrap&& rewrap.value() && rewrap.value()->state == RewrapState::Running;
}

Task<Result<void>> Rewrapper::Impl::rewrap_key(std::shared_ptr<Work> work) {
  LATCHKEY_CO_TRY(work->location, hooks_.locate(work->key));
  for (;;) {
    if (stopping_) co_return success();
    auto step = co_await next(work);
    if (!step) {
      // The store failed. The next start finds what is Running there again, if this does not.
      if (!kms::is_outage(step.error())) co_return step.error();
      co_await sleeper_->sleep_for(settings_.first_pause);
      continue;
    }
    auto& [rewrap, row, forbidden] = step.value();
    if (!rewrap || rewrap->state != RewrapState::Running) co_return success();
    work->rewrap = *rewrap;
    if (!row) {
      std::optional<Error> error;
      if (work->damaged > 0) error = some_damaged(work->damaged);
      co_return co_await end(work, std::move(error));
    }
    if (forbidden) co_return co_await end(work, std::move(forbidden));
    auto id = row->id;
    auto done = co_await rewrap_row(work, std::move(*row));
    if (done) {
      work->after = id;
      work->pause = milliseconds(0);
      if (work->rewrap.error) {
        LATCHKEY_CO_TRYV(co_await forget_error(work));
      }
    } else if (done.error().code == ErrorCode::Corrupt && done.error().reason != kms::reason::kRoundTripMismatch) {
      spdlog::critical("integrity alarm: rewrap of {}: data key {}: {}", work->key.id,
                       format_id(id_prefix::kDataKey, id), describe(done.error()));
      ++work->damaged;
      work->after = id;
    } else if (kms::is_outage(done.error())) {
      LATCHKEY_CO_TRYV(co_await wait_out(work, done.error()));
    } else {
      co_return co_await end(work, done.error());
    }
  }
}

Task<Result<Rewrapper::Impl::Step>> Rewrapper::Impl::next(std::shared_ptr<Work> work) {
  auto look = [key = work->key.id, after = work->after,
               access_check = hooks_.access_check](store::Transaction& tx) -> Result<Step> {
    Step step;
    LATCHKEY_TRY(step.rewrap, tx.find_rewrap(key));
    if (!step.rewrap) return step;
    LATCHKEY_TRY(auto rows, tx.wrapped_under_others(key, step.rewrap->target_version, after, 1));
    if (rows.empty()) return step;
    step.row = std::move(rows.front());
    if (!access_check) return step;
    auto access = access_check(tx, step.rewrap->organization, key);
    if (access) return step;
    if (kms::is_outage(access.error())) return access.error();
    step.forbidden = access.error();
    return step;
  };
  co_return co_await store_.read(std::move(look));
}

Task<Result<void>> Rewrapper::Impl::rewrap_row(std::shared_ptr<Work> work, store::DataKey row) {
  kms::WrappedKey before{row.key_version, row.wrapped};
  kms::Binding bound_to{row.organization, row.compartment, row.id};
  LATCHKEY_CO_TRY(auto payload, co_await unwrap(work, bound_to, std::move(before)));
  envelope::DataKeyBinding binding{row.organization, row.compartment, row.id};
  auto opened = envelope::open_wrap_payload(binding, payload);
  if (!opened) co_return opened.error();
  if (row.key_check && envelope::key_check(opened.value()) != *row.key_check) {
    co_return Error{ErrorCode::Corrupt, "it unwraps to another key than the one that was wrapped",
                    reason::kDataKeyCheck};
  }
  co_await take_turn(work);
  LATCHKEY_CO_TRY(auto wrapped, co_await provider_.wrap(work->location, bound_to, payload, deadline()));
  // Wrapping proves nothing: a disabled key may still wrap.
  LATCHKEY_CO_TRY(auto returned, co_await unwrap(work, bound_to, wrapped));
  if (!crypto::equal_constant_time(payload.reveal(), returned.reveal())) co_return returned_another(row);
  auto version = wrapped.key_version;
  auto replace = [row, wrapped = std::move(wrapped), now = clock_.now(), access_check = hooks_.access_check,
                  organization = work->rewrap.organization,
                  key = work->key.id](store::Transaction& tx) -> Result<bool> {
    if (access_check) {
      LATCHKEY_TRYV(access_check(tx, organization, key));
    }
    return tx.rewrap_data_key(row, wrapped.key_version, wrapped.ciphertext, now);
  };
  // Where the transaction replaced nothing, another node has rewrapped the data key, or an admin has destroyed it.
  // Either way this data key is done.
  LATCHKEY_CO_TRYV(co_await store_.write(std::move(replace)));
  if (version == work->rewrap.target_version) co_return success();
  co_return co_await follow_newest(work);
}

Task<Result<crypto::SecretBytes>> Rewrapper::Impl::unwrap(std::shared_ptr<Work> work, kms::Binding binding,
                                                          kms::WrappedKey wrapped) {
  co_await take_turn(work);
  LATCHKEY_CO_TRY(auto unwrapped, co_await provider_.unwrap(work->location, binding, wrapped, deadline()));
  co_return std::move(unwrapped.secret);
}

// The customer rotated the key once more in the meantime: all data keys go under that version.
Task<Result<void>> Rewrapper::Impl::follow_newest(std::shared_ptr<Work> work) {
  co_await take_turn(work);
  LATCHKEY_CO_TRY(auto newest, co_await provider_.describe(work->location, deadline()));
  if (newest.key_version == work->rewrap.target_version) {
    co_return Error{ErrorCode::KeyUnreachable,
                    fmt::format("The vault wrapped under another version than its newest, {}. It is tried again.",
                                newest.key_version),
                    kms::reason::kProviderFault};
  }
  auto rewrap = work->rewrap;
  rewrap.target_version = newest.key_version;
  rewrap.updated_at = clock_.now();
  LATCHKEY_CO_TRYV(co_await put_if_running(std::move(rewrap)));
  work->after.reset();
  work->damaged = 0;
  co_return success();
}

// The outage is over.
Task<Result<void>> Rewrapper::Impl::forget_error(std::shared_ptr<Work> work) {
  auto forget = [id = work->key.id, now = clock_.now()](store::Transaction& tx) -> Result<void> {
    LATCHKEY_TRY(auto current, tx.find_rewrap(id));
    if (!current || current->state != RewrapState::Running) return success();
    current->error.reset();
    current->reason.reset();
    current->updated_at = now;
    return tx.put(*current);
  };
  co_return co_await store_.write(std::move(forget));
}

Task<Result<void>> Rewrapper::Impl::wait_out(std::shared_ptr<Work> work, Error error) {
  work->pause = std::clamp(work->pause * 2, settings_.first_pause, settings_.longest_pause);
  if (error.retry_after) work->pause = std::clamp(*error.retry_after, work->pause, settings_.longest_pause);
  spdlog::warn("rewrap of {} waits {} s: {}", work->key.id,
               std::chrono::duration_cast<std::chrono::seconds>(work->pause).count(), describe(error));
  auto rewrap = work->rewrap;
  rewrap.error = error.message();
  rewrap.reason = std::string(error.reason.code());
  rewrap.updated_at = clock_.now();
  auto noted = co_await put_if_running(std::move(rewrap));
  if (!noted && !kms::is_outage(noted.error())) co_return noted;
  co_await sleeper_->sleep_for(work->pause);
  co_return success();
}

Task<Result<void>> Rewrapper::Impl::end(std::shared_ptr<Work> work, std::optional<Error> error) {
  auto rewrap = work->rewrap;
  rewrap.state = error ? RewrapState::Stopped : RewrapState::Completed;
  rewrap.error = error ? std::optional(error->message()) : std::nullopt;
  rewrap.reason = error ? std::optional(std::string(error->reason.code())) : std::nullopt;
  rewrap.updated_at = clock_.now();
  if (error) {
    spdlog::warn("rewrap of {} stopped: {}", work->key.id, describe(*error));
  } else {
    spdlog::info("rewrap of {}: every data key is under {}", work->key.id, rewrap.target_version);
  }
  co_return co_await put_if_running(std::move(rewrap));
}

Task<Result<void>> Rewrapper::Impl::put_if_running(store::Rewrap rewrap) {
  auto put = [rewrap = std::move(rewrap), record = hooks_.record_end](store::Transaction& tx) -> Result<void> {
    LATCHKEY_TRY(auto current, tx.find_rewrap(rewrap.external_key_id));
    if (!current || current->state != RewrapState::Running) return success();
    LATCHKEY_TRYV(tx.put(rewrap));
    if (rewrap.state == RewrapState::Running || !record) return success();
    LATCHKEY_TRY(auto count, tx.count_wrapped(rewrap.external_key_id, rewrap.target_version));
    return record(tx, rewrap, count);
  };
  co_return co_await store_.write(std::move(put));
}

Task<void> Rewrapper::Impl::take_turn(std::shared_ptr<Work> work) {
  auto now = clock_.steady();
  auto& next_call = work->lane->next_call;
  auto turn = std::max(now, next_call);
  next_call = turn + std::chrono::nanoseconds(std::chrono::seconds(1)) / settings_.calls_per_second;
  if (turn <= now) co_return;
  co_await sleeper_->sleep_for(std::chrono::ceil<milliseconds>(turn - now));
}

Rewrapper::Rewrapper(store::Store& store, kms::KeyProvider& provider, const Clock& clock,
                     boost::asio::any_io_executor executor, std::shared_ptr<kms::Sleeper> sleeper,
                     RewrapSettings settings, RewrapHooks hooks)
    : impl_(std::make_shared<Impl>(store, provider, clock, std::move(executor), std::move(sleeper), settings,
                                   std::move(hooks))) {}

Rewrapper::~Rewrapper() {
  impl_->stop();
}

void Rewrapper::begin(const store::ExternalKey& key) {
  impl_->begin(key);
}

Task<Result<void>> Rewrapper::begin_all() {
  return impl_->begin_all();
}

void Rewrapper::stop() {
  impl_->stop();
}

}  // namespace latchkey::keyring

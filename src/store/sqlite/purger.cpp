#include "store/sqlite/purger.hpp"

#include <algorithm>
#include <exception>
#include <span>

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "base/log.hpp"

namespace latchkey::store {

namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr int kRestsAfterSearch = 3;
constexpr int kRestsAfterMoment = 9;
constexpr int kRestsAfterRewrite = 49;
// How often a round tries to freeze the file, and how long it holds the writer at most while that waits for readers.
constexpr int kTries = 5;
constexpr milliseconds kLongestWait{100};
// A round does not wait for a longer rest: it tells its callers to come again.
constexpr seconds kLongestPause{15};
// The number of notes that one transaction erases.
constexpr std::size_t kAtOnce = 500;
// SQLite's default, in pages.
constexpr auto kCheckpointsOn = "PRAGMA wal_autocheckpoint = 1000";
constexpr auto kCheckpointsOff = "PRAGMA wal_autocheckpoint = 0";

bool is_destroyed(const NotedForm& form) {
  return form.destroyed;
}

void log_failure(const Error& error) {
  spdlog::warn("what data keys were before they were destroyed or rewrapped is still being searched for: {}",
               describe(error));
}

Error still_there(const std::string& path) {
  return Error{ErrorCode::Internal,
               fmt::format("Bytes that were destroyed are still in {}: they were written there more than once. Restore "
                           "no backup over it, and keep the file from others.",
                           path)};
}

}  // namespace

void Rest::begin(SteadyTime began, SteadyTime ended) {
  auto end = ended + (ended - began) * times_;
  end_ = end_ ? std::max(*end_, end) : end;
}

nanoseconds Rest::left(SteadyTime now) const {
  return end_ ? std::max(nanoseconds(*end_ - now), nanoseconds(0)) : nanoseconds(0);
}

Purger::Purger(std::unique_ptr<SqliteConnection> searcher, Lane& writer, milliseconds busy_timeout, PurgeHooks hooks)
    : searcher_(std::move(searcher)),
      writer_(writer),
      busy_timeout_(busy_timeout),
      hooks_(std::move(hooks)),
      after_search_(kRestsAfterSearch),
      after_moment_(kRestsAfterMoment),
      after_rewrite_(kRestsAfterRewrite) {}

Purger::~Purger() {
  stop();
  pool_.join();
}

void Purger::stop() {
  stop_.request_stop();
}

Result<void> Purger::refuse_if_stopped() const {
  if (stop_.stop_requested()) return purge_stopped(searcher_->path());
  return success();
}

Task<Result<void>> Purger::purge() {
  LATCHKEY_CO_TRYV(refuse_if_stopped());
  auto round = join_next();
  auto enlist = [round](std::function<void()> resume) {
    {
      MutexLock lock(round->mutex);
      if (!round->outcome) {
        round->waiters.push_back(std::move(resume));
        return;
      }
    }
    resume();
  };
  auto done = suspend(std::move(enlist));
  co_await std::move(done);
  MutexLock lock(round->mutex);
  co_return *round->outcome;
}

std::shared_ptr<Purger::Round> Purger::join_next() {
  MutexLock lock(mutex_);
  if (!next_) {
    next_ = std::make_shared<Round>();
    boost::asio::post(pool_, [this] { run_next(); });
  }
  return next_;
}

void Purger::run_next() {
  pause(after_search_.left(hooks_.now()));
  std::shared_ptr<Round> round;
  {
    // Callers that arrive from now on take the next round.
    MutexLock lock(mutex_);
    round = std::move(next_);
    next_.reset();
  }
  auto outcome = purge_and_catch();
  // Logs here, because many callers may wait for a round, or none.
  if (!outcome && !stop_.stop_requested()) log_failure(outcome.error());
  std::vector<std::function<void()>> waiters;
  {
    MutexLock lock(round->mutex);
    round->outcome = std::move(outcome);
    waiters.swap(round->waiters);
  }
  for (auto& resume : waiters) resume();
}

Result<void> Purger::purge_files() {
  LATCHKEY_TRY(auto found, search());
  if (found.empty()) return success();
  auto rewritten = rewrite_file();
  if (!rewritten) {
    if (stop_.stop_requested() || std::ranges::any_of(found, is_destroyed)) return rewritten;
    // No caller waits for replaced forms, and a later round searches for them again.
    log_failure(rewritten.error());
    return success();
  }
  LATCHKEY_TRY(auto left, search());
  std::erase_if(left, [](const NotedForm& form) { return !form.destroyed; });
  if (left.empty()) return success();
  // A note that was added since the first search may need another rewrite of the file.
  if (std::ranges::find_first_of(left, found) == left.end()) return rewritten_lately(after_rewrite_.left(hooks_.now()));
  return still_there(searcher_->path());
}

Result<void> Purger::purge_and_catch() {
  try {
    auto purged = purge_files();
    // The round may have ended before it froze the file again. Where this fails, the next round does it.
    auto on = [this](SqliteConnection& writer) { return switch_checkpoints_on(writer); };
    if (checkpoints_off_) (void)writer_.run_and_wait(std::move(on));
    return purged;
  } catch (const std::exception& thrown) {
    if (searcher_->in_transaction())
      (void)searcher_->execute("ROLLBACK");  // otherwise the next round fails to begin one
    return Error{ErrorCode::Internal,
                 fmt::format("A search of the database was given up after \"{}\".", thrown.what())};
  }
}

Result<std::vector<NotedForm>> Purger::search() {
  LATCHKEY_TRYV(freeze());
  auto began = hooks_.now();
  auto look = [&]() -> Result<std::pair<std::vector<NotedForm>, std::vector<NotedForm>>> {
    LATCHKEY_TRY(auto noted, noted_forms(*searcher_));
    hooks_.searching();
    LATCHKEY_TRY(auto found, find_in_file(*searcher_, noted, stop_.get_token()));
    return std::pair(std::move(noted), std::move(found));
  };
  auto looked = look();
  after_search_.begin(began, hooks_.now());
  // SQLite ends a read by itself where the disk fails.
  if (searcher_->in_transaction()) {
    LATCHKEY_TRYV(searcher_->execute("ROLLBACK"));
  }
  if (!looked) return looked.error();
  auto& [noted, found] = looked.value();
  // Copies what was written meanwhile to the file, before a writer's commit has to.
  LATCHKEY_TRYV(copy_wal());
  std::erase_if(noted,
                [&](const NotedForm& form) { return std::ranges::binary_search(found, form.id, {}, &NotedForm::id); });
  LATCHKEY_TRYV(forget(noted));
  return std::move(found);
}

Result<void> Purger::freeze() {
  auto wait = std::min(busy_timeout_ / kTries, kLongestWait);
  for (int i = 0; i < kTries; ++i) {
    LATCHKEY_TRYV(refuse_if_stopped());
    // Leaves little for the writer to copy.
    LATCHKEY_TRYV(copy_wal());
    auto attempt = [&](SqliteConnection& writer) -> Result<bool> {
      LATCHKEY_TRYV(switch_checkpoints_on(writer));
      writer.set_busy_timeout(wait);
      auto frozen = freeze_file(writer, *searcher_);
      writer.set_busy_timeout(busy_timeout_);
      return frozen;
    };
    LATCHKEY_TRY(bool frozen, hold_writer(std::move(attempt)));
    if (frozen) return success();
  }
  return kept_by_reader();
}

Result<void> Purger::forget(const std::vector<NotedForm>& searched) {
  for (std::span left(searched); !left.empty();) {
    auto some = left.first(std::min(left.size(), kAtOnce));
    left = left.subspan(some.size());
    LATCHKEY_TRYV(hold_writer([&](SqliteConnection& writer) { return forget_forms(writer, some); }));
  }
  return success();
}

Result<void> Purger::rewrite_file() {
  auto rest = after_rewrite_.left(hooks_.now());
  if (rest > kLongestPause) return rewritten_lately(rest);
  pause(rest);
  auto rewrite = [&](SqliteConnection& writer) -> Result<void> {
    LATCHKEY_TRYV(refuse_if_stopped());
    auto began = hooks_.now();
    hooks_.rewriting();
    // The commit would copy the whole -wal. This copies it while others write; freeze() switches SQLite's checkpoints
    // on again.
    checkpoints_off_ = true;
    LATCHKEY_TRYV(writer.execute(kCheckpointsOff));
    auto rewritten = writer.execute("VACUUM");
    if (!rewritten) (void)switch_checkpoints_on(writer);  // the caller gets the first failure
    after_rewrite_.begin(began, hooks_.now());
    return rewritten;
  };
  return writer_.run_and_wait(std::move(rewrite));
}

Result<void> Purger::switch_checkpoints_on(SqliteConnection& writer) {
  LATCHKEY_TRYV(writer.execute(kCheckpointsOn));
  checkpoints_off_ = false;
  return success();
}

// Copies as far as readers permit, and blocks nobody.
Result<void> Purger::copy_wal() {
  LATCHKEY_TRY([[maybe_unused]] auto busy, searcher_->query_integer("PRAGMA wal_checkpoint(PASSIVE)"));
  return success();
}

Error Purger::kept_by_reader() const {
  Error error{
      ErrorCode::Unavailable,
      fmt::format("The database {} is being read by another process, so that what was destroyed may still be in "
                  "its -wal. End what reads it (a backup?), then try again.",
                  searcher_->path())};
  error.retry_after = seconds(5);
  return error;
}

Error Purger::rewritten_lately(nanoseconds rest) const {
  Error error{ErrorCode::Unavailable,
              fmt::format("Bytes that were destroyed are still in {}. The file has to be written anew, which keeps "
                          "others from writing; it was done lately, and is done again in {} s.",
                          searcher_->path(), std::chrono::ceil<seconds>(rest).count())};
  error.retry_after = std::chrono::ceil<seconds>(rest);
  return error;
}

template <class Work>
auto Purger::hold_writer(Work work) -> std::invoke_result_t<Work, SqliteConnection&> {
  pause(after_moment_.left(hooks_.now()));
  if (stop_.stop_requested()) return purge_stopped(searcher_->path());
  return writer_.run_and_wait([&](SqliteConnection& writer) {
    auto began = hooks_.now();
    auto done = work(writer);
    after_moment_.begin(began, hooks_.now());
    return done;
  });
}

void Purger::pause(nanoseconds time) {
  if (time <= nanoseconds(0)) return;
  MutexLock lock(mutex_);
  stopping_.wait_for(mutex_, stop_.get_token(), time, [] { return false; });
}

}  // namespace latchkey::store

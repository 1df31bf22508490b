#include "library/sweeper.hpp"

#include <algorithm>
#include <csignal>
#include <set>
#include <system_error>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>

#include "base/mutex.hpp"

namespace latchkey::library {

namespace {

// A condition variable's wait stands still while the machine sleeps; leases go on.
constexpr std::chrono::seconds kLongestWait{5};
constexpr std::chrono::milliseconds kShortestWait{1};

// While it lives, new threads take no signals: signals belong to the program.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

struct Sweeper::State {
  explicit State(const Clock& its_clock) : clock(its_clock) {}

  void run() {
    MutexLock lock(mutex);
    while (!is_over) {
      is_woken = false;
      std::optional<AgeTime> next;
      for (auto* each : all) {
        if (auto ends_at = each->sweep()) next = std::min(next.value_or(*ends_at), *ends_at);
      }
      if (next) {
        auto left = *next - clock.age_time();
        changed.wait_for(mutex, std::clamp<AgeTime::duration>(left, kShortestWait, kLongestWait));
      } else {
        while (!is_woken && !is_over) changed.wait(mutex);
      }
    }
  }

  const Clock& clock;
  const pid_t process = ::getpid();
  Mutex mutex;  // held during a sweep, so that no LeasedKeys is destroyed meanwhile
  Condition changed;
  std::set<LeasedKeys*> all LATCHKEY_GUARDED_BY(mutex);
  bool is_woken LATCHKEY_GUARDED_BY(mutex) = false;
  bool is_over LATCHKEY_GUARDED_BY(mutex) = false;
  std::thread thread;
};

Result<std::unique_ptr<Sweeper>> Sweeper::start(const Clock& clock) {
  auto state = std::make_unique<State>(clock);
  try {
    SignalsBlocked blocked;
    state->thread = std::thread([own = state.get()] { own->run(); });
  } catch (const std::system_error& error) {
    return Error{ErrorCode::Unavailable,
                 fmt::format("the thread that wipes leased keys could not be started: {}", error.code().message())};
  }
  return std::unique_ptr<Sweeper>(new Sweeper(std::move(state)));
}

Sweeper::Sweeper(std::unique_ptr<State> state) : state_(std::move(state)) {}

Sweeper::~Sweeper() {
  if (!is_of_this_process()) {
    // A thread that the fork did not copy may hold its lock, and its own thread is not there to be joined.
    (void)state_.release();
    return;
  }
  {
    MutexLock lock(state_->mutex);
    state_->is_over = true;
  }
  state_->changed.notify_all();
  state_->thread.join();
}

bool Sweeper::is_of_this_process() const {
  return state_->process == ::getpid();
}

void Sweeper::add(LeasedKeys& keys) {
  if (!is_of_this_process()) return;
  MutexLock lock(state_->mutex);
  state_->all.insert(&keys);
}

void Sweeper::remove(LeasedKeys& keys) {
  if (!is_of_this_process()) return;
  MutexLock lock(state_->mutex);
  state_->all.erase(&keys);
}

void Sweeper::wake() {
  if (!is_of_this_process()) return;
  {
    MutexLock lock(state_->mutex);
    state_->is_woken = true;
  }
  state_->changed.notify_all();
}

}  // namespace latchkey::library

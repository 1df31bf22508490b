#include "http/name_check.hpp"

#include <deque>
#include <netdb.h>
#include <sys/socket.h>
#include <system_error>
#include <thread>

#include "base/mutex.hpp"

namespace latchkey::http {

namespace {
constexpr std::size_t kMaxThreads = 4;
}

// The threads share it, because they outlive the NameCheck where a lookup hangs.
struct NameCheck::State {
  struct Question {
    std::string host;
    Deadline deadline;
    OnResult on_result;
  };

  Resolver resolver;
  Mutex mutex;
  std::deque<Question> questions LATCHKEY_GUARDED_BY(mutex);
  std::size_t threads LATCHKEY_GUARDED_BY(mutex) = 0;
  bool closed LATCHKEY_GUARDED_BY(mutex) = false;
};

NameCheck::NameCheck(Resolver resolver) : state_(std::make_shared<State>()) {
  state_->resolver = std::move(resolver);
}

NameCheck::~NameCheck() {
  MutexLock lock(state_->mutex);
  state_->closed = true;
  state_->questions.clear();
}

bool NameCheck::ask(std::string host, Deadline deadline, OnResult on_result) {
  MutexLock lock(state_->mutex);
  if (state_->threads < kMaxThreads) {
    try {
      std::thread(work, state_).detach();
      ++state_->threads;
    } catch (const std::system_error&) {
      if (state_->threads == 0) return false;
    }
  }
  state_->questions.push_back({std::move(host), deadline, std::move(on_result)});
  return true;
}

void NameCheck::work(const std::shared_ptr<State>& state) {
  MutexLock lock(state->mutex);
  while (!state->questions.empty()) {
    auto question = std::move(state->questions.front());
    state->questions.pop_front();
    if (question.deadline <= std::chrono::steady_clock::now()) continue;
    bool unknown = [&] {
      state->mutex.assert_held();
      MutexRelease released(state->mutex);
      return state->resolver(question.host);
    }();
    // Called under the lock, so that the destructor cannot finish while `on_result` runs.
    if (!state->closed) question.on_result(unknown);
  }
  --state->threads;
}

bool NameCheck::ask_system(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  int status = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (found != nullptr) ::freeaddrinfo(found);
  return status == EAI_NONAME;
}

}  // namespace latchkey::http

#include "http/client.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <fstream>
#include <map>
#include <system_error>
#include <thread>

#include <curl/curl.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include "base/mutex.hpp"
#include "http/name_check.hpp"
#include "http/transfer.hpp"

namespace latchkey::http {

namespace {

using std::chrono::milliseconds;
constexpr milliseconds kLongestPoll{1000};
// libcurl gets this long after the deadline to end a transfer itself: its error says more about the cause.
constexpr milliseconds kGrace{20};

// Uses the machine's own steady clock, whatever clock the caller has: a wait for a response is no age of a key.
milliseconds left_until(Deadline deadline) {
  return std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now());
}

class CurlClient final : public Client {
 public:
  // `multi` is not null.
  CurlClient(ClientOptions options, ProxyTable proxies, CURLM* multi)
      : options_(std::move(options)), proxies_(std::move(proxies)), multi_(multi) {
    curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, static_cast<long>(options_.max_connections_per_host));
    thread_ = std::thread([this] { run(); });
  }
  CurlClient(const CurlClient&) = delete;
  CurlClient& operator=(const CurlClient&) = delete;

  ~CurlClient() override {
    stopping_ = true;
    curl_multi_wakeup(multi_);
    thread_.join();
    // Ends before the multi does: the result of a lookup wakes the multi.
    names_.reset();
    curl_multi_cleanup(multi_);
  }

  Task<Transfer::Outcome> send(ClientRequest request) override {
    if (auto error = unsendable(request)) co_return *error;
    auto outcome = std::make_shared<std::optional<Transfer::Outcome>>();
    auto shared = std::make_shared<ClientRequest>(std::move(request));
    auto begin = [this, outcome, shared](std::function<void()> resume) {
      auto complete = [resume = std::move(resume), outcome](Transfer::Outcome result) {
        outcome->emplace(std::move(result));
        resume();
      };
      submit(std::make_unique<Transfer>(std::move(*shared), std::move(complete)));
    };
    auto done = suspend(std::move(begin));
    co_await std::move(done);
    co_return std::move(**outcome);
  }

 private:
  using Owned = std::unique_ptr<Transfer>;

  void submit(Owned transfer) {
    {
      MutexLock lock(mutex_);
      queue_.push_back(std::move(transfer));
    }
    curl_multi_wakeup(multi_);
  }

  // Everything below runs on the client's thread.
  void run() {
    while (!stopping_) {
      start_queued();
      int running = 0;
      curl_multi_perform(multi_, &running);
      finish_done();
      finish_late();
      finish_checked();
      curl_multi_poll(multi_, nullptr, 0, static_cast<int>(poll_time().count()), nullptr);
    }
    interrupt_all();
  }

  void interrupt_all() {
    auto interrupt = [](Transfer& transfer) {
      transfer.finish(TransportError{TransportFailure::Interrupted, "the client is shutting down"});
    };
    for (auto& transfer : take_queue()) interrupt(*transfer);
    for (auto& [easy, transfer] : active_) {
      curl_multi_remove_handle(multi_, easy);
      interrupt(*transfer);
    }
    active_.clear();
    for (auto& [question, transfer] : checking_) interrupt(*transfer);
    checking_.clear();
  }

  std::deque<Owned> take_queue() {
    MutexLock lock(mutex_);
    return std::exchange(queue_, {});
  }

  std::map<std::uint64_t, bool> take_name_results() {
    MutexLock lock(mutex_);
    return std::exchange(name_results_, {});
  }

  void start_queued() {
    for (auto& transfer : take_queue()) start(std::move(transfer));
  }

  void start(Owned transfer) {
    auto left = left_until(transfer->deadline());
    if (left.count() <= 0) {
      transfer->finish(
          TransportError{TransportFailure::TimedOut, fmt::format("no time was left to call {}", transfer->host())});
      return;
    }
    auto* easy = transfer->prepare(options_, proxies_.proxy_for(transfer->url()), left);
    if (easy == nullptr || curl_multi_add_handle(multi_, easy) != CURLM_OK) {
      transfer->finish(TransportError{TransportFailure::Interrupted, "libcurl could not take the request"});
      return;
    }
    active_.emplace(easy, std::move(transfer));
  }

  void finish_done() {
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      auto* easy = message->easy_handle;
      auto code = message->data.result;
      curl_multi_remove_handle(multi_, easy);
      auto node = active_.extract(easy);
      if (code == CURLE_COULDNT_RESOLVE_HOST) {
        check_name(std::move(node.mapped()));
      } else {
        node.mapped()->finish(node.mapped()->outcome(code));
      }
    }
  }

  // libcurl 7.88 does not check the time of a transfer that waits for a free connection.
  void finish_late() {
    for (auto it = active_.begin(); it != active_.end();) {
      auto& [easy, transfer] = *it;
      bool late = left_until(transfer->deadline()) <= -kGrace;
      if (late) {
        curl_multi_remove_handle(multi_, easy);
        transfer->finish(TransportError{TransportFailure::TimedOut,
                                        fmt::format("{} did not answer before the deadline", transfer->host())});
      }
      it = late ? active_.erase(it) : std::next(it);
    }
  }

  // Looks the name up once more: libcurl does not tell "no such name" from "no response".
  void check_name(Owned transfer) {
    auto question = next_question_++;
    auto on_result = [this, question](bool unknown) {
      {
        MutexLock lock(mutex_);
        name_results_.emplace(question, unknown);
      }
      curl_multi_wakeup(multi_);
    };
    if (names_->ask(transfer->host(), transfer->deadline(), std::move(on_result))) {
      checking_.emplace(question, std::move(transfer));
    } else {
      finish_lookup(*transfer, false);
    }
  }

  void finish_checked() {
    for (auto [question, unknown] : take_name_results()) {
      auto node = checking_.extract(question);
      if (!node.empty()) finish_lookup(*node.mapped(), unknown);
    }
    for (auto it = checking_.begin(); it != checking_.end();) {
      bool late = left_until(it->second->deadline()).count() <= 0;
      if (late) finish_lookup(*it->second, false);
      it = late ? checking_.erase(it) : std::next(it);
    }
  }

  static void finish_lookup(Transfer& transfer, bool unknown) {
    auto host = transfer.host();
    transfer.finish(unknown ? TransportError{TransportFailure::UnknownName, fmt::format("there is no host {}", host)}
                            : TransportError{TransportFailure::LookupFailed,
                                             fmt::format("the name {} could not be looked up", host)});
  }

  milliseconds poll_time() const {
    auto time = kLongestPoll;
    for (const auto& [question, transfer] : checking_) time = std::min(time, left_until(transfer->deadline()));
    for (const auto& [easy, transfer] : active_) time = std::min(time, left_until(transfer->deadline()) + kGrace);
    return std::max(time, milliseconds(1));
  }

  const ClientOptions options_;
  const ProxyTable proxies_;
  CURLM* const multi_;
  std::unique_ptr<NameCheck> names_ = std::make_unique<NameCheck>();
  std::atomic<bool> stopping_{false};
  Mutex mutex_;
  std::deque<Owned> queue_ LATCHKEY_GUARDED_BY(mutex_);
  std::map<std::uint64_t, bool> name_results_ LATCHKEY_GUARDED_BY(mutex_);
  // Only the client's thread uses these.
  std::map<CURL*, Owned> active_;
  std::map<std::uint64_t, Owned> checking_;
  std::uint64_t next_question_ = 0;
  std::thread thread_;
};

// Without this check every call would fail, and blame the host that it called.
Result<void> check_ca_file(const std::string& path) {
  if (path.empty()) return success();
  if (!std::ifstream(path).good()) {
    return Error{ErrorCode::Invalid, fmt::format("the file of trusted authorities {} cannot be read", path)};
  }
  std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store(X509_STORE_new(), X509_STORE_free);
  bool holds_any = store && X509_STORE_load_file(store.get(), path.c_str()) == 1;
  ERR_clear_error();
  if (holds_any) return success();
  return Error{
      ErrorCode::Invalid,
      fmt::format("the file of trusted authorities {} holds no certificates in PEM (BEGIN CERTIFICATE)", path)};
}

}  // namespace

Result<std::unique_ptr<Client>> make_curl_client(ClientOptions options) {
  static const CURLcode kReady = curl_global_init(CURL_GLOBAL_DEFAULT);
  LATCHKEY_TRYV(check_ca_file(options.ca_file));
  LATCHKEY_TRY(auto proxies, ProxyTable::create(options.proxy));
  CURLM* multi = kReady == CURLE_OK ? curl_multi_init() : nullptr;
  if (multi == nullptr) return Error{ErrorCode::Unavailable, "libcurl could not be set up: there is no memory for it"};
  try {
    return std::unique_ptr<Client>(std::make_unique<CurlClient>(std::move(options), std::move(proxies), multi));
  } catch (const std::system_error& error) {
    curl_multi_cleanup(multi);
    return Error{ErrorCode::Unavailable,
                 fmt::format("the HTTP client's thread could not be started: {}", error.code().message())};
  }
}

}  // namespace latchkey::http

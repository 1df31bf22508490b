#include "http/client.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <deque>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <netdb.h>
#include <sys/socket.h>
#include <thread>

#include <boost/algorithm/string/predicate.hpp>
#include <boost/algorithm/string/trim.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <curl/curl.h>
#include <fmt/format.h>

namespace latchkey::http {

namespace {

using Outcome = Result<ClientResponse, TransportError>;

constexpr int kPollMilliseconds = 1000;
constexpr std::size_t kMaxResponseHead = 64 * 1024;

// The whole life of one request, owned by the curl thread from submit to completion.
struct Transfer {
  ClientRequest request;
  std::function<void(Outcome)> complete;
  AddressPolicy policy = AddressPolicy::PublicOnly;

  CURL* easy = nullptr;
  curl_slist* header_list = nullptr;
  ClientResponse response;
  std::size_t head_bytes = 0;
  bool too_large = false;
  std::string refused_address;
  std::string proxy_status;  // of the proxy's answer to CONNECT
  char error_text[CURL_ERROR_SIZE] = {};

  Transfer() = default;
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer() {
    if (easy != nullptr) curl_easy_cleanup(easy);
    curl_slist_free_all(header_list);
  }
};

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  auto bytes = size * count;
  if (transfer.response.body.size() + bytes > transfer.request.max_response_bytes) {
    transfer.too_large = true;
    return 0;
  }
  transfer.response.body.append(data, bytes);
  return bytes;
}

// Called for every header line, of interim answers and of the proxy's too: a status line starts the next head.
std::size_t take_header(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  auto bytes = size * count;
  transfer.head_bytes += bytes;
  if (transfer.head_bytes > kMaxResponseHead) {
    transfer.too_large = true;
    return 0;
  }
  std::string_view line(data, bytes);
  if (line.starts_with("HTTP/")) {
    transfer.response.headers = Headers();
    return bytes;
  }
  auto colon = line.find(':');
  if (colon == std::string_view::npos) return bytes;
  auto value = boost::trim_copy(std::string(line.substr(colon + 1)));
  if (boost::iequals(line.substr(0, colon), "proxy-status")) transfer.proxy_status = value;
  transfer.response.headers.add(std::string(line.substr(0, colon)), std::move(value));
  return bytes;
}

boost::asio::ip::address address_of(const curl_sockaddr& target) {
  if (target.family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &target.addr, sizeof in);
    return boost::asio::ip::address_v4(ntohl(in.sin_addr.s_addr));
  }
  sockaddr_in6 in6{};
  std::memcpy(&in6, &target.addr, std::min(sizeof in6, static_cast<std::size_t>(target.addrlen)));
  boost::asio::ip::address_v6::bytes_type bytes;
  std::memcpy(bytes.data(), &in6.sin6_addr, bytes.size());
  return boost::asio::ip::address_v6(bytes);
}

// The socket is made for exactly the address that curl connects it to: what is checked here is what is connected.
curl_socket_t open_socket(void* user, curlsocktype, curl_sockaddr* target) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (transfer.policy == AddressPolicy::PublicOnly) {
    bool internet = target->family == AF_INET || target->family == AF_INET6;
    auto address = internet ? address_of(*target) : boost::asio::ip::address();
    if (!internet || !is_public_address(address)) {
      transfer.refused_address = internet ? address.to_string() : "a local socket";
      return CURL_SOCKET_BAD;
    }
  }
  return ::socket(target->family, target->socktype | SOCK_CLOEXEC, target->protocol);
}

std::string host_of(const std::string& url) {
  std::string host = url;
  if (CURLU* parts = curl_url()) {
    char* text = nullptr;
    if (curl_url_set(parts, CURLUPART_URL, url.c_str(), 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &text, 0) == CURLUE_OK) {
      host = text;
      curl_free(text);
    }
    curl_url_cleanup(parts);
  }
  return host;
}

bool clean(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

// What would let a caller's text become a header or a request of its own.
std::optional<TransportError> unsendable(const ClientRequest& request) {
  auto bad = [](std::string message) { return TransportError{TransportFailure::BadRequest, std::move(message)}; };
  bool web = request.url.starts_with("https://") || request.url.starts_with("http://");
  if (!web || !clean(request.url)) return bad("the URL is not an http or https URL that can be sent");
  bool word = !request.method.empty() &&
              std::all_of(request.method.begin(), request.method.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  if (!word) return bad("the method is not a word in upper case");
  for (const auto& [name, value] : request.headers) {
    if (name.empty() || !clean(name) || name.find(':') != std::string::npos || !clean(value)) {
      return bad(fmt::format("the header {} cannot be sent", clean(name) ? name : "?"));
    }
  }
  return std::nullopt;
}

// True where the resolver says that the name does not exist, rather than failing to say. Blocks.
bool name_unknown(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  int status = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (found != nullptr) ::freeaddrinfo(found);
  return status == EAI_NONAME;
}

TransportFailure failure_of(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return TransportFailure::LookupFailed;
    case CURLE_COULDNT_CONNECT:
      return TransportFailure::ConnectFailed;
    case CURLE_OPERATION_TIMEDOUT:
      return TransportFailure::TimedOut;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
      return TransportFailure::TlsFailed;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
      return TransportFailure::ProxyFailed;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
      return TransportFailure::BadRequest;
    default:
      return TransportFailure::Interrupted;
  }
}

}  // namespace

class CurlClient final : public Client {
 public:
  explicit CurlClient(ClientOptions options) : options_(std::move(options)), multi_(curl_multi_init()) {
    curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, static_cast<long>(options_.max_connections_per_host));
    curl_multi_setopt(multi_, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_MULTIPLEX));
    thread_ = std::thread([this] { run(); });
  }

  ~CurlClient() override {
    stopping_ = true;
    curl_multi_wakeup(multi_);
    thread_.join();
    lookups_.join();
    curl_multi_cleanup(multi_);
  }

  Task<Outcome> send(ClientRequest request) override {
    if (auto error = unsendable(request)) co_return *error;
    auto outcome = std::make_shared<std::optional<Outcome>>();
    auto transfer = std::make_shared<std::unique_ptr<Transfer>>(std::make_unique<Transfer>());
    (*transfer)->request = std::move(request);
    auto begin = [this, outcome, transfer](std::function<void()> resume) {
      (*transfer)->complete = [resume = std::move(resume), outcome](Outcome result) {
        outcome->emplace(std::move(result));
        resume();
      };
      submit(std::move(*transfer));
    };
    auto done = suspend(std::move(begin));
    co_await std::move(done);
    co_return std::move(**outcome);
  }

 private:
  void submit(std::unique_ptr<Transfer> transfer) {
    {
      std::lock_guard lock(mutex_);
      queue_.push_back(std::move(transfer));
    }
    curl_multi_wakeup(multi_);
  }

  void run() {
    while (!stopping_) {
      start_queued();
      int running = 0;
      curl_multi_perform(multi_, &running);
      finish_done();
      curl_multi_poll(multi_, nullptr, 0, kPollMilliseconds, nullptr);
    }
    start_queued();
    for (auto& [easy, transfer] : active_) {
      curl_multi_remove_handle(multi_, easy);
      transfer->complete(TransportError{TransportFailure::Interrupted, "the client is shutting down"});
    }
    active_.clear();
  }

  void start_queued() {
    std::deque<std::unique_ptr<Transfer>> queue;
    {
      std::lock_guard lock(mutex_);
      queue.swap(queue_);
    }
    for (auto& transfer : queue) start(std::move(transfer));
  }

  void start(std::unique_ptr<Transfer> transfer) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(transfer->request.deadline -
                                                                      std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      transfer->complete(TransportError{TransportFailure::TimedOut,
                                        fmt::format("no time was left to call {}", host_of(transfer->request.url))});
      return;
    }
    prepare(*transfer, left);
    auto* easy = transfer->easy;
    active_.emplace(easy, std::move(transfer));
    curl_multi_add_handle(multi_, easy);
  }

  void prepare(Transfer& transfer, std::chrono::milliseconds left) {
    auto* easy = transfer.easy = curl_easy_init();
    const auto& request = transfer.request;
    curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(left.count()));
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(left.count()));
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.error_text);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, options_.user_agent.c_str());
    // Both set, even if empty, so that the environment's proxy variables have no say.
    curl_easy_setopt(easy, CURLOPT_PROXY, options_.proxy.c_str());
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    if (!options_.ca_file.empty()) {
      curl_easy_setopt(easy, CURLOPT_CAINFO, options_.ca_file.c_str());
      curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
    }
    transfer.policy = options_.proxy.empty() ? options_.address_policy : AddressPolicy::Any;
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
    prepare_message(transfer);
  }

  static void prepare_message(Transfer& transfer) {
    auto* easy = transfer.easy;
    const auto& request = transfer.request;
    if (request.method == "HEAD") {
      curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else {
      curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }
    bool has_body =
        !request.body.empty() || request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
    if (has_body) {
      curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
    }
    for (const auto& [name, value] : request.headers) {
      auto line = value.empty() ? fmt::format("{};", name) : fmt::format("{}: {}", name, value);
      transfer.header_list = curl_slist_append(transfer.header_list, line.c_str());
    }
    // Left to itself curl names a form type, and waits for a 100 that not every server sends.
    if (has_body && !request.headers.has("content-type")) {
      transfer.header_list = curl_slist_append(transfer.header_list, "Content-Type:");
    }
    transfer.header_list = curl_slist_append(transfer.header_list, "Expect:");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer.header_list);
  }

  void finish_done() {
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      auto* easy = message->easy_handle;
      auto code = message->data.result;
      curl_multi_remove_handle(multi_, easy);
      auto node = active_.extract(easy);
      finish(std::move(node.mapped()), code);
    }
  }

  void finish(std::unique_ptr<Transfer> transfer, CURLcode code) {
    if (code == CURLE_OK) {
      long status = 0;
      curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
      transfer->response.status = static_cast<unsigned>(status);
      transfer->complete(std::move(transfer->response));
      return;
    }
    if (code == CURLE_COULDNT_RESOLVE_HOST) {
      // Asking once more tells "no such name" from "no answer"; on a pool, for it may wait for the resolver.
      boost::asio::post(lookups_, [shared = std::shared_ptr<Transfer>(std::move(transfer))] {
        auto host = host_of(shared->request.url);
        bool unknown = name_unknown(host);
        shared->complete(unknown
                             ? TransportError{TransportFailure::UnknownName, fmt::format("there is no host {}", host)}
                             : TransportError{TransportFailure::LookupFailed,
                                              fmt::format("the name {} could not be looked up", host)});
      });
      return;
    }
    transfer->complete(explain(*transfer, code));
  }

  static TransportError explain(const Transfer& transfer, CURLcode code) {
    auto host = host_of(transfer.request.url);
    if (transfer.too_large) {
      return {TransportFailure::AnswerTooLarge,
              fmt::format("the answer of {} has more than {} bytes", host, transfer.request.max_response_bytes)};
    }
    if (!transfer.refused_address.empty()) {
      return {TransportFailure::AddressRefused,
              fmt::format("{} resolves to {}, which is not a public address", host, transfer.refused_address)};
    }
    long proxy_status = 0;
    curl_easy_getinfo(transfer.easy, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
    if (proxy_status >= 300) {
      if (transfer.proxy_status.find("error=dns_error") != std::string::npos) {
        return {TransportFailure::UnknownName, fmt::format("there is no host {}, as the proxy says", host)};
      }
      return {TransportFailure::ProxyFailed,
              fmt::format("the proxy refused to connect to {} with {}", host, proxy_status)};
    }
    std::string why = transfer.error_text[0] != '\0' ? transfer.error_text : curl_easy_strerror(code);
    return {failure_of(code), fmt::format("{}: {}", host, why)};
  }

  ClientOptions options_;
  CURLM* multi_;
  boost::asio::thread_pool lookups_{1};
  std::mutex mutex_;
  std::deque<std::unique_ptr<Transfer>> queue_;
  std::map<CURL*, std::unique_ptr<Transfer>> active_;  // the thread's own
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

Result<std::unique_ptr<Client>> make_curl_client(ClientOptions options) {
  static const CURLcode kReady = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (kReady != CURLE_OK) return Error{ErrorCode::Internal, "libcurl could not be set up"};
  if (!options.ca_file.empty() && !std::ifstream(options.ca_file).good()) {
    return Error{ErrorCode::Invalid, fmt::format("the file of trusted authorities {} cannot be read", options.ca_file)};
  }
  bool proxy_fits =
      options.proxy.empty() ||
      ((options.proxy.starts_with("http://") || options.proxy.starts_with("https://")) && clean(options.proxy));
  if (!proxy_fits) {
    return Error{ErrorCode::Invalid,
                 fmt::format("\"{}\" is not a proxy URL such as http://127.0.0.1:3128", options.proxy)};
  }
  return std::unique_ptr<Client>(std::make_unique<CurlClient>(std::move(options)));
}

}  // namespace latchkey::http

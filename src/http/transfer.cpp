#include "http/transfer.hpp"

#include <algorithm>
#include <cstring>
#include <sys/socket.h>

#include <boost/algorithm/string/predicate.hpp>
#include <boost/algorithm/string/trim.hpp>
#include <fmt/format.h>
#include <openssl/ssl.h>

#include "crypto/secret.hpp"
#include "http/field_text.hpp"
#include "http/url.hpp"

namespace latchkey::http {

namespace {

constexpr std::size_t kMaxResponseHead = std::size_t{64} * 1024;
// Seconds. So soon the client notices that a name is gone; libcurl would use the old address for a minute.
constexpr long kLookupLife = 5;

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
    case CURLE_SSL_INVALIDCERTSTATUS:
      return TransportFailure::TlsFailed;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
      return TransportFailure::ProxyFailed;
    case CURLE_URL_MALFORMAT:
    case CURLE_LOGIN_DENIED:  // the URL has a user part, which prepare_connection forbids
      return TransportFailure::BadRequest;
    default:
      return TransportFailure::Interrupted;
  }
}

// Reads the last item of a Proxy-Status header (RFC 9209), which is of the proxy nearest to us.
TransportFailure failure_of_proxy_status(std::string_view status) {
  if (boost::icontains(status, "error=dns_timeout")) return TransportFailure::LookupFailed;
  if (!boost::icontains(status, "error=dns_error")) return TransportFailure::ProxyFailed;
  // A proxy that does not say what DNS responded may have had no response.
  return boost::icontains(status, "NXDOMAIN") ? TransportFailure::UnknownName : TransportFailure::LookupFailed;
}

// Without this option OpenSSL keeps what it decrypted until the connection's next record overwrites it.
CURLcode keep_no_plaintext(CURL*, void* context, void*) {
  auto* tls = static_cast<SSL_CTX*>(context);
  SSL_CTX_set_options(tls, SSL_OP_CLEANSE_PLAINTEXT);
  SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
  return CURLE_OK;
}

// Appends, and wipes the memory that the text outgrew.
void append_wiping(std::string& text, std::string_view more) {
  if (more.size() > text.capacity() - text.size()) {
    std::string larger;
    larger.reserve(std::max(2 * text.capacity(), text.size() + more.size()));
    larger.append(text);
    crypto::wipe(text);
    text = std::move(larger);
  }
  text.append(more);
}

}  // namespace

std::string host_of(const std::string& url) {
  auto parsed = parse_url(url);
  return parsed ? parsed.value().host : "the URL's host";
}

std::optional<TransportError> unsendable(const ClientRequest& request) {
  auto bad = [](std::string message) { return TransportError{TransportFailure::BadRequest, std::move(message)}; };
  bool web =
      boost::algorithm::istarts_with(request.url, "https://") || boost::algorithm::istarts_with(request.url, "http://");
  bool printable = std::all_of(request.url.begin(), request.url.end(), [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte != 0x7f;
  });
  if (!web || !printable) return bad("the URL is not an http or https URL that can be sent");
  bool word = !request.method.empty() &&
              std::all_of(request.method.begin(), request.method.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  if (!word) return bad("the method is not a word in upper case");
  for (const auto& [name, value] : request.headers) {
    if (!is_field_name(name)) return bad("a header's name is not one that can be sent");
    if (!is_field_value(value)) return bad(fmt::format("the value of the header {} cannot be sent", name));
  }
  return std::nullopt;
}

Transfer::Transfer(ClientRequest request, Complete complete)
    : request_(std::move(request)), complete_(std::move(complete)) {}

Transfer::~Transfer() {
  if (easy_ != nullptr) curl_easy_cleanup(easy_);
  for (auto* line = header_list_; line != nullptr; line = line->next) {
    crypto::wipe(MutableBytes(reinterpret_cast<std::uint8_t*>(line->data), std::strlen(line->data)));
  }
  curl_slist_free_all(header_list_);
  crypto::wipe(request_.body);
  crypto::wipe(response_.body);
}

std::size_t Transfer::take_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  auto bytes = size * count;
  auto& body = transfer.response_.body;
  if (bytes > transfer.request_.max_response_bytes - body.size()) {
    transfer.body_too_large_ = true;
    return 0;
  }
  append_wiping(body, {data, bytes});
  return bytes;
}

// libcurl calls it for every header line, also of interim responses and of the proxy's: a status line starts the next
// head.
std::size_t Transfer::take_header(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  auto bytes = size * count;
  transfer.head_bytes_ += bytes;
  if (transfer.head_bytes_ > kMaxResponseHead) {
    transfer.head_too_large_ = true;
    return 0;
  }
  std::string_view line(data, bytes);
  if (line.starts_with("HTTP/")) {
    transfer.response_.headers = Headers();
    transfer.head_is_whole_ = false;
    return bytes;
  }
  if (line == "\r\n" || line == "\n") transfer.head_is_whole_ = true;
  auto colon = line.find(':');
  if (colon == std::string_view::npos) return bytes;
  auto value = boost::trim_copy(std::string(line.substr(colon + 1)));
  if (boost::iequals(line.substr(0, colon), "proxy-status")) transfer.proxy_status_ = value;
  transfer.response_.headers.add(std::string(line.substr(0, colon)), std::move(value));
  return bytes;
}

// libcurl connects the socket to exactly the address that it passes here: the address that is checked is the one
// connected to.
curl_socket_t Transfer::open_socket(void* user, curlsocktype, curl_sockaddr* target) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (transfer.public_only_) {
    bool internet = target->family == AF_INET || target->family == AF_INET6;
    auto address = internet ? address_of(*target) : boost::asio::ip::address();
    if (!internet || !is_public_address(address)) {
      transfer.refused_address_ = internet ? address.to_string() : "a local socket";
      return CURL_SOCKET_BAD;
    }
  }
  return ::socket(target->family, target->socktype | SOCK_CLOEXEC, target->protocol);
}

CURL* Transfer::prepare(const ClientOptions& options, const Proxy* proxy, std::chrono::milliseconds left) {
  easy_ = curl_easy_init();
  if (easy_ == nullptr) return nullptr;
  prepare_connection(options, left);
  prepare_proxy(options, proxy);
  prepare_message();
  if (request_.only_connects) {
    curl_easy_setopt(easy_, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(easy_, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy_, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
  }
  return easy_;
}

void Transfer::prepare_connection(const ClientOptions& options, std::chrono::milliseconds left) {
  constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24);
  auto timeout = static_cast<long>(std::min(left, kLongest).count());
  curl_easy_setopt(easy_, CURLOPT_URL, request_.url.c_str());
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy_, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, timeout);
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, timeout);
  curl_easy_setopt(easy_, CURLOPT_DNS_CACHE_TIMEOUT, kLookupLife);
  // Without this option a transfer that ends during a slow lookup waits for the resolver, and every other transfer with
  // it.
  curl_easy_setopt(easy_, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(easy_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(easy_, CURLOPT_SSL_CTX_FUNCTION, keep_no_plaintext);
  // With HTTP/2 libcurl would keep the bytes that came last for as long as the connection lives.
  curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_text_);
  curl_easy_setopt(easy_, CURLOPT_USERAGENT, options.user_agent.c_str());
  if (!options.ca_file.empty()) {
    curl_easy_setopt(easy_, CURLOPT_CAINFO, options.ca_file.c_str());
    curl_easy_setopt(easy_, CURLOPT_CAPATH, nullptr);
  }
  curl_easy_setopt(easy_, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  curl_easy_setopt(easy_, CURLOPT_OPENSOCKETDATA, this);
}

void Transfer::prepare_proxy(const ClientOptions& options, const Proxy* proxy) {
  proxied_ = proxy != nullptr;
  public_only_ = !proxied_ && options.address_policy == AddressPolicy::PublicOnly;
  // Both are set, even to an empty text, so that the environment's proxy variables have no effect.
  curl_easy_setopt(easy_, CURLOPT_PROXY, proxied_ ? proxy->url.c_str() : "");
  curl_easy_setopt(easy_, CURLOPT_NOPROXY, "");
  if (!proxied_) return;
  if (!proxy->user.empty() || !proxy->password.empty()) {
    curl_easy_setopt(easy_, CURLOPT_PROXYUSERNAME, proxy->user.c_str());
    curl_easy_setopt(easy_, CURLOPT_PROXYPASSWORD, proxy->password.c_str());
  }
  curl_easy_setopt(easy_, CURLOPT_PROXY_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!options.ca_file.empty()) {
    curl_easy_setopt(easy_, CURLOPT_PROXY_CAINFO, options.ca_file.c_str());
    curl_easy_setopt(easy_, CURLOPT_PROXY_CAPATH, nullptr);
  }
}

void Transfer::prepare_message() {
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
  const auto& method = request_.method;
  if (method == "HEAD") {
    curl_easy_setopt(easy_, CURLOPT_NOBODY, 1L);
  } else {
    curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, method.c_str());
  }
  bool has_body = !request_.body.empty() || method == "POST" || method == "PUT" || method == "PATCH";
  if (has_body) {
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, request_.body.data());
  }
  for (const auto& [name, value] : request_.headers) {
    // curl takes "name:" for "send no such header", and "name;" for an empty one.
    bool blank = value.find_first_not_of(" \t") == std::string_view::npos;
    // Joined by hand: fmt would leave the value on the stack.
    std::string line;
    line.reserve(name.size() + value.size() + 2);
    line.append(name);
    blank ? line.append(";") : line.append(": ").append(value);
    add_header(line);
    crypto::wipe(line);
  }
  // By default curl names a form type, and waits for a 100 that not every server sends.
  if (has_body && !request_.headers.has("content-type")) add_header("Content-Type:");
  add_header("Expect:");
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, header_list_);
}

void Transfer::add_header(const std::string& line) {
  if (auto* longer = curl_slist_append(header_list_, line.c_str())) header_list_ = longer;
}

Transfer::Outcome Transfer::outcome(CURLcode code) {
  if (code != CURLE_OK) return explain(code);
  if (request_.only_connects) return ClientResponse{};
  // libcurl takes a head that was cut off by the connection's end for a complete one.
  if (!head_is_whole_) {
    return TransportError{TransportFailure::Interrupted,
                          fmt::format("{} closed the connection in the middle of its response", host())};
  }
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  response_.status = static_cast<unsigned>(status);
  return std::move(response_);
}

TransportError Transfer::explain(CURLcode code) const {
  if (body_too_large_) {
    return {TransportFailure::ResponseTooLarge,
            fmt::format("the response of {} has more than {} bytes", host(), request_.max_response_bytes)};
  }
  if (head_too_large_) {
    return {TransportFailure::ResponseTooLarge,
            fmt::format("the headers of the response of {} have more than {} bytes", host(), kMaxResponseHead)};
  }
  // Where the policy refused one address and another one failed for its own reason, that reason is reported.
  if (code == CURLE_COULDNT_CONNECT && !refused_address_.empty()) {
    return {TransportFailure::AddressRefused,
            fmt::format("{} resolves to {}, which is not a public address", host(), refused_address_)};
  }
  if (auto error = explain_proxy(code)) return *error;
  std::string why = error_text_[0] != '\0' ? error_text_ : curl_easy_strerror(code);
  return {failure_of(code), fmt::format("{}: {}", host(), why)};
}

std::optional<TransportError> Transfer::explain_proxy(CURLcode code) const {
  if (!proxied_) return std::nullopt;
  long proxy_status = 0;
  curl_easy_getinfo(easy_, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
  if (proxy_status == 0 && code == CURLE_COULDNT_CONNECT) {
    return TransportError{TransportFailure::ProxyFailed,
                          fmt::format("the proxy, which is asked to reach {}, cannot be connected to", host())};
  }
  if (proxy_status < 300) return std::nullopt;
  auto failure = failure_of_proxy_status(proxy_status_);
  switch (failure) {
    case TransportFailure::UnknownName:
      return TransportError{failure, fmt::format("there is no host {}, as the proxy says", host())};
    case TransportFailure::LookupFailed:
      return TransportError{failure, fmt::format("the proxy could not look up the name {}", host())};
    default:
      break;
  }
  constexpr long kProxyWantsCredentials = 407;
  if (proxy_status == kProxyWantsCredentials) {
    return TransportError{failure,
                          fmt::format("the proxy that leads to {} responded with 407: it wants another user and "
                                      "password than it was given (http://USER:PASSWORD@HOST:PORT)",
                                      host())};
  }
  return TransportError{failure, fmt::format("the proxy refused to connect to {} with {}", host(), proxy_status)};
}

}  // namespace latchkey::http

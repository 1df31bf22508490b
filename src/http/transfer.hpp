// One request as libcurl sees it: an easy handle, the request that feeds it, and its outcome. Internal to http/.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <curl/curl.h>

#include "http/client.hpp"

namespace latchkey::http {

// Why the client must not send this request: a caller's text in it would become a second header or request.
[[nodiscard]] std::optional<TransportError> unsendable(const ClientRequest& request);

// The host of a URL, for messages; the URL itself may hold secrets.
[[nodiscard]] std::string host_of(const std::string& url);

// Only the client's thread uses it between `prepare` and `finish`.
class Transfer {
 public:
  using Outcome = Result<ClientResponse, TransportError>;
  using Complete = std::function<void(Outcome)>;

  Transfer(ClientRequest request, Complete complete);
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer();

  // The handle, ready for the multi; null where there is no memory for one. `proxy` is null where the client connects
  // to the host directly.
  [[nodiscard]] CURL* prepare(const ClientOptions& options, const Proxy* proxy, std::chrono::milliseconds left);
  // Gives the caller its outcome; call it once.
  void finish(Outcome outcome) { complete_(std::move(outcome)); }
  // The outcome that libcurl's result code stands for.
  [[nodiscard]] Outcome outcome(CURLcode code);

  [[nodiscard]] std::string host() const { return host_of(request_.url); }
  [[nodiscard]] const std::string& url() const { return request_.url; }
  [[nodiscard]] Deadline deadline() const { return request_.deadline; }

 private:
  void prepare_connection(const ClientOptions& options, std::chrono::milliseconds left);
  void prepare_proxy(const ClientOptions& options, const Proxy* proxy);
  void prepare_message();
  void add_header(const std::string& line);
  [[nodiscard]] TransportError explain(CURLcode code) const;
  [[nodiscard]] std::optional<TransportError> explain_proxy(CURLcode code) const;

  static std::size_t take_body(char* data, std::size_t size, std::size_t count, void* user);
  static std::size_t take_header(char* data, std::size_t size, std::size_t count, void* user);
  static curl_socket_t open_socket(void* user, curlsocktype, curl_sockaddr* target);

  ClientRequest request_;
  Complete complete_;
  bool public_only_ = true;
  bool proxied_ = false;
  CURL* easy_ = nullptr;
  curl_slist* header_list_ = nullptr;
  ClientResponse response_;
  std::size_t head_bytes_ = 0;
  bool head_too_large_ = false;
  bool head_is_whole_ = false;
  bool body_too_large_ = false;
  std::string refused_address_;
  std::string proxy_status_;  // of the last response head that had this field
  char error_text_[CURL_ERROR_SIZE] = {};
};

}  // namespace latchkey::http

// The outbound HTTP client: libcurl's multi interface on one thread of its own, awaited from coroutines. It never
// follows a redirect, always verifies certificates, bounds the response's size, and connects only to the address that
// it checked.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "http/message.hpp"
#include "http/proxy.hpp"

namespace latchkey::http {

enum class AddressPolicy {
  Any,         // loopback and private addresses, too: for our own server, and for tests
  PublicOnly,  // refuses loopback, private, link-local, multicast and other special addresses (RFC 6890, RFC 4193)
};

struct ClientOptions {
  // The client ignores the environment's proxy variables: these settings alone decide. A proxy resolves names itself,
  // so the client cannot apply the address policy to hosts behind it, only to hosts that it connects to directly.
  ProxySettings proxy;
  // A PEM file of the authorities to trust instead of the system's, for hosts and for https proxies.
  std::string ca_file;
  AddressPolicy address_policy = AddressPolicy::PublicOnly;
  std::string user_agent = "latchkey/" LATCHKEY_VERSION;
  std::size_t max_connections_per_host = 16;
};

struct ClientRequest {
  std::string method = "GET";
  std::string url;  // absolute, http or https
  Headers headers;
  std::string body;
  Deadline deadline;  // on the steady clock
  std::size_t max_response_bytes = std::size_t{1024} * 1024;
  // The client looks the host up anew, connects, and sends nothing: the response is empty and has the status 0.
  bool only_connects = false;
};

struct ClientResponse {
  unsigned status = 0;
  Headers headers;
  std::string body;
};

enum class TransportFailure {
  UnknownName,       // the name does not exist (NXDOMAIN), as DNS or the proxy says
  LookupFailed,      // DNS did not respond
  AddressRefused,    // the name resolves to an address that the policy forbids
  ConnectFailed,     // refused, unreachable
  TimedOut,          // the deadline passed
  TlsFailed,         // certificate or handshake
  ProxyFailed,       // the proxy refused or failed
  Interrupted,       // the connection was reset or closed before the response was complete
  ResponseTooLarge,  // more than max_response_bytes
  BadRequest,        // the URL or a header cannot be sent: a bug of ours
};

struct TransportError {
  TransportFailure failure = TransportFailure::Interrupted;
  std::string message;  // for people: which host, what failed
};

// The interface that callers depend on, so that a test can put its own client in its place.
class Client {
 public:
  Client() = default;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  virtual ~Client() = default;
  // Thread-safe; resumes on the caller's executor. A response with any status is a success here.
  [[nodiscard]] virtual Task<Result<ClientResponse, TransportError>> send(ClientRequest request) = 0;
};

// Starts the client's thread. Invalid where the CA file cannot be read or holds no certificate, or where a proxy's text
// names no proxy. The destructor ends every request in flight with Interrupted.
[[nodiscard]] Result<std::unique_ptr<Client>> make_curl_client(ClientOptions options);

// True for an address that AddressPolicy::PublicOnly lets through.
[[nodiscard]] bool is_public_address(const boost::asio::ip::address& address);

}  // namespace latchkey::http

// HTTP messages as our code sees them: plain values. The server and the client have limited and decoded them, so nobody
// who holds one needs to know how it crossed the wire.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/ip/address.hpp>
#include <boost/container/small_vector.hpp>

#include "base/result.hpp"
#include "base/task.hpp"

namespace latchkey::http {

// Header fields in the order in which they were added; names compare without case. All texts are in one block of
// memory: what find() and the iterator return is valid until the next change.
class Headers {
 public:
  using Field = std::pair<std::string_view, std::string_view>;
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Field;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = Field;
    Iterator(const Headers& headers, std::size_t at) : headers_(&headers), at_(at) {}
    Field operator*() const { return headers_->field(at_); }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    bool operator==(const Iterator& other) const { return at_ == other.at_; }

   private:
    const Headers* headers_;
    std::size_t at_;
  };

  Headers() = default;
  Headers(std::initializer_list<Field> fields) {
    for (const auto& [name, value] : fields) add(name, value);
  }
  void add(std::string_view name, std::string_view value);
  // Replaces every field of that name.
  void set(std::string_view name, std::string_view value);
  // The first field of that name; absent is not the same as empty.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  // Likewise; empty where absent.
  [[nodiscard]] std::string_view get(std::string_view name) const { return find(name).value_or(std::string_view()); }
  [[nodiscard]] bool has(std::string_view name) const { return find(name).has_value(); }
  [[nodiscard]] Iterator begin() const { return {*this, 0}; }
  [[nodiscard]] Iterator end() const { return {*this, places_.size()}; }

 private:
  // Of a name, with its value right behind it, in text_.
  struct Place {
    std::uint32_t at;
    std::uint32_t name_size;
    std::uint32_t value_size;
  };
  [[nodiscard]] Field field(std::size_t i) const;

  std::string text_;
  std::vector<Place> places_;
};

// The values that a route's names match; the names are the route's own texts.
using PathParameters = boost::container::small_vector<std::pair<std::string_view, std::string>, 2>;
using QueryParameters = std::vector<std::pair<std::string, std::string>>;

// What the server knows of a request before it reads the body.
struct RequestHead {
  std::string method;     // as sent, upper case by convention
  std::string path;       // as sent, still percent-encoded, without the query; "*" for OPTIONS of the whole server
  std::string raw_query;  // as sent, without '?'
  QueryParameters query;  // names and values decoded ('+' is a space, as forms and Azure clients send it)
  Headers headers;
  std::string host;  // of the target or else the Host header, as sent (may carry a port); lower case
  boost::asio::ip::address client_address;
  std::uint16_t local_port = 0;
  bool tls = false;
};

struct Request : RequestHead {
  std::string body;
  // The router fills in the decoded segments that the pattern names {in braces}.
  PathParameters path_parameters;
  // What the service kept of this request when it admitted the head; null where no server asked for admission.
  std::shared_ptr<void> admitted;

  [[nodiscard]] std::string_view path_parameter(std::string_view name) const;
};

// The first value of the query parameter of that name; absent where the query has none.
[[nodiscard]] std::optional<std::string_view> query_parameter(const RequestHead& head, std::string_view name);

// How a response reaches its client (response_stream.hpp). The result says whether the connection may serve another
// request. The server calls it once, on the connection's executor, and keeps it alive until it has finished.
class ResponseStream;
using DeliverResponse = std::function<Task<bool>(ResponseStream& stream)>;

struct Response {
  unsigned status = 200;
  Headers headers = {};
  std::string body = {};
  // Empty: the server sends head and body as they are.
  DeliverResponse deliver = {};
};

// Percent-decodes; Invalid on a bad escape. With `plus_is_space`, '+' becomes a space.
[[nodiscard]] Result<std::string> percent_decode(std::string_view text, bool plus_is_space = false);
// "a=1&b=2" to decoded pairs; Invalid on a bad escape or more than 256 parameters. Also reads form bodies.
[[nodiscard]] Result<QueryParameters> parse_query(std::string_view text);

}  // namespace latchkey::http

#include "clouds/azure/emulator/control/fault_action.hpp"

#include <algorithm>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/json/serialize.hpp>

#include "base/json_fields.hpp"
#include "clouds/azure/emulator/errors.hpp"
#include "http/response_stream.hpp"

namespace latchkey::clouds::azure::emulator {

namespace {

Task<bool> reset(http::ResponseStream& stream) {
  stream.reset();
  co_return false;
}

Task<bool> truncate(http::ResponseStream& stream) {
  auto body = stream.body();
  bool sent = co_await stream.send(stream.head());
  if (sent) co_await stream.send(body.substr(0, body.size() / 2));
  co_return false;
}

Task<bool> trickle(http::ResponseStream& stream, std::chrono::milliseconds pause) {
  constexpr std::size_t kPiece = 16;
  bool sent = co_await stream.send(stream.head());
  auto executor = co_await boost::asio::this_coro::executor;
  boost::asio::steady_timer timer(executor);
  auto body = stream.body();
  while (sent && !body.empty() && !stream.is_stopping()) {
    timer.expires_after(pause);
    boost::system::error_code ignored;
    co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
    sent = co_await stream.send(body.substr(0, kPiece));
    body.remove_prefix(std::min(kPiece, body.size()));
  }
  co_return sent&& body.empty();
}

// Has the response name the same key in a version that does not exist.
void name_another_version(http::Response& response) {
  auto body = json_fields::parse_object(response.body);
  if (!body) return;
  auto* kid = body.value().if_contains("kid");
  if (kid == nullptr || !kid->is_string()) return;
  std::string id(kid->get_string());
  *kid = id.substr(0, id.rfind('/') + 1) + std::string(32, '0');
  response.body = boost::json::serialize(body.value());
}

void apply_fault(const Fault& fault, http::Response& response) {
  switch (fault.kind) {
    case FaultKind::Reset:
      response.deliver = reset_connection();
      break;
    case FaultKind::Truncate:
      response.deliver = truncate_body();
      break;
    case FaultKind::Trickle:
      response.deliver = trickle_body(fault.pause);
      break;
    case FaultKind::Malformed:
      response.body = "{\"value\": \"" + response.body;
      break;
    case FaultKind::WrongKid:
      name_another_version(response);
      break;
    case FaultKind::Latency:
    case FaultKind::Error:
    case FaultKind::TokenLifetime:
      break;
  }
}

}  // namespace

FaultAction reset_connection() {
  return reset;
}

FaultAction truncate_body() {
  return truncate;
}

FaultAction trickle_body(std::chrono::milliseconds pause) {
  return [pause](http::ResponseStream& stream) { return trickle(stream, pause); };
}

http::Response error_of(const Fault& fault, bool by_entra) {
  auto response = by_entra ? json_response(fault.status, {{"error", fault.code}, {"error_description", fault.message}})
                           : render({fault.status, fault.code, fault.message});
  if (!fault.retry_after.empty()) response.headers.set("retry-after", fault.retry_after);
  return response;
}

void apply_faults(const std::vector<Fault>& faults, http::Response& response) {
  for (const auto& fault : faults) apply_fault(fault, response);
}

}  // namespace latchkey::clouds::azure::emulator

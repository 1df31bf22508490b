#include "api/health_service.hpp"

#include "api/error_body.hpp"
#include "api/refusals.hpp"
#include "api/request_id.hpp"

namespace latchkey::api {

Task<http::Admission> HealthService::admit(const http::RequestHead& head) {
  if (api_.is_vital(head)) co_return co_await api_.admit(head);
  http::Admission admission;
  admission.known = false;
  admission.refusal = error_response(not_found(head), make_request_id(random_));
  admission.refusal->headers.add("cache-control", "no-store");
  co_return admission;
}

Task<http::Response> HealthService::handle(http::Request& request) {
  return api_.handle(request);
}

http::Response HealthService::reject(http::Rejection why, const http::RequestHead* head) const {
  return api_.reject(why, head);
}

}  // namespace latchkey::api

// Health alone, for a listener of its own: it serves the endpoints that ApiService calls vital, and no others.
#pragma once

#include "api/api_service.hpp"
#include "base/random.hpp"
#include "http/server.hpp"

namespace latchkey::api {

class HealthService final : public http::Service {
 public:
  // Both outlive the object.
  HealthService(ApiService& api, RandomSource& random) : api_(api), random_(random) {}
  [[nodiscard]] bool is_vital(const http::RequestHead& head) const override { return api_.is_vital(head); }
  // 404 for endpoints that are not vital, whatever the API key.
  [[nodiscard]] Task<http::Admission> admit(const http::RequestHead& head) override;
  [[nodiscard]] Task<http::Response> handle(http::Request& request) override;
  [[nodiscard]] http::Response reject(http::Rejection why, const http::RequestHead* head) const override;

 private:
  ApiService& api_;
  RandomSource& random_;
};

}  // namespace latchkey::api

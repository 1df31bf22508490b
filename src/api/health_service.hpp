// Health alone, for a listener of its own: it answers what ApiService calls vital, and nothing else is there.
#pragma once

#include "api/api_service.hpp"
#include "base/random.hpp"
#include "http/server.hpp"

namespace latchkey::api {

class HealthService final : public http::Service {
 public:
  // Both outlive it.
  HealthService(ApiService& api, RandomSource& random) : api_(api), random_(random) {}
  [[nodiscard]] bool is_vital(const http::RequestHead& head) const override { return api_.is_vital(head); }
  // 404 for what is not vital: no API key is looked at.
  [[nodiscard]] Task<http::Admission> admit(const http::RequestHead& head) override;
  [[nodiscard]] Task<http::Response> handle(http::Request request) override;
  [[nodiscard]] http::Response reject(http::Rejection why, const http::RequestHead* head) const override;

 private:
  ApiService& api_;
  RandomSource& random_;
};

}  // namespace latchkey::api

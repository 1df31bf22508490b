// What one request to the API may be.
#pragma once

#include <chrono>
#include <cstddef>

#include "api/rate_limiter.hpp"

namespace latchkey::api {

struct ApiLimits {
  std::size_t json_body = std::size_t{1024} * 1024;
  std::size_t raw_body = std::size_t{16} * 1024 * 1024;  // of an octet-stream to encrypt or decrypt
  std::chrono::milliseconds request_timeout{25'000};
  bool leases_data_keys = true;
  RateLimits rates;
};

}  // namespace latchkey::api

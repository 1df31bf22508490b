// Access tokens in Entra's v1 form. Entra issues them, and every service checks those that it accepts.
#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "clouds/azure/emulator/model.hpp"
#include "http/message.hpp"

namespace latchkey::clouds::azure::emulator {

inline constexpr Seconds kTokenLifetime = 3599;

// Entra dates a token back, for services whose clocks are slow.
inline constexpr Seconds kBackdated = 300;

struct TokenGrant {
  std::string audience;
  std::string tenant_id;
  std::string app_id;
  std::string object_id;
  bool by_secret = false;  // appidacr 1; otherwise 2
  Seconds lifetime = kTokenLifetime;
};

// Signed with the model's token key.
[[nodiscard]] Result<std::string> issue_token(const Model& model, const TokenGrant& grant, Seconds now,
                                              RandomSource& random);

// The caller that the token names.
struct Caller {
  std::string app_id;
  std::string object_id;
  std::string tenant_id;
  std::string issuer;
  std::string audience;
  // "appid=..;oid=..;iss=..", as refusals name the caller.
  [[nodiscard]] std::string described() const;
};

enum class TokenFault {
  None,
  Missing,    // no bearer token
  Malformed,  // not a JWT
  Forged,     // not signed by this Entra
  TooEarly,
  Expired,
};

struct TokenReading {
  TokenFault fault = TokenFault::None;
  // What the token claims; it proves nothing where the fault is Forged.
  Caller caller;
  Seconds expires = 0;
};

// Checks a request's bearer token except for audience and tenant, which each service checks itself.
[[nodiscard]] TokenReading read_bearer(const Model& model, const http::RequestHead& request, Seconds now);

}  // namespace latchkey::clouds::azure::emulator

// Entra's refusals: AADSTS numbers with their texts.
#pragma once

#include <string>

#include "base/result.hpp"
#include "clouds/azure/emulator/text.hpp"
#include "http/message.hpp"

namespace latchkey::clouds::azure::emulator {

struct EntraRefusal {
  int number = 0;  // AADSTS...
  unsigned status = 400;
  std::string error = {};  // "invalid_client" (RFC 6749 section 5.2)
  std::string text = {};
};

template <class T>
using EntraOutcome = Result<T, EntraRefusal>;

[[nodiscard]] EntraRefusal tenant_not_found(std::string_view tenant, std::string_view error);
[[nodiscard]] EntraRefusal missing_parameter(std::string_view name);
[[nodiscard]] EntraRefusal invalid_client(int number, std::string text);

// The whole response, with headers. `correlation_id` is the caller's own or a new one.
[[nodiscard]] http::Response render(const EntraRefusal& refusal, Seconds now, std::string_view trace_id,
                                    std::string_view correlation_id);

}  // namespace latchkey::clouds::azure::emulator

// Selects lines of a vault's audit log. Pure.
#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "http/message.hpp"

namespace latchkey::clouds::azure::emulator {

struct AuditFilter {
  // Absent fields let every line through.
  std::optional<std::string> operation;  // "KeyUnwrap", in any case
  std::optional<bool> succeeded;
  std::optional<std::string> app_id;
  std::optional<std::string> key;   // its name
  std::optional<Timestamp> since;   // that moment included
  std::optional<std::size_t> last;  // only so many of the newest lines that match
};

// From ?operation=, result=success|failure, app_id=, key=, since= and last=, besides vault=; Invalid names the
// parameter and what it may be.
[[nodiscard]] Result<AuditFilter> audit_filter_from_query(const http::QueryParameters& query);

// The lines of `log`, one JSON object each, that match, unchanged and in order.
[[nodiscard]] std::string filter_audit(std::string_view log, const AuditFilter& filter);

}  // namespace latchkey::clouds::azure::emulator

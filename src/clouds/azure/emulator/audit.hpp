// The vaults' audit log: a file for each vault, with one JSON object a line in the form that Azure delivers (category
// AuditEvent).
#pragma once

#include <string>

#include "base/clock.hpp"
#include "base/mutex.hpp"
#include "base/result.hpp"
#include "clouds/azure/emulator/model.hpp"
#include "clouds/azure/emulator/tokens.hpp"
#include "http/message.hpp"

namespace latchkey::clouds::azure::emulator {

struct AuditEvent {
  Timestamp time;
  std::string operation;          // "KeyUnwrap"; "Authentication" for calls without a token
  std::string operation_version;  // the api-version
  unsigned status = 200;
  std::string error_code;  // empty on success
  std::string error_message;
  std::chrono::milliseconds duration{0};
  std::string client_address;
  std::string correlation_id;
  Caller caller;  // empty where there was no token
  std::string client_info;
  std::string request_uri;
  std::string id;  // the key, or the vault
};

// Thread-safe. Writing blocks on the disk: not for I/O threads.
class AuditLog {
 public:
  explicit AuditLog(std::string folder) : folder_(std::move(folder)) {}
  // Appends one line. Where the disk refuses it, the emulator logs that: the call that the line tells of has happened.
  void append(const Vault& vault, const AuditEvent& event);
  // The lines of a vault's log, the last 16 MiB where there are more; empty where there are none.
  [[nodiscard]] Result<std::string> read(std::string_view vault_name) const;

 private:
  [[nodiscard]] std::string path_of(std::string_view vault_name) const;

  std::string folder_;
  Mutex mutex_;
};

[[nodiscard]] std::string audit_line(const Vault& vault, const AuditEvent& event);

}  // namespace latchkey::clouds::azure::emulator

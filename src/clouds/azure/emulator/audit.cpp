#include "clouds/azure/emulator/audit.hpp"

#include <fcntl.h>
#include <fstream>
#include <unistd.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "base/file.hpp"

namespace latchkey::clouds::azure::emulator {

namespace json = boost::json;

namespace {

constexpr unsigned kFolderMode = 0700;
constexpr unsigned kFileMode = 0600;
constexpr std::streamoff kMostRead = std::streamoff{16} * 1024 * 1024;

std::string_view signature_of(unsigned status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 204:
      return "NoContent";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 409:
      return "Conflict";
    case 429:
      return "Too Many Requests";
    default:
      return status < 400 ? "OK" : "Error";
  }
}

}  // namespace

std::string audit_line(const Vault& vault, const AuditEvent& event) {
  json::object claim;
  if (!event.caller.object_id.empty()) {
    claim["http://schemas.microsoft.com/identity/claims/objectidentifier"] = event.caller.object_id;
    claim["appid"] = event.caller.app_id;
    claim["oid"] = event.caller.object_id;
  }
  // Azure writes seven digits of fraction.
  auto time = format_timestamp(event.time);
  time.back() = '0';
  time.push_back('Z');
  json::object line{{"time", time},
                    {"resourceId", upper(vault_resource_id(vault))},
                    {"operationName", event.operation},
                    {"operationVersion", event.operation_version},
                    {"category", "AuditEvent"},
                    {"resultType", event.status < 400 ? "Success" : event.error_code},
                    {"resultSignature", signature_of(event.status)},
                    {"resultDescription", event.error_message},
                    {"durationMs", std::to_string(event.duration.count())},
                    {"callerIpAddress", event.client_address},
                    {"correlationId", event.correlation_id},
                    {"identity", json::object{{"claim", std::move(claim)}}},
                    {"properties", json::object{{"clientInfo", event.client_info},
                                                {"requestUri", event.request_uri},
                                                {"id", event.id},
                                                {"httpStatusCode", event.status}}}};
  return json::serialize(line) + "\n";
}

std::string AuditLog::path_of(std::string_view vault_name) const {
  return fmt::format("{}/{}.jsonl", folder_, lower(vault_name));
}

void AuditLog::append(const Vault& vault, const AuditEvent& event) {
  auto line = audit_line(vault, event);
  auto path = path_of(vault.name);
  MutexLock lock(mutex_);
  auto made = make_folder(folder_, kFolderMode);
  int file = made ? ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, kFileMode) : -1;
  bool written = file >= 0 && ::write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  if (file >= 0) ::close(file);
  if (!written) spdlog::error("the Azure emulator cannot write the audit log {}", path);
}

Result<std::string> AuditLog::read(std::string_view vault_name) const {
  std::ifstream file(path_of(vault_name), std::ios::binary | std::ios::ate);
  if (!file) return std::string();
  auto size = static_cast<std::streamoff>(file.tellg());
  auto begin = size > kMostRead ? size - kMostRead : 0;
  file.seekg(begin);
  std::string text(static_cast<std::size_t>(size - begin), '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file) return Error{ErrorCode::Unavailable, fmt::format("cannot read {}", path_of(vault_name))};
  if (begin > 0) text.erase(0, text.find('\n') + 1);
  return text;
}

}  // namespace latchkey::clouds::azure::emulator

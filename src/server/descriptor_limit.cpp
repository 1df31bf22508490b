#include "server/descriptor_limit.hpp"

#include <algorithm>
#include <cerrno>
#include <sys/resource.h>
#include <system_error>

#include <fmt/format.h>

#include "base/log.hpp"

namespace latchkey::server {

namespace {

constexpr std::size_t kKept = 256;
constexpr std::size_t kKeptPart = 8;
constexpr std::size_t kFewest = 16;

}  // namespace

std::size_t connections_within(std::size_t descriptors, std::size_t wanted) {
  auto kept = std::max(kKept, descriptors / kKeptPart);
  return std::min(wanted, descriptors > kept ? descriptors - kept : 0);
}

Result<std::size_t> connections_that_fit(std::size_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return Error{ErrorCode::Internal,
                 fmt::format("the limit of open files cannot be read: {}", std::generic_category().message(errno))};
  }
  if (limit.rlim_cur < limit.rlim_max) {
    auto raised = limit;
    raised.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  auto fit = connections_within(limit.rlim_cur, wanted);
  if (fit < std::min(kFewest, wanted)) {
    return Error{ErrorCode::Invalid,
                 fmt::format("this process may open {} files, which leaves no room for connections: raise the limit "
                             "(LimitNOFILE= in systemd, ulimit -n) to {}",
                             limit.rlim_cur, kKept + wanted + wanted / kKeptPart)};
  }
  if (fit < wanted) {
    SPDLOG_WARN(
        "server.max_connections is {}, and this process may open {} files: it serves {} connections at once. Raise "
        "the limit (LimitNOFILE= in systemd, ulimit -n) or lower the setting",
        wanted, limit.rlim_cur, fit);
  }
  return fit;
}

}  // namespace latchkey::server

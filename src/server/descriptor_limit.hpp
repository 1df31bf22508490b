// File descriptors: what the process may have, and how many connections that leaves room for.
#pragma once

#include <cstddef>

#include "base/result.hpp"

namespace latchkey::server {

// Raises the process's soft limit (RLIMIT_NOFILE, getrlimit(2)) to the hard one, and gives how many of `wanted`
// connections fit beside what the store, the vaults and the log need: `wanted`, or fewer with a warning in the log that
// says how to have them all. Invalid where not even a few fit.
[[nodiscard]] Result<std::size_t> connections_that_fit(std::size_t wanted);

// The same sum for a limit of `descriptors`: an eighth of them, and 256 at the least, are kept.
[[nodiscard]] std::size_t connections_within(std::size_t descriptors, std::size_t wanted);

}  // namespace latchkey::server

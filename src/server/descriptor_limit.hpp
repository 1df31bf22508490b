// How many file descriptors the process may have, and how many connections fit among them.
#pragma once

#include <cstddef>

#include "base/result.hpp"

namespace latchkey::server {

// Raises the process's soft limit (RLIMIT_NOFILE, getrlimit(2)) to the hard one, and returns how many of the `wanted`
// connections fit beside the descriptors that the store, the vaults and the log need. Where fewer fit, a warning in the
// log says how to have them all. Invalid where not even a few fit.
[[nodiscard]] Result<std::size_t> connections_that_fit(std::size_t wanted);

// The same sum for a limit of `descriptors`. It keeps an eighth of them, and at least 256, for the rest of the server.
[[nodiscard]] std::size_t connections_within(std::size_t descriptors, std::size_t wanted);

}  // namespace latchkey::server

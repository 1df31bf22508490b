// The ids of requests. They keep nothing secret, and each request draws one: so they are not asked of the kernel each
// time, as other ids are.
#pragma once

#include <string>

#include "base/random.hpp"

namespace latchkey::api {

// An id (base/id.hpp) that no other request has, here or at another server. It may be foretold by whoever knows others
// of its thread. `random` is asked once in each thread, and again in a forked child. Thread-safe.
[[nodiscard]] std::string make_request_id(RandomSource& random);

}  // namespace latchkey::api

// The ids of requests. They are no secret, and each request needs one: so making one does not ask the kernel for
// randomness each time, as other ids do.
#pragma once

#include <string>

#include "base/random.hpp"

namespace latchkey::api {

// An id (base/id.hpp) that no other request has, here or at another server. Whoever knows other ids of the same thread
// can predict it. It takes from `random` once in each thread, and again in a forked child. Thread-safe.
[[nodiscard]] std::string make_request_id(RandomSource& random);

}  // namespace latchkey::api

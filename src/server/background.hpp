// The background work that the server repeats beside its requests.
#pragma once

#include <memory>
#include <vector>

#include "base/background_task.hpp"
#include "base/task.hpp"
#include "server/keys.hpp"
#include "server/rules.hpp"
#include "server/storage.hpp"
#include "server/tools.hpp"
#include "server/webhooks.hpp"

namespace latchkey::server {

// Begins all of it. The parts outlive the tasks.
[[nodiscard]] std::vector<std::shared_ptr<BackgroundTask>> start_background_tasks(const ServerTools& tools,
                                                                                  Storage& storage, Keys& keys,
                                                                                  Rules& rules, Webhooks& webhooks);

}  // namespace latchkey::server

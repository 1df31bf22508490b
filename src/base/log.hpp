// Logging: one line an event, on standard error, as text for people or JSON for collectors. Nothing secret is ever
// passed to it: keys, tokens, plaintexts and wrapped keys have no formatter, and API keys are named by id.
#pragma once

#include <string_view>

#include <spdlog/spdlog.h>

namespace latchkey {

enum class LogFormat { Text, Json };

// Sets the process's log up; called once, from main, before threads start. `level` as spdlog names it: trace, debug,
// info, warn, error, off; another name means info.
void configure_logging(LogFormat format, std::string_view level);

}  // namespace latchkey

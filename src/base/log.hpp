// Logs one line per event to standard error, as text for people or JSON for collectors. Callers never pass secrets:
// keys, tokens, plaintexts and wrapped keys have no formatter, and API keys are named by id.
#pragma once

#include <string_view>

#include <spdlog/spdlog.h>

namespace latchkey {

enum class LogFormat { Text, Json };

// Sets up the process's log; called once, from main, before threads start. `level` is one of spdlog's names: trace,
// debug, info, warn, error, off; any other name means info.
void configure_logging(LogFormat format, std::string_view level);

}  // namespace latchkey

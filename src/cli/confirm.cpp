#include "cli/confirm.hpp"

#include <iostream>
#include <unistd.h>

namespace latchkey::cli {

bool can_ask() {
  return isatty(STDIN_FILENO) == 1;
}

Result<bool> confirmed(bool yes, const std::string& question) {
  if (yes) return true;
  if (!can_ask()) {
    return Error{ErrorCode::Invalid, question + " Nobody is here to confirm it: say --yes if you mean it"};
  }
  std::cerr << question << " Type yes: " << std::flush;
  std::string reply;
  std::getline(std::cin, reply);
  return reply == "yes";
}

std::optional<ExitCode> unless_confirmed(bool yes, const std::string& question, OutputFormat format) {
  auto sure = confirmed(yes, question);
  if (!sure) {
    static_cast<void>(report_error(sure.error(), format));
    return ExitCode::Usage;
  }
  if (sure.value()) return std::nullopt;
  std::cerr << "nothing was changed\n";
  return ExitCode::Failed;
}

}  // namespace latchkey::cli

// What people are told of a reason: how it shows, its cause in one sentence, and its cure. Each text stands once, in
// the table of the common reasons (kms/reason_table.hpp) or in a cloud's own. Errors are worded from it, `latchkey
// explain` prints it, and docs/reasons.md is made from it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace latchkey::kms {

// In `cause` and `cure`, {names} stand for arguments, and commands stand between backticks.
struct ReasonText {
  const ReasonEntry* entry;
  std::string_view signal;  // what was answered or seen, for those who look it up from that end
  std::string_view cause;
  std::string_view cure;
};

// What stands for each of the names.
using NamedArguments = std::vector<std::pair<std::string_view, std::string_view>>;

// What one cloud says of reasons, in its own tongue. All of it lives as long as the program.
struct CloudReasons {
  // Its own reasons, and of the common ones those that it has more to say of. Each class in one run, along the way to
  // the key in it.
  std::span<const ReasonText> texts;
  // What pages show for an argument that is of one case.
  NamedArguments placeholders;
  // Markdown, for the end of docs/reasons.md: a section of its own, or nothing.
  std::string_view remarks;
};

// The sentence about these arguments. Its backticks stay.
[[nodiscard]] std::string fill(std::string_view sentence, const NamedArguments& arguments);
// The same without backticks: as a person reads it in a terminal, and pastes its command. Those of the arguments stay.
[[nodiscard]] std::string fill_plain(std::string_view sentence, const NamedArguments& arguments);

// The error that `text` describes. `reason` is the text's.
[[nodiscard]] Error worded(Reason reason, const ReasonText& text, const NamedArguments& arguments);

}  // namespace latchkey::kms

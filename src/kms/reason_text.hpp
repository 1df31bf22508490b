// What we tell people about a reason: how it shows, its cause in one sentence, and its cure. Each text stands once, in
// the table of the common reasons (kms/reason_table.hpp) or in a cloud's own. Errors, `latchkey explain` and
// docs/reasons.md are all made from it.
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
  std::string_view signal;  // the response or event that leads to the reason, for people who look it up by that
  std::string_view cause;
  std::string_view cure;
};

// The value of each {name}.
using NamedArguments = std::vector<std::pair<std::string_view, std::string_view>>;

// The texts about reasons in one cloud's own terms. All of it lives as long as the program.
struct CloudReasons {
  // Its own reasons, and those common ones that it words itself. They are ordered by class, and within a class by where
  // on the way to the key they arise.
  std::span<const ReasonText> texts;
  // What pages show in place of arguments that are known in a single case alone.
  NamedArguments placeholders;
  // A section in Markdown for the end of docs/reasons.md; may be empty.
  std::string_view remarks;
};

// Fills the arguments into the sentence. Its backticks stay.
[[nodiscard]] std::string fill(std::string_view sentence, const NamedArguments& arguments);
// The same without the sentence's backticks, for a person who reads it in a terminal and pastes its command. Backticks
// in the arguments stay.
[[nodiscard]] std::string fill_plain(std::string_view sentence, const NamedArguments& arguments);

// Makes the error that `text` describes. `reason` is the reason of the text.
[[nodiscard]] Error worded(Reason reason, const ReasonText& text, const NamedArguments& arguments);

}  // namespace latchkey::kms

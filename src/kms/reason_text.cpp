#include "kms/reason_text.hpp"

#include <algorithm>

namespace latchkey::kms {

std::string fill(std::string_view sentence, const NamedArguments& arguments) {
  std::string text;
  while (!sentence.empty()) {
    auto open = std::min(sentence.find('{'), sentence.size());
    text += sentence.substr(0, open);
    sentence.remove_prefix(open);
    if (sentence.empty()) break;
    auto name = sentence.substr(1, sentence.find('}') - 1);
    auto known = std::ranges::find(arguments, name, [](const auto& argument) { return argument.first; });
    bool is_name = known != arguments.end();
    text += is_name ? known->second : sentence.substr(0, 1);
    sentence.remove_prefix(is_name ? name.size() + 2 : 1);
  }
  return text;
}

std::string fill_plain(std::string_view sentence, const NamedArguments& arguments) {
  std::string text(sentence);
  std::erase(text, '`');
  return fill(text, arguments);
}

Error worded(Reason reason, const ReasonText& text, const NamedArguments& arguments) {
  return Error{text.entry->error, fill_plain(text.cause, arguments), std::move(reason),
               fill_plain(text.cure, arguments)};
}

}  // namespace latchkey::kms

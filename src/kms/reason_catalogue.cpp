#include "kms/reason_catalogue.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace latchkey::kms {

namespace {

constexpr std::array kClasses{ReasonClass::Refused, ReasonClass::NetworkBlocked, ReasonClass::Unreachable,
                              ReasonClass::Ours, ReasonClass::Alarm};

const NamedArguments& placeholders_of(const ToldReason& told) {
  static const ReasonArguments kNothingKnown;
  static const NamedArguments kCommon = kNothingKnown.named();
  return told.cloud != nullptr ? told.cloud->placeholders : kCommon;
}

// For a cell of a Markdown table, where "<key>" outside of a command would be taken for HTML.
std::string cell(const ToldReason& told, std::string_view sentence) {
  std::string shown;
  bool command = false;
  for (char c : fill(sentence, placeholders_of(told))) {
    if (c == '`') command = !command;
    if (c == '|' || (c == '<' && !command)) shown += '\\';
    shown += c;
  }
  return shown;
}

std::string_view heading(ReasonClass kind) {
  switch (kind) {
    case ReasonClass::Refused:
      return "Refused: the key's owner cures it\n\n"
             "Somebody said no. Every lease of the key is dropped at once; on data: 400 `cmek_key_disabled`.";
    case ReasonClass::NetworkBlocked:
      return "Network blocked: the key's owner cures it\n\n"
             "The vault's network rules said no. Every lease of the key is dropped at once; on data: 400 "
             "`cmek_key_network_blocked`.";
    case ReasonClass::Unreachable:
      return "Unreachable: to be waited out\n\n"
             "Nobody refused. Leases go on to their hard age; after it, on data: 503 `cmek_key_unreachable`, with "
             "`retry-after`.";
    case ReasonClass::Ours:
      return "Ours: the server's operator cures it\n\n"
             "Nobody refused, and the key's owner can do nothing. Leases go on to their hard age; after it, on data: "
             "503 "
             "`cmek_key_unreachable`. After `no_turn`, where the key was not asked, they end at their soft age. A root "
             "key that does not fit is at once 400 `cmek_key_disabled`, for data from "
             "before a key was attached.";
    case ReasonClass::Alarm:
      return "Alarms: the server's operator looks into it\n\n"
             "What came back, or what is stored, is not what it was. It is written to the log as an integrity alarm; "
             "on "
             "data: 500 `data_key_corrupt`.";
    case ReasonClass::Other:
      break;
  }
  return "";
}

}  // namespace

std::string_view to_string(ReasonClass kind) {
  switch (kind) {
    case ReasonClass::Refused:
      return "refused";
    case ReasonClass::NetworkBlocked:
      return "network_blocked";
    case ReasonClass::Unreachable:
      return "unreachable";
    case ReasonClass::Ours:
      return "ours";
    case ReasonClass::Alarm:
      return "alarm";
    case ReasonClass::Other:
      return "other";
  }
  return "";
}

NamedArguments ReasonArguments::named() const {
  return {{"key", key},   {"host", host}, {"operation", operation},       {"response", response},  {"said", said},
          {"when", when}, {"note", note}, {"external_key", external_key}, {"suspender", suspender}};
}

Error reason_error(CommonReason reason, const ReasonArguments& arguments) {
  return worded(reason.reason(), reason.text(), arguments.named());
}

std::string common_cure(std::string_view code) {
  const auto* found = std::ranges::find(kCommonReasons, code, [](const auto& text) { return text.entry->code; });
  return found == std::end(kCommonReasons) ? std::string() : ToldReason{found, nullptr}.cure();
}

std::string ToldReason::cause() const {
  return fill_plain(text->cause, placeholders_of(*this));
}

std::string ToldReason::cure() const {
  return fill_plain(text->cure, placeholders_of(*this));
}

ReasonCatalogue::ReasonCatalogue(std::vector<CloudReasons> clouds) : clouds_(std::move(clouds)) {
  for (auto kind : kClasses) {
    auto add = [&](std::span<const ReasonText> texts, const CloudReasons* cloud) {
      for (const auto& text : texts) {
        bool is_told = cloud == nullptr && !find(text.entry->code).empty();
        if (text.entry->kind == kind && !is_told) reasons_.push_back({&text, cloud});
      }
    };
    for (const auto& cloud : clouds_) add(cloud.texts, &cloud);
    add(kCommonReasons, nullptr);
  }
}

std::vector<ToldReason> ReasonCatalogue::find(std::string_view code) const {
  std::vector<ToldReason> found;
  for (const auto& told : reasons_) {
    if (told.text->entry->code == code) found.push_back(told);
  }
  return found;
}

std::string ReasonCatalogue::page() const {
  std::string page =
      "# Why a key does not serve\n\n"
      "Made from the server's own catalogue (`src/kms/reason_table.hpp`, and each cloud's `reason_table.hpp`): what "
      "stands here is what is said. `latchkey explain REASON` prints an entry. On data the reason is "
      "`error.details.reason`; a validation that failed has it in `reason`. Names stay; the sentences may change.\n";
  auto kind = ReasonClass::Other;
  for (const auto& told : reasons_) {
    const auto& text = *told.text;
    if (text.entry->kind != kind) {
      kind = text.entry->kind;
      page += fmt::format("\n## {}\n\n| reason | how it shows | cause | cure |\n|---|---|---|---|\n", heading(kind));
    }
    page += fmt::format("| `{}` | {} | {} | {} |\n", text.entry->code, text.signal, cell(told, text.cause),
                        cell(told, text.cure));
  }
  for (const auto& cloud : clouds_) page += cloud.remarks;
  return page;
}

}  // namespace latchkey::kms

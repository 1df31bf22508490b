#include "kms/reason_catalogue.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace latchkey::kms {

namespace {

// Between a message's cause and its cure.
constexpr std::string_view kBeforeCure = ". ";

// The names by which the table's sentences call the arguments.
std::string filled(std::string_view sentence, const ReasonArguments& f) {
  return fmt::format(
      fmt::runtime(sentence), fmt::arg("key", f.key), fmt::arg("vault", f.vault),
      fmt::arg("vault_option", f.vault_option), fmt::arg("vault_name", f.vault_name), fmt::arg("show", f.show),
      fmt::arg("grant", f.grant), fmt::arg("app", f.app), fmt::arg("platform_app", f.platform_app),
      fmt::arg("tenant", f.tenant), fmt::arg("governing", f.governing), fmt::arg("host", f.host),
      fmt::arg("operation", f.operation), fmt::arg("act", f.act), fmt::arg("answer", f.answer),
      fmt::arg("said", f.said), fmt::arg("fix", f.fix), fmt::arg("unfit", f.unfit), fmt::arg("size", f.size),
      fmt::arg("tag", f.tag), fmt::arg("until", f.until), fmt::arg("external_key", f.external_key),
      fmt::arg("suspender", f.suspender), fmt::arg("when", f.when), fmt::arg("note", f.note), fmt::arg("more", f.more));
}

std::string plain(std::string_view sentence, const ReasonArguments& arguments) {
  std::string text(sentence);
  std::erase(text, '`');
  return filled(text, arguments);
}

// For a cell of a Markdown table, where "<key>" outside of a command would be taken for HTML.
std::string cell(std::string_view sentence) {
  auto text = filled(sentence, {});
  std::string shown;
  bool command = false;
  for (char c : text) {
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

std::span<const ReasonText> reason_catalogue() {
  return kReasonTable;
}

const ReasonText* find_reason(std::string_view code) {
  const auto* found = std::find_if(std::begin(kReasonTable), std::end(kReasonTable),
                                   [&](const auto& text) { return text.entry->code == code; });
  return found == std::end(kReasonTable) ? nullptr : found;
}

std::string cause_of(const ReasonText& text, const ReasonArguments& arguments) {
  return plain(text.cause, arguments);
}

std::string cure_of(const ReasonText& text, const ReasonArguments& arguments) {
  return plain(text.cure, arguments);
}

Error reason_error(KnownReason reason, const ReasonArguments& arguments) {
  const auto& text = reason.text();
  return Error{text.entry->error,
               fmt::format("{}{}{}", cause_of(text, arguments), kBeforeCure, cure_of(text, arguments)),
               reason.reason()};
}

// By the words that the cure begins with, up to its first fact. The arguments of a cause may look like them: the last
// counts.
std::optional<std::size_t> find_cure(const ReasonText& text, std::string_view message) {
  auto words = std::string(text.cure.substr(0, text.cure.find('{')));
  std::erase(words, '`');
  if (words.empty()) return std::nullopt;
  auto found = message.rfind(std::string(kBeforeCure) + words);
  if (found == std::string_view::npos) return std::nullopt;
  return found + kBeforeCure.size();
}

std::string reasons_page() {
  std::string page =
      "# Why a key does not serve\n\n"
      "Made from the server's own catalogue (`src/kms/reason_table.hpp`): what stands here is what is said. "
      "`latchkey explain REASON` prints an entry. On data the reason is `error.details.reason`; a validation that "
      "failed "
      "has it in `reason`. Names stay; the sentences may change.\n";
  const ReasonText* before = nullptr;
  for (const auto& text : kReasonTable) {
    if (before == nullptr || before->entry->kind != text.entry->kind) {
      page += fmt::format("\n## {}\n\n| reason | how it shows | cause | cure |\n|---|---|---|---|\n",
                          heading(text.entry->kind));
    }
    page += fmt::format("| `{}` | {} | {} | {} |\n", text.entry->code, text.signal, cell(text.cause), cell(text.cure));
    before = &text;
  }
  page +=
      "\n## What Key Vault does not tell\n\n"
      "A deleted key, a purged one and one that never was answer alike: 404. With the right to read the key "
      "(keys/read, "
      "which the roles of the guide have) Latchkey then asks for the deleted key of that name. If it is there, the "
      "reason "
      "is `key_deleted`, with the date until which it can be recovered; if it is not, and the key once wrapped "
      "something, "
      "`key_purged`; if the vault refuses to say, or nothing is known of the key, `key_not_found`, which claims no "
      "more "
      "than is known. For a few seconds after a deletion a vault lists the key nowhere. Purge protection can only be "
      "seen "
      "from the key owner's side: `latchkey azure verify`.\n";
  return page;
}

}  // namespace latchkey::kms

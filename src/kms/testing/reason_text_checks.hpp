// Checks that every table of texts about reasons must pass, the common one and each cloud's.
#pragma once

#include <algorithm>
#include <regex>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "kms/reason_text.hpp"
#include "testing/source_folder.hpp"

namespace latchkey::kms::testing {

// The codes of all entries that a header declares.
inline std::set<std::string> declared_reasons(const std::string& header) {
  std::set<std::string> codes;
  auto text = read_file(latchkey::testing::source_path(header), 1 << 20);
  if (!text) {
    ADD_FAILURE() << text.error().message();
    return codes;
  }
  std::regex entry(R"re(ReasonEntry\s+k\w+(?:\s*=\s*\w+\(|\{)\s*"(\w+)")re");
  for (std::sregex_iterator it(text.value().begin(), text.value().end(), entry), end; it != end; ++it) {
    codes.insert((*it)[1]);
  }
  return codes;
}

inline void expect_sentences_stand_alone(const ReasonText& text, const NamedArguments& placeholders) {
  using ::testing::HasSubstr;
  using ::testing::Not;
  for (const auto& sentence : {fill_plain(text.cause, placeholders), fill_plain(text.cure, placeholders)}) {
    EXPECT_FALSE(sentence.empty()) << *text.entry;
    EXPECT_THAT(sentence, Not(HasSubstr("`"))) << *text.entry;
    EXPECT_THAT(sentence, Not(HasSubstr("{"))) << *text.entry << ": a name that is no argument";
    EXPECT_FALSE(sentence.ends_with('.')) << *text.entry;
  }
  // Backticks that do not pair would spoil the page.
  EXPECT_EQ(std::count(text.cure.begin(), text.cure.end(), '`') % 2, 0) << *text.entry;
}

// The error's code decides whether leases are dropped or kept, so it must not contradict the class.
inline void expect_class_and_code_agree(const ReasonEntry& entry) {
  using enum ErrorCode;
  switch (entry.kind) {
    case ReasonClass::Refused:
      EXPECT_EQ(entry.error, KeyDenied) << entry;
      break;
    case ReasonClass::NetworkBlocked:
      EXPECT_EQ(entry.error, NetworkBlocked) << entry;
      break;
    case ReasonClass::Unreachable:
      EXPECT_EQ(entry.error, KeyUnreachable) << entry;
      break;
    case ReasonClass::Ours:
      EXPECT_EQ(entry.error, entry.code == "root_key_mismatch" ? KeyDenied : KeyUnreachable) << entry;
      break;
    case ReasonClass::Alarm:
      EXPECT_EQ(entry.error, Corrupt) << entry;
      break;
    case ReasonClass::Other:
      ADD_FAILURE() << entry;
      break;
  }
}

// One text each, of well-formed names and sentences.
inline void expect_well_formed(std::span<const ReasonText> texts, const NamedArguments& placeholders) {
  std::set<std::string_view> codes;
  for (const auto& text : texts) {
    const auto& code = text.entry->code;
    EXPECT_TRUE(codes.insert(code).second) << code << " twice";
    EXPECT_TRUE(std::regex_match(code.begin(), code.end(), std::regex("[a-z]+(_[a-z]+)*"))) << code;
    EXPECT_FALSE(text.signal.empty()) << code;
    expect_sentences_stand_alone(text, placeholders);
    expect_class_and_code_agree(*text.entry);
  }
}

inline bool has_text(std::span<const ReasonText> texts, std::string_view code) {
  return std::ranges::any_of(texts, [&](const auto& text) { return text.entry->code == code; });
}

}  // namespace latchkey::kms::testing

// Makes errors from the common reasons' texts, and collects all reasons, those of the clouds included, for `latchkey
// explain` and docs/reasons.md.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "kms/reason_table.hpp"

namespace latchkey::kms {

// "refused", "network_blocked", "unreachable", "ours", "alarm".
[[nodiscard]] std::string_view to_string(ReasonClass kind);

// The arguments of the common texts. One that is not known keeps the placeholder that the docs show; one that is empty
// here is a remark that may be absent. Text from a stranger's response must be made fit for a message first.
struct ReasonArguments {
  std::string key = "<key>";
  std::string host = "<host>";              // the host that was asked
  std::string operation = "the operation";  // "unwrapKey"
  std::string response = "with a fault of its own (5xx), or with what is no response of a key service";
  std::string said = "<what it said>";  // the service's own words
  std::string external_key = "<external key>";
  std::string suspender = "an admin of its organisation or the operator";
  std::string when;
  std::string note;

  // Views of these.
  [[nodiscard]] NamedArguments named() const;
};

// A reason for which the common table has a text; any other reason does not compile.
class CommonReason {
 public:
  consteval CommonReason(const ReasonEntry& entry);  // NOLINT(google-explicit-constructor): so that calls read plainly
  [[nodiscard]] constexpr const ReasonText& text() const { return *text_; }
  [[nodiscard]] constexpr const Reason& reason() const { return reason_; }

 private:
  const ReasonText* text_;
  Reason reason_;
};

// Makes the error with the code, reason, cause and cure of the common table.
[[nodiscard]] Error reason_error(CommonReason reason, const ReasonArguments& arguments);
// The common cure of a reason, with placeholders for its arguments; empty where no common reason has the code.
[[nodiscard]] std::string common_cure(std::string_view code);

// One reason in the words of one cloud, or in the common words.
struct ToldReason {
  const ReasonText* text;
  const CloudReasons* cloud;  // null where no cloud has words of its own for it

  [[nodiscard]] std::string cause() const;
  [[nodiscard]] std::string cure() const;
};

class ReasonCatalogue {
 public:
  // The reasons of these clouds, and the common ones for which none of them has words. Where two clouds have words for
  // a reason, it is there twice.
  explicit ReasonCatalogue(std::vector<CloudReasons> clouds);
  ReasonCatalogue(const ReasonCatalogue&) = delete;
  ReasonCatalogue& operator=(const ReasonCatalogue&) = delete;

  // All reasons, ordered by class.
  [[nodiscard]] const std::vector<ToldReason>& reasons() const { return reasons_; }
  // Empty where there is no such code.
  [[nodiscard]] std::vector<ToldReason> find(std::string_view code) const;
  // The text of docs/reasons.md.
  [[nodiscard]] std::string page() const;

 private:
  const std::vector<CloudReasons> clouds_;
  std::vector<ToldReason> reasons_;
};

// It does not compare pointers, because g++ under UBSan does not accept that in a constant expression.
consteval CommonReason::CommonReason(const ReasonEntry& entry) : text_(kCommonReasons), reason_(entry) {
  bool found = false;
  for (const auto& text : kCommonReasons) {
    if (text.entry->code != entry.code) continue;
    text_ = &text;
    found = true;
  }
  if (!found) throw std::logic_error("a reason that is not in the catalogue");
}

}  // namespace latchkey::kms

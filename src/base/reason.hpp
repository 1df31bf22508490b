// Which case an error is, for programs to tell apart: a stable snake_case name. Each floor, and each cloud, declares
// the reasons that it gives, each once (`inline constexpr ReasonEntry kKeyDisabled{...}`), and an error can bear no
// other: a Reason is made from such an entry when the program is compiled.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

#include "base/error_code.hpp"

namespace latchkey {

// What a reason is for whoever meets it: may it be waited out, and whose is it to cure.
enum class ReasonClass {
  // Why a key does not serve:
  Refused,         // somebody said no; the key's owner cures it. Leases are dropped.
  NetworkBlocked,  // the vault's network rules said no; the key's owner cures it. Leases are dropped.
  Unreachable,     // nobody could be asked; to be waited out. Leases go on to the hard age.
  Ours,            // this server's own fault; its operator cures it. Nobody refused.
  Alarm,           // what came back or is stored is not what it was; the operator looks into it.
  // Anything else:
  Other,
};

struct ReasonEntry {
  std::string_view code;  // "key_disabled"
  ReasonClass kind;
  ErrorCode error;  // of the errors that bear it
};

// An entry of somebody's catalogue, or nothing. Two are equal where their codes are. To copy one copies pointers.
class Reason {
 public:
  constexpr Reason() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): so that an error is written with an entry's name
  consteval Reason(const ReasonEntry& entry) : entry_(&entry) {}
  // What was read out of another program's response, which is in no catalogue of ours.
  [[nodiscard]] static Reason reported(std::string code);

  constexpr Reason(const Reason& other) : entry_(other.entry_), reported_(other.reported_) {
    if (reported_ != nullptr) share();
  }
  constexpr Reason(Reason&& other) noexcept : entry_(other.entry_), reported_(other.reported_) {
    other.entry_ = nullptr;
    other.reported_ = nullptr;
  }
  Reason& operator=(const Reason& other);
  Reason& operator=(Reason&& other) noexcept;
  constexpr ~Reason() {
    if (reported_ != nullptr) release();
  }

  [[nodiscard]] bool empty() const { return code().empty(); }
  // Empty where there is none. Lives as long as this Reason.
  [[nodiscard]] std::string_view code() const;
  // Null where there is none, and for one that was reported.
  [[nodiscard]] const ReasonEntry* entry() const { return entry_; }
  // Whether it says why a key does not serve.
  [[nodiscard]] bool concerns_key() const { return entry_ != nullptr && entry_->kind != ReasonClass::Other; }

  friend bool operator==(const Reason& one, const Reason& other) { return one.code() == other.code(); }
  friend bool operator==(const Reason& one, const ReasonEntry& entry) { return one.code() == entry.code; }
  friend bool operator==(const Reason& one, std::string_view code) { return one.code() == code; }
  friend std::ostream& operator<<(std::ostream& out, const Reason& reason);

 private:
  struct Reported;  // counts who shares it
  void share() const;
  void release();

  const ReasonEntry* entry_ = nullptr;
  Reported* reported_ = nullptr;
};

// The code.
std::ostream& operator<<(std::ostream& out, const ReasonEntry& entry);

}  // namespace latchkey

#include "base/reason.hpp"

#include <atomic>
#include <ostream>
#include <utility>

namespace latchkey {

struct Reason::Reported {
  std::string code;
  std::atomic<std::size_t> sharers = 1;
};

Reason Reason::reported(std::string code) {
  Reason reason;
  if (!code.empty()) reason.reported_ = new Reported{std::move(code)};
  return reason;
}

Reason& Reason::operator=(const Reason& other) {
  *this = Reason(other);
  return *this;
}

Reason& Reason::operator=(Reason&& other) noexcept {
  std::swap(entry_, other.entry_);
  std::swap(reported_, other.reported_);
  return *this;
}

std::string_view Reason::code() const {
  if (entry_ != nullptr) return entry_->code;
  return reported_ != nullptr ? std::string_view(reported_->code) : std::string_view();
}

void Reason::share() const {
  reported_->sharers.fetch_add(1, std::memory_order_relaxed);
}

void Reason::release() {
  if (reported_->sharers.fetch_sub(1, std::memory_order_acq_rel) == 1) delete reported_;
}

std::ostream& operator<<(std::ostream& out, const Reason& reason) {
  return out << reason.code();
}

std::ostream& operator<<(std::ostream& out, const ReasonEntry& entry) {
  return out << entry.code;
}

}  // namespace latchkey

#include "store/changes.hpp"

#include <functional>
#include <string_view>

namespace latchkey::store {

namespace {

// A look-up that gets the new number before the number is kept reads after the change is durable, and finds it.
void raise_to(std::atomic<Changes::Moment>& kept, Changes::Moment now) {
  for (auto seen = kept.load(); seen < now && !kept.compare_exchange_weak(seen, now);) continue;
}

}  // namespace

std::size_t Changes::slot_of(const Uuid& organization) const {
  std::string_view bytes(reinterpret_cast<const char*>(organization.data), sizeof organization.data);
  return std::hash<std::string_view>{}(bytes) % kSlots;
}

bool Changes::has_changed(const Uuid& organization, Moment as_of) const {
  return changed_[slot_of(organization)] > as_of || all_changed_ > as_of;
}

bool Changes::holds(const Uuid& organization, Moment as_of, AgeTime read_at, AgeTime now) const {
  return now < read_at + kRememberedFor && is_trusted(now) && !has_changed(organization, as_of);
}

void Changes::note(const Uuid& organization) {
  raise_to(changed_[slot_of(organization)], ++last_);
}

void Changes::note_all() {
  raise_to(all_changed_, ++last_);
}

void Changes::known_up_to(AgeTime time) {
  trusted_until_ = (time + kTrustedFor).time_since_epoch().count();
}

bool Changes::is_trusted(AgeTime now) const {
  return now.time_since_epoch().count() < trusted_until_;
}

}  // namespace latchkey::store

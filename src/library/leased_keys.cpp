#include "library/leased_keys.hpp"

namespace latchkey::library {

namespace {

bool is_due(const LeasedKey& lease, AgeTime now) {
  return now >= lease.ends_at - (lease.ends_at - lease.asked_at) / 4;
}

// Longer than a call may take on a machine that does not sleep meanwhile.
constexpr std::chrono::seconds kLongestCall{45};

// The lease was over before its answer was read, and not because it is short.
bool is_of_before_sleep(const Result<LeasedKey>& answer, AgeTime now) {
  return answer && now >= answer.value().ends_at && now - answer.value().asked_at > kLongestCall;
}

}  // namespace

Result<LeasedKey> LeasedKeys::for_encryption() {
  return get(std::nullopt);
}

Result<LeasedKey> LeasedKeys::for_decryption(const RawId& id) {
  return get(id);
}

Result<void> LeasedKeys::keep(LeasedKey& key) {
  if (!is_due(key, clock_.age_time())) return success();
  LATCHKEY_TRY(key, for_decryption(key.key->id()));
  return success();
}

void LeasedKeys::clear() {
  std::scoped_lock lock(mutex_);
  places_.clear();
}

std::shared_ptr<LeasedKeys::Place> LeasedKeys::place(const PlaceName& name) {
  std::scoped_lock lock(mutex_);
  auto& found = places_[name];
  if (!found) found = std::make_shared<Place>();
  return found;
}

Result<LeasedKey> LeasedKeys::get(const PlaceName& name) {
  auto here = place(name);
  std::uint64_t seen = 0;
  {
    std::scoped_lock lock(here->state);
    seen = here->answers;
    auto now = clock_.age_time();
    if (here->lease && !is_due(*here->lease, now)) return *here->lease;
    if (here->last_error && now < here->ask_again_at) return what_is_left(*here, now);
  }
  std::unique_lock asking(here->asking, std::try_to_lock);
  if (!asking.owns_lock()) {
    {
      // Somebody asks already, and the lease is still good.
      std::scoped_lock lock(here->state);
      if (here->lease && clock_.age_time() < here->lease->ends_at) return *here->lease;
    }
    asking.lock();
  }
  {
    // An answer that came while we waited is ours, too.
    std::scoped_lock lock(here->state);
    if (here->answers != seen) {
      auto now = clock_.age_time();
      if (here->lease && now < here->lease->ends_at) return *here->lease;
      if (here->last_error) return what_is_left(*here, now);
    }
  }
  return ask(*here, name);
}

// With `asking` held.
Result<LeasedKey> LeasedKeys::ask(Place& place, const PlaceName& name) {
  auto ask_lender = [&] { return name ? lender_.key(*name) : lender_.active_key(); };
  auto answer = ask_lender();
  if (is_of_before_sleep(answer, clock_.age_time())) answer = ask_lender();
  if (is_of_before_sleep(answer, clock_.age_time())) {
    answer = Error{ErrorCode::Unavailable, "the lease of the data key was over before it arrived. Try again"};
  }
  std::scoped_lock lock(place.state);
  ++place.answers;
  if (answer) {
    place.last_error.reset();
    place.lease = answer.value();
    return answer;
  }
  auto now = clock_.age_time();
  place.last_error = answer.error();
  place.ask_again_at = now;
  if (answer.error().code == ErrorCode::Unavailable) {
    place.ask_again_at += answer.error().retry_after.value_or(std::chrono::milliseconds(0));
  } else {
    place.lease.reset();
  }
  return what_is_left(place, now);
}

// After an error, with `state` held.
Result<LeasedKey> LeasedKeys::what_is_left(Place& place, AgeTime now) {
  if (place.lease && now < place.lease->ends_at) return *place.lease;
  place.lease.reset();
  return *place.last_error;
}

}  // namespace latchkey::library

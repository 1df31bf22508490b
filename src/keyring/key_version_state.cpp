#include "keyring/key_version_state.hpp"

#include <algorithm>

namespace latchkey::keyring {

namespace {

using std::chrono::milliseconds;

// A provider may ask us to wait, but not for so long that nobody notices that it is back.
constexpr milliseconds kMostRetryAfter{60'000};
// So long requests leave a key that is due for a probe to the probe in the background.
constexpr milliseconds kProbeSlack{1'000};
constexpr milliseconds kRenewalPause{1'000};
// Where nothing bridges an outage, a renewal has to end before the lease does.
constexpr int kAheadWithoutBridging = 4;

milliseconds renewal_period(const LeaseAges& ages) {
  return ages.hard > ages.soft ? ages.soft : ages.soft - ages.soft / kAheadWithoutBridging;
}

}  // namespace

milliseconds renewal_slack(const LeaseAges& ages) {
  return std::clamp(ages.soft / 10, milliseconds(100), milliseconds(1'000));
}

void BackoffState::note(const Error& error, AgeTime now, const BackoffSettings& settings) {
  wait_ = error_ ? std::min(wait_ * 2, settings.most) : settings.first;
  error_ = error;
  last_at_ = now;
  auto retry_after = std::min(error.retry_after.value_or(milliseconds(0)), kMostRetryAfter);
  next_try_ = now + std::max(wait_, retry_after);
}

bool BackoffState::take_try(AgeTime now) {
  if (now < next_try_) return false;
  next_try_ = now + wait_;
  return true;
}

void KeyVersionState::record_success(AgeTime when, const LeaseAges& ages, double phase) {
  bool first = !proven_at;
  proven_at = std::max(proven_at.value_or(when), when);
  used = false;
  wanted = false;
  refusal.clear();
  outage.clear();
  auto period = renewal_period(ages);
  auto next = renew_at + period;
  if (first || next <= *proven_at || next > *proven_at + period) {
    // The first renewal comes anywhere in the first period, and the others follow in step: those of many keys that were
    // first used together are spread evenly from then on.
    next = *proven_at + milliseconds(static_cast<milliseconds::rep>(static_cast<double>(period.count()) * phase));
  }
  renew_at = next;
}

void KeyVersionState::record_refusal(const Error& error, AgeTime now, const KeyVersionStateSettings& settings) {
  proven_at.reset();
  outage.clear();
  wanted = false;
  refusal.note(error, now, settings.refusals);
}

void KeyVersionState::record_outage(const Error& error, AgeTime now, const KeyVersionStateSettings& settings) {
  outage.note(error, now, settings.outages);
}

LeaseUse KeyVersionState::use(const LeaseAges& ages, AgeTime now) const {
  if (!proven_at) return LeaseUse::Gone;
  auto age = now - *proven_at;
  if (age >= ages.hard) return LeaseUse::Gone;
  if (age < ages.soft) return LeaseUse::Fresh;
  if (outage && now - outage.last_at() < ages.soft) return LeaseUse::Bridging;
  auto in_time = *proven_at + ages.soft + renewal_slack(ages);
  if (renewing_since ? *renewing_since < in_time && now < awaited_until : now < in_time) return LeaseUse::Awaiting;
  return LeaseUse::Stale;
}

bool KeyVersionState::renewal_due(const LeaseAges& ages, AgeTime now) const {
  if (renewing_since || now < not_before || !proven_at || now - *proven_at >= ages.hard) return false;
  return now >= renew_at && (!outage || now >= outage.next_try());
}

bool KeyVersionState::probe_due(AgeTime now) const {
  return refusal && wanted && !renewing_since && now >= refusal.next_try();
}

void KeyVersionState::begin_renewal(AgeTime now, const KeyVersionStateSettings& settings) {
  renewing_since = now;
  awaited_until = now + settings.longest_request;
  not_before = now + kRenewalPause;
  wanted = false;
  if (refusal) (void)refusal.take_try(now);
}

std::optional<Error> KeyVersionState::cached_failure(AgeTime now) {
  if (refusal) {
    wanted = true;
    bool left_to_probe = renewing_since || now < refusal.next_try() + kProbeSlack;
    if (left_to_probe || !refusal.take_try(now)) return refusal.error();
    return std::nullopt;
  }
  if (!outage || (!renewing_since && outage.take_try(now))) return std::nullopt;
  auto error = outage.error();
  error.retry_after = std::max(std::chrono::ceil<milliseconds>(outage.next_try() - now), milliseconds(1'000));
  return error;
}

}  // namespace latchkey::keyring

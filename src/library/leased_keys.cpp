#include "library/leased_keys.hpp"

#include <algorithm>
#include <utility>

namespace latchkey::library {

namespace {

// How often a request is sent again because a refusal came in while its response was on the way.
constexpr int kMostTries = 3;

bool is_due(AgeTime asked_at, AgeTime ends_at, AgeTime now) {
  return now >= ends_at - (ends_at - asked_at) / 4;
}

Refusal refusal_of(const Error& error, const std::optional<RawId>& name) {
  auto of = [&] {
    if (error.code == ErrorCode::Unauthenticated) return Refusal::Of::Credential;
    if (error.code == ErrorCode::PermissionDenied) return Refusal::Of::Access;
    if (error.code == ErrorCode::NotFound && !name) return Refusal::Of::Workspace;
    return error.reason.code().starts_with("cmek_") ? Refusal::Of::CustomersKey : Refusal::Of::DataKey;
  };
  return {of(), name, {}};
}

// Longer than a call takes on a machine that does not sleep meanwhile.
constexpr std::chrono::seconds kLongestCall{45};

// True where the lease ended before its response was read because the machine slept, not because the lease is short.
bool is_of_before_sleep(const Result<LeasedKey>& response, AgeTime now) {
  return response && now >= response.value().ends_at && now - response.value().asked_at > kLongestCall;
}

}  // namespace

Result<LeasedKey> LeasedKeys::for_encryption() {
  return get(std::nullopt);
}

Result<LeasedKey> LeasedKeys::for_decryption(const RawId& id) {
  return get(id);
}

Result<void> LeasedKeys::keep(const RawId& id) {
  LATCHKEY_TRYV(get(id));
  return success();
}

// One question to the source, which other threads wait for. Its destructor ends the question, also where the source
// throws.
class LeasedKeys::Asking {
 public:
  Asking(LeasedKeys& keys, const Name& name) LATCHKEY_REQUIRES(keys.mutex_)
      : keys_(keys), name_(name), question_(std::make_shared<Question>()) {
    keys.questions_.emplace(name_, question_);
  }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;
  ~Asking() {
    keys_.mutex_.assert_held();
    question_->is_over = true;
    keys_.questions_.erase(name_);
    keys_.ended_.notify_all();
  }
  void fail(const Error& error) { question_->error = error; }

 private:
  LeasedKeys& keys_;
  Name name_;
  std::shared_ptr<Question> question_;
};

Result<LeasedKey> LeasedKeys::get(const Name& name) {
  MutexLock lock(mutex_);
  auto got = find_or_ask(name);
  if (!pending_events_.is_leased && pending_events_.refusals.empty()) return got;
  auto events = std::exchange(pending_events_, {});
  MutexRelease released(mutex_);
  if (events.is_leased && listeners_.on_lease) listeners_.on_lease();
  if (listeners_.on_refusal) std::ranges::for_each(events.refusals, listeners_.on_refusal);
  return got;
}

Result<LeasedKey> LeasedKeys::find_or_ask(const Name& name) {
  for (;;) {
    auto now = clock_.age_time();
    auto found = find(name, now);
    if (found && !found->is_due) {
      Name id = found->key.key->id();
      if (!found->is_to_check || questions_.contains(id)) return found->key;
      check(*id);
      continue;
    }
    auto failure = find_failure(name, now);
    auto asked = questions_.find(name);
    // Either the source said when to ask again, or another thread is asking: until then this thread uses the rest of
    // the lease.
    bool is_settled = failure || asked != questions_.end();
    if (found && is_settled) return found->key;
    if (failure) return *failure;
    if (!is_settled) return ask(name);
    auto question = asked->second;
    while (!question->is_over) ended_.wait(mutex_);
    if (question->error) return *question->error;
  }
}

Result<LeasedKey> LeasedKeys::ask(const Name& name) {
  Asking asking(*this, name);
  auto given = ask_source(name);
  if (!given) asking.fail(given.error());
  return given;
}

// Checks that the lease of `id` still holds; leases_ has the result.
void LeasedKeys::check(const RawId& id) {
  Asking asking(*this, id);
  if (auto checked = check_source(id); !checked) asking.fail(checked.error());
}

Result<void> LeasedKeys::check_source(const RawId& id) {
  auto holds = [&] {
    mutex_.assert_held();
    MutexRelease released(mutex_);
    return source_.check(id);
  }();
  if (!holds && holds.error().code == ErrorCode::NotFound) {
    // The server is another one, or was restarted: it may lease the key again, or say why not.
    if (auto anew = ask_source(id); !anew) return anew.error();
    holds = success();
  }
  if (!holds && holds.error().code != ErrorCode::Unavailable) return fail(id, holds.error()).error();
  auto& by_name = leases_.get<ByName>();
  auto lease = by_name.find(id);
  if (lease == by_name.end() || !lease->key.check_after) return success();
  auto next = *lease->key.check_after;
  if (!holds) next = std::max(next, holds.error().retry_after.value_or(next));
  by_name.modify(lease, [&](Lease& held) { held.check_at = clock_.age_time() + next; });
  return success();
}

// Asks the source without the lock. Its response is kept only where no refusal came in meanwhile.
Result<LeasedKey> LeasedKeys::ask_source(const Name& name) {
  for (int attempt = 0; attempt < kMostTries; ++attempt) {
    auto seen = refusals_;
    auto response = [&] {
      mutex_.assert_held();
      MutexRelease released(mutex_);
      return name ? source_.key(*name) : source_.active_key();
    }();
    if (!response) return fail(name, response.error());
    if (refusals_ != seen || is_of_before_sleep(response, clock_.age_time())) continue;
    take(name, response.value());
    return response;
  }
  return Error{ErrorCode::Unavailable, "the data key was refused and leased again and again", {}, "Try again"};
}

std::optional<LeasedKeys::Found> LeasedKeys::find(const Name& name, AgeTime now) {
  if (!name && (!active_ || now >= active_->ends_at)) return std::nullopt;
  auto& by_name = leases_.get<ByName>();
  auto lease = by_name.find(name ? *name : active_->id);
  if (lease == by_name.end() || now >= lease->key.ends_at) return std::nullopt;
  auto& by_use = leases_.get<ByUse>();
  by_use.relocate(by_use.begin(), leases_.project<ByUse>(lease));
  bool due = is_due(lease->key.asked_at, lease->key.ends_at, now);
  // Another key may have become the active one since.
  if (!name) due = due || is_due(active_->asked_at, active_->ends_at, now);
  return Found{lease->key, due, now >= lease->check_at};
}

std::optional<Error> LeasedKeys::find_failure(const Name& name, AgeTime now) {
  auto& by_name = failures_.get<ByName>();
  auto failure = by_name.find(name);
  if (failure == by_name.end()) return std::nullopt;
  if (now >= failure->until) {
    by_name.erase(failure);
    return std::nullopt;
  }
  auto& by_use = failures_.get<ByUse>();
  by_use.relocate(by_use.begin(), failures_.project<ByUse>(failure));
  return failure->error;
}

void LeasedKeys::take(const Name& name, const LeasedKey& key) {
  auto id = key.key->id();
  failures_.get<ByName>().erase(name);
  if (!name) active_ = Active{id, key.asked_at, key.ends_at};
  auto& by_name = leases_.get<ByName>();
  auto& by_use = leases_.get<ByUse>();
  auto held = by_name.find(id);
  Lease lease{id, key, key.check_after ? key.asked_at + *key.check_after : AgeTime::max()};
  if (held == by_name.end()) {
    by_use.push_front(std::move(lease));
  } else {
    if (held->key.asked_at <= key.asked_at) by_name.replace(held, std::move(lease));
    by_use.relocate(by_use.begin(), leases_.project<ByUse>(held));
  }
  pending_events_.is_leased = true;
  while (by_use.size() > limits_.most_leases) {
    forget_derived(by_use.back().id);
    by_use.pop_back();
  }
}

// After an error: returns what is left of the lease, or the error.
Result<LeasedKey> LeasedKeys::fail(const Name& name, const Error& error) {
  auto now = clock_.age_time();
  if (error.code == ErrorCode::Unavailable) {
    if (error.retry_after && error.retry_after->count() > 0) remember(name, error, now + *error.retry_after);
    auto found = find(name, now);
    return found ? Result<LeasedKey>(found->key) : error;
  }
  auto refusal = refusal_of(error, name);
  if (!name && active_) refusal.id = active_->id;
  bool is_unknown = error.code == ErrorCode::NotFound;
  if (is_unknown && name) remember(name, error, now + limits_.unknown_for);
  auto dropped = drop(refusal);
  // An unknown id, which a ciphertext may have made up, says nothing about the other keys.
  if (dropped.any || !is_unknown) {
    ++refusals_;
    refusal.external_keys = std::move(dropped.external_keys);
    pending_events_.refusals.push_back(std::move(refusal));
  }
  return error;
}

std::set<std::string> LeasedKeys::obey(const Refusal& refusal) {
  MutexLock lock(mutex_);
  ++refusals_;
  return drop(refusal).external_keys;
}

void LeasedKeys::forget_under(const std::set<std::string>& external_keys) {
  if (external_keys.empty()) return;
  MutexLock lock(mutex_);
  ++refusals_;
  drop_if([&](const LeasedKey& key) { return key.external_key_id && external_keys.contains(*key.external_key_id); });
}

void LeasedKeys::remember(const Name& name, const Error& error, AgeTime until) {
  failures_.get<ByName>().erase(name);
  auto& by_use = failures_.get<ByUse>();
  by_use.push_front(Failure{name, error, until});
  while (by_use.size() > limits_.most_failures) by_use.pop_back();
}

LeasedKeys::Dropped LeasedKeys::drop(const Refusal& refusal) {
  return drop_if([&](const LeasedKey& key) {
    switch (refusal.of) {
      case Refusal::Of::Credential:
      case Refusal::Of::Access:
      case Refusal::Of::Workspace:
        return true;
      case Refusal::Of::CustomersKey:
        if (key.external_key_id) return true;
        [[fallthrough]];
      case Refusal::Of::DataKey:
        return refusal.id && key.key->id() == *refusal.id;
    }
    return true;
  });
}

template <class Which>
LeasedKeys::Dropped LeasedKeys::drop_if(const Which& which) {
  Dropped dropped;
  leases_.get<ByUse>().remove_if([&](const Lease& lease) {
    mutex_.assert_held();
    if (!which(lease.key)) return false;
    dropped.any = true;
    if (lease.key.external_key_id) dropped.external_keys.insert(*lease.key.external_key_id);
    forget_derived(lease.id);
    return true;
  });
  return dropped;
}

void LeasedKeys::forget_derived(const RawId& id) {
  auto [first, last] = derived_.equal_range(id);
  for (auto entry = first; entry != last; ++entry) entry->second->forget();
}

void LeasedKeys::add(const RawId& id, Derived& derived) {
  MutexLock lock(mutex_);
  derived_.emplace(id, &derived);
}

void LeasedKeys::remove(const RawId& id, Derived& derived) {
  MutexLock lock(mutex_);
  auto [first, last] = derived_.equal_range(id);
  for (auto entry = first; entry != last; ++entry) {
    if (entry->second != &derived) continue;
    derived_.erase(entry);
    return;
  }
}

bool LeasedKeys::holds(const RawId& id) const {
  MutexLock lock(mutex_);
  const auto& by_name = leases_.get<ByName>();
  auto lease = by_name.find(id);
  return lease != by_name.end() && clock_.age_time() < lease->key.ends_at;
}

std::optional<AgeTime> LeasedKeys::sweep() {
  MutexLock lock(mutex_);
  auto now = clock_.age_time();
  (void)drop_if([&](const LeasedKey& key) { return now >= key.ends_at; });
  failures_.get<ByUse>().remove_if([&](const Failure& failure) { return now >= failure.until; });
  std::optional<AgeTime> next;
  for (const auto& lease : leases_.get<ByUse>()) next = std::min(next.value_or(lease.key.ends_at), lease.key.ends_at);
  return next;
}

void LeasedKeys::clear() {
  MutexLock lock(mutex_);
  ++refusals_;
  (void)drop_if([](const LeasedKey&) { return true; });
  failures_.clear();
  active_.reset();
}

LeasedKeys::Counts LeasedKeys::counts() const {
  MutexLock lock(mutex_);
  return {leases_.size(), failures_.size(), questions_.size()};
}

}  // namespace latchkey::library

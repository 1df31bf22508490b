#include "kms/vault_queue.hpp"

#include <algorithm>

namespace latchkey::kms {

namespace {

// The order of the other kinds, once an organisation has its turn.
constexpr std::array kAfterRenewals{CallKind::Request, CallKind::Validation, CallKind::Background};

constexpr std::size_t index(CallKind kind) {
  return static_cast<std::size_t>(kind);
}
constexpr auto kRenewals = index(CallKind::Renewal);

// Returns the map's entry of that name, and makes it where there is none.
template <class Map>
typename Map::mapped_type& named(Map& map, const std::string& name) {
  auto [found, is_new] = map.try_emplace(name);
  if (is_new) found->second.name = &found->first;
  return found->second;
}

}  // namespace

bool VaultQueue::push(const CallPtr& call, SteadyTime now) {
  expire(now);
  auto& organization = named(organizations_, call->organization_name_);
  // Renewals are never refused: they are few, one for each key version, and they decide whether leases go on.
  if (call->kind_ != CallKind::Renewal && organization.waiting >= limits_.waiting_per_organization) {
    forget_if_idle(organization);
    return false;
  }
  call->organization_ = &organization;
  call->key_ = &named(organization.keys, call->key_name_);
  bool goes = waiting_ == 0 && call->key_->in_flight < limits_.per_key && room(organization, call->kind_) == Room::Free;
  if (goes) {
    begin(*call, now);
  } else {
    enqueue(call);
  }
  return true;
}

VaultQueue::Admitted VaultQueue::admit(SteadyTime now) {
  expire(now);
  Admitted admitted;
  auto found = next();
  for (; found.call != nullptr; found = next()) {
    auto call = dequeue(*found.call);
    pass_turn(*call);
    begin(*call, now);
    admitted.calls.push_back(std::move(call));
  }
  if (found.waits_for_window && !begun_.empty()) admitted.next_room = begun_.front().when + limits_.window;
  return admitted;
}

void VaultQueue::finish(Call& call) {
  auto& organization = *call.organization_;
  --in_flight_;
  --in_flight_by_kind_[index(call.kind_)];
  --organization.in_flight;
  --call.key_->in_flight;
  call.state_ = Call::State::Idle;
  forget_if_idle(organization, *call.key_);
}

void VaultQueue::withdraw(Call& call) {
  auto withdrawn = dequeue(call);
  forget_if_idle(*withdrawn->organization_, *withdrawn->key_);
}

std::vector<VaultQueue::CallPtr> VaultQueue::drop(const std::string& organization, const std::string& key) {
  auto owner = organizations_.find(organization);
  if (owner == organizations_.end()) return {};
  auto found = owner->second.keys.find(key);
  if (found == owner->second.keys.end()) return {};
  std::vector<CallPtr> dropped;
  for (auto& waiting : found->second.waiting) {
    while (!waiting.empty()) dropped.push_back(dequeue(*waiting.front()));
  }
  forget_if_idle(owner->second, found->second);
  return dropped;
}

bool VaultQueue::is_idle(SteadyTime now) {
  expire(now);
  return organizations_.empty();
}

// Whether the budgets have room for one more call of this kind and organisation, or which of them is used up.
VaultQueue::Room VaultQueue::room(const Organization& organization, CallKind kind) const {
  bool renewal = kind == CallKind::Renewal;
  bool background = kind == CallKind::Background;
  auto free = [&](unsigned all, unsigned of_all, unsigned of_renewals, unsigned of_organization, unsigned of_kind) {
    if (of_all >= all || of_organization >= all - all / 4) return false;
    if (!renewal && of_all - of_renewals >= all - all / 8) return false;
    return kind != CallKind::Validation || of_kind < std::max(all / 4, 1U);
  };
  auto begun = static_cast<unsigned>(begun_.size());
  if (!free(limits_.per_window, begun, begun_by_kind_[kRenewals], organization.begun, begun_by_kind_[index(kind)])) {
    return Room::Window;
  }
  if (background && begun >= limits_.per_window / 2) return Room::Window;
  auto of_kind = in_flight_by_kind_[index(kind)];
  if (!free(limits_.per_vault, in_flight_, in_flight_by_kind_[kRenewals], organization.in_flight, of_kind)) {
    return Room::InFlight;
  }
  return background && of_kind >= limits_.background_per_vault ? Room::InFlight : Room::Free;
}

// A full vault is not searched: nothing gets through until a call ends, so a flood of waiting calls costs no time.
VaultQueue::Next VaultQueue::next() const {
  if (waiting_ == 0 || in_flight_ >= limits_.per_vault) return {};
  bool waits_for_window = false;
  if (renewals_waiting_ > 0) {
    for (const auto* organization : turns_) {
      auto found = next_of(*organization, CallKind::Renewal);
      if (found.call != nullptr) return found;
      waits_for_window = waits_for_window || found.waits_for_window;
    }
  }
  for (const auto* organization : turns_) {
    auto found = next_after_renewals(*organization);
    if (found.call != nullptr) return found;
    waits_for_window = waits_for_window || found.waits_for_window;
  }
  return {nullptr, waits_for_window};
}

VaultQueue::Next VaultQueue::next_of(const Organization& organization, CallKind kind) const {
  const auto& turns = organization.turns[index(kind)];
  if (turns.empty()) return {};
  auto left = room(organization, kind);
  if (left != Room::Free) return {nullptr, left == Room::Window};
  for (const auto* key : turns) {
    if (key->in_flight < limits_.per_key) return {key->waiting[index(kind)].front().get(), false};
  }
  return {};
}

VaultQueue::Next VaultQueue::next_after_renewals(const Organization& organization) const {
  bool requests_wait = !organization.turns[index(CallKind::Request)].empty();
  bool waits_for_window = false;
  for (auto kind : kAfterRenewals) {
    if (kind == CallKind::Background && requests_wait) continue;
    auto found = next_of(organization, kind);
    if (found.call != nullptr) return found;
    waits_for_window = waits_for_window || found.waits_for_window;
  }
  return {nullptr, waits_for_window};
}

void VaultQueue::enqueue(const CallPtr& call) {
  auto& organization = *call->organization_;
  auto& key = *call->key_;
  auto kind = index(call->kind_);
  if (organization.waiting == 0) organization.turn = turns_.insert(turns_.end(), &organization);
  auto& turns = organization.turns[kind];
  auto& waiting = key.waiting[kind];
  if (waiting.empty()) key.turn[kind] = turns.insert(turns.end(), &key);
  call->place_ = waiting.insert(waiting.end(), call);
  call->state_ = Call::State::Waiting;
  ++organization.waiting;
  ++waiting_;
  if (call->kind_ == CallKind::Renewal) ++renewals_waiting_;
}

// Takes a call out of the queue. Its key and its organisation lose their turns where no other call of theirs waits.
VaultQueue::CallPtr VaultQueue::dequeue(Call& call) {
  auto& organization = *call.organization_;
  auto kind = index(call.kind_);
  auto& waiting = call.key_->waiting[kind];
  auto taken = std::move(*call.place_);
  waiting.erase(call.place_);
  call.state_ = Call::State::Idle;
  if (waiting.empty()) organization.turns[kind].erase(call.key_->turn[kind]);
  if (--organization.waiting == 0) turns_.erase(organization.turn);
  --waiting_;
  if (call.kind_ == CallKind::Renewal) --renewals_waiting_;
  return taken;
}

// Puts the key and the organisation whose call was let through behind all others that wait.
void VaultQueue::pass_turn(const Call& call) {
  auto& organization = *call.organization_;
  auto kind = index(call.kind_);
  auto& turns = organization.turns[kind];
  if (!call.key_->waiting[kind].empty()) turns.splice(turns.end(), turns, call.key_->turn[kind]);
  if (organization.waiting > 0) turns_.splice(turns_.end(), turns_, organization.turn);
}

void VaultQueue::begin(Call& call, SteadyTime now) {
  auto& organization = *call.organization_;
  call.state_ = Call::State::InFlight;
  ++in_flight_;
  ++in_flight_by_kind_[index(call.kind_)];
  ++organization.in_flight;
  ++call.key_->in_flight;
  begun_.push_back({now, &organization, call.kind_});
  ++begun_by_kind_[index(call.kind_)];
  ++organization.begun;
}

void VaultQueue::expire(SteadyTime now) {
  while (!begun_.empty() && now - begun_.front().when >= limits_.window) {
    auto first = begun_.front();
    begun_.pop_front();
    --begun_by_kind_[index(first.kind)];
    --first.organization->begun;
    forget_if_idle(*first.organization);
  }
}

void VaultQueue::forget_if_idle(Organization& organization, Key& key) {
  bool waits = std::any_of(key.waiting.begin(), key.waiting.end(), [](const auto& calls) { return !calls.empty(); });
  if (!waits && key.in_flight == 0) organization.keys.erase(organization.keys.find(*key.name));
  forget_if_idle(organization);
}

void VaultQueue::forget_if_idle(Organization& organization) {
  bool idle = organization.waiting == 0 && organization.in_flight == 0 && organization.begun == 0;
  if (idle) organizations_.erase(organizations_.find(*organization.name));
}

}  // namespace latchkey::kms

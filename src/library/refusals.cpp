#include "library/refusals.hpp"

#include <atomic>
#include <memory>
#include <vector>

namespace latchkey::library {

namespace {

// True where `other` must obey the refusal that `hearer` received.
bool concerns(const Refusal& refusal, const Refusals::Holder& hearer, const Refusals::Holder& other) {
  bool is_same_workspace = other.workspace_id == hearer.workspace_id;
  bool is_same_credential = crypto::equal_constant_time(other.api_key.reveal(), hearer.api_key.reveal());
  switch (refusal.of) {
    case Refusal::Of::Credential:
      return is_same_credential;
    case Refusal::Of::Access:
    case Refusal::Of::Workspace:  // another credential may see the workspace
      return is_same_credential && is_same_workspace;
    case Refusal::Of::CustomersKey:
    case Refusal::Of::DataKey:
      return is_same_workspace;
  }
  return true;
}

}  // namespace

// A lock would not do: a forked child may inherit it locked, by a thread that the child does not have. So a child makes
// its own Refusals and leaves the inherited one as it is.
Refusals& Refusals::of_this_process() {
  static std::atomic<Refusals*> latest = nullptr;
  auto* found = latest.load();
  while (found == nullptr || !found->is_of_this_process()) {
    auto made = std::make_unique<Refusals>();
    made->before_ = found;
    if (latest.compare_exchange_strong(found, made.get())) found = made.release();
  }
  return *found;
}

bool Refusals::is_of_this_process() const {
  return process_ == ::getpid();
}

void Refusals::add(const Holder& holder) {
  if (!is_of_this_process()) return;
  MutexLock lock(mutex_);
  holders_.emplace(&holder.keys, holder);
}

void Refusals::remove(const LeasedKeys& keys) {
  if (!is_of_this_process()) return;
  MutexLock lock(mutex_);
  holders_.erase(&keys);
}

void Refusals::tell(const LeasedKeys& heard_by, const Refusal& refusal) {
  if (!is_of_this_process()) return;
  MutexLock lock(mutex_);
  auto hearer = holders_.find(&heard_by);
  if (hearer == holders_.end()) return;
  auto external_keys = refusal.external_keys;
  std::vector<LeasedKeys*> elsewhere;
  for (auto& [keys, other] : holders_) {
    if (keys == &heard_by || other.url != hearer->second.url) continue;
    if (concerns(refusal, hearer->second, other)) {
      external_keys.merge(other.keys.obey(refusal));
    } else {
      elsewhere.push_back(&other.keys);
    }
  }
  if (refusal.of != Refusal::Of::CustomersKey) return;
  for (auto* keys : elsewhere) keys->forget_under(external_keys);
}

}  // namespace latchkey::library

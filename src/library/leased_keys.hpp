// The data keys of one workspace that this process has on lease, by the server's own rules: a process uses a key until
// its lease ends, asks for it again a little before that, and wipes it the moment the source refuses it.
//
// Each data key has at most one lease, however it was asked for; "the active key" names one of them. A lease is dropped
// when it ends (sweep), when the source refuses it, or when there are too many and it is the least recently used one.
// Whatever was derived from the key is wiped with it. Failures are remembered, too: an id that the source does not
// have, and a time before which it does not want to be asked. They have a bound of their own, because ids come out of
// ciphertexts, which anybody can make up.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/multi_index/member.hpp>
#include <boost/multi_index/ordered_index.hpp>
#include <boost/multi_index/sequenced_index.hpp>
#include <boost/multi_index_container.hpp>

#include "base/mutex.hpp"
#include "library/lease_source.hpp"

namespace latchkey::library {

// What a refusal by the source is about, widest first.
struct Refusal {
  enum class Of {
    Credential,    // our API key, wherever it is used
    Access,        // our API key's access to this workspace
    Workspace,     // it does not exist
    CustomersKey,  // and so all data keys that a customer's key wraps
    DataKey,       // the one that was asked for
  };
  Of of;
  std::optional<RawId> id;              // the data key that was asked for
  std::set<std::string> external_keys;  // the customer's keys that wrapped the leases dropped for this
};

struct LeasedKeysLimits {
  std::size_t most_leases = 1024;
  std::size_t most_failures = 1024;
  // How long to wait before asking again for an id that the source does not have.
  std::chrono::milliseconds unknown_for{10'000};
};

// LeasedKeys calls these from any thread, without a lock, before the call that caused the event returns. Each may be
// empty.
struct LeasedKeysListeners {
  // A lease has begun: call sweep, which says when to call it again.
  std::function<void()> on_lease{};
  // The source has refused: every other holder of the same keys must obey the refusal, too.
  std::function<void(const Refusal&)> on_refusal{};
};

// Thread-safe. Where many threads need a key at once, one of them asks the source, and the others wait for its response
// or error.
class LeasedKeys {
 public:
  // Something that was derived from a leased key and is kept elsewhere.
  class Derived {
   public:
    Derived() = default;
    Derived(const Derived&) = delete;
    Derived& operator=(const Derived&) = delete;
    virtual ~Derived() = default;
    // Wipes it at once, or, where it is in use, at the end of that use. LeasedKeys calls it under its lock, so it must
    // not call LeasedKeys.
    virtual void forget() = 0;
  };

  // `source` and `clock` must outlive it.
  LeasedKeys(LeaseSource& source, const Clock& clock, LeasedKeysListeners listeners = {}, LeasedKeysLimits limits = {})
      : source_(source), clock_(clock), listeners_(std::move(listeners)), limits_(limits) {}
  LeasedKeys(const LeasedKeys&) = delete;
  LeasedKeys& operator=(const LeasedKeys&) = delete;
  ~LeasedKeys() = default;

  // Returns a key that may be used now. In the last quarter of a lease one thread asks for the key again, while the
  // others go on. Where the source cannot be reached, callers use up the rest of the lease, and then receive
  // Unavailable; the source is not asked again before the time that it said. Where the source refuses, the key is wiped
  // at once and callers receive the source's error: a refusal of the customer's key ends every lease under such a key,
  // and a refusal of our credential ends all. Each check_after, one thread checks that the lease still holds, while the
  // others go on; where the source cannot be reached, the lease holds.
  [[nodiscard]] Result<LeasedKey> for_encryption();
  [[nodiscard]] Result<LeasedKey> for_decryption(const RawId& id);
  // Success where a key that came from here may still be used. Renews its lease where that is due. Errors as above.
  [[nodiscard]] Result<void> keep(const RawId& id);

  // From now on a lease of that key that is dropped has `derived` forget. Remove `derived` before it is destroyed.
  void add(const RawId& id, Derived& derived);
  void remove(const RawId& id, Derived& derived);
  // True where the key is on lease now; the source is not asked.
  [[nodiscard]] bool holds(const RawId& id) const;

  // Obeys a refusal that another holder of the same workspace received: drops the leases that it is about, and those on
  // their way from the source. Returns the customer's keys that wrapped the dropped leases.
  std::set<std::string> obey(const Refusal& refusal);
  // The same for a holder of another workspace: drops the leases under these customer's keys.
  void forget_under(const std::set<std::string>& external_keys);

  // Drops what has ended. Returns when the next lease ends; absent where none is held.
  [[nodiscard]] std::optional<AgeTime> sweep();
  // Drops everything.
  void clear();

  struct Counts {
    std::size_t leases = 0;
    std::size_t failures = 0;
    std::size_t questions = 0;  // calls to the source in progress
  };
  [[nodiscard]] Counts counts() const;

 private:
  using Name = std::optional<RawId>;  // the key that is asked for; absent: the active key
  struct Lease {
    RawId id;
    LeasedKey key;
    AgeTime check_at;
  };
  struct Failure {
    Name name;
    Error error;
    AgeTime until;
  };
  struct Active {
    RawId id;
    AgeTime asked_at;
    AgeTime ends_at;
  };
  struct Question {
    bool is_over = false;
    std::optional<Error> error;
  };
  class Asking;
  struct ByName {};
  struct ByUse {};  // the most recent first
  template <class Entry, class Key, Key Entry::*Member>
  using Recent = boost::multi_index_container<
      Entry,
      boost::multi_index::indexed_by<boost::multi_index::ordered_unique<boost::multi_index::tag<ByName>,
                                                                        boost::multi_index::member<Entry, Key, Member>>,
                                     boost::multi_index::sequenced<boost::multi_index::tag<ByUse>>>>;
  struct Found {
    LeasedKey key;
    bool is_due = false;
    bool is_to_check = false;
  };

  [[nodiscard]] Result<LeasedKey> get(const Name& name);
  [[nodiscard]] Result<LeasedKey> find_or_ask(const Name& name) LATCHKEY_REQUIRES(mutex_);
  [[nodiscard]] Result<LeasedKey> ask(const Name& name) LATCHKEY_REQUIRES(mutex_);
  [[nodiscard]] Result<LeasedKey> ask_source(const Name& name) LATCHKEY_REQUIRES(mutex_);
  void check(const RawId& id) LATCHKEY_REQUIRES(mutex_);
  [[nodiscard]] Result<void> check_source(const RawId& id) LATCHKEY_REQUIRES(mutex_);
  [[nodiscard]] std::optional<Found> find(const Name& name, AgeTime now) LATCHKEY_REQUIRES(mutex_);
  [[nodiscard]] std::optional<Error> find_failure(const Name& name, AgeTime now) LATCHKEY_REQUIRES(mutex_);
  void take(const Name& name, const LeasedKey& key) LATCHKEY_REQUIRES(mutex_);
  [[nodiscard]] Result<LeasedKey> fail(const Name& name, const Error& error) LATCHKEY_REQUIRES(mutex_);
  void remember(const Name& name, const Error& error, AgeTime until) LATCHKEY_REQUIRES(mutex_);
  struct Dropped {
    bool any = false;
    std::set<std::string> external_keys;  // that wrapped the dropped leases
  };
  Dropped drop(const Refusal& refusal) LATCHKEY_REQUIRES(mutex_);
  template <class Which>
  Dropped drop_if(const Which& which) LATCHKEY_REQUIRES(mutex_);
  void forget_derived(const RawId& id) LATCHKEY_REQUIRES(mutex_);

  LeaseSource& source_;
  const Clock& clock_;
  LeasedKeysListeners listeners_;
  LeasedKeysLimits limits_;
  mutable Mutex mutex_;  // not held while the source is asked
  Condition ended_;
  Recent<Lease, RawId, &Lease::id> leases_ LATCHKEY_GUARDED_BY(mutex_);
  Recent<Failure, Name, &Failure::name> failures_ LATCHKEY_GUARDED_BY(mutex_);
  std::optional<Active> active_ LATCHKEY_GUARDED_BY(mutex_);
  std::map<Name, std::shared_ptr<Question>> questions_ LATCHKEY_GUARDED_BY(mutex_);
  std::multimap<RawId, Derived*> derived_ LATCHKEY_GUARDED_BY(mutex_);
  std::uint64_t refusals_ LATCHKEY_GUARDED_BY(mutex_) = 0;
  // What the listeners have yet to be told.
  struct PendingEvents {
    bool is_leased = false;
    std::vector<Refusal> refusals;
  };
  PendingEvents pending_events_;
};

}  // namespace latchkey::library

// The data keys of one workspace that this process has on lease, by the server's own rules: a key is used until its
// lease ends, asked for again a little before that, and forgotten, and wiped, the moment somebody refuses it.
//
// A lease is held once for each data key, however it was asked for: the active key is the name of one of them. It goes
// when it ends (sweep), when the lender refuses it, and, of too many, when it is the least recently used one; what was
// derived from it goes with it. What the lender did not have, or could not give before a time that it said, is
// remembered until then, within a bound of its own: ids come out of ciphertexts, which anybody can make up.
#pragma once

#include <condition_variable>
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

#include "library/key_lender.hpp"

namespace latchkey::library {

// What a lender's no speaks of, widest first.
struct Refusal {
  enum class Of {
    Credential,    // ours, wherever it is used
    Access,        // ours, to this workspace
    Workspace,     // it is not there
    CustomersKey,  // and so all data keys under one
    DataKey,       // the one that was asked for
  };
  Of of;
  std::optional<RawId> id;              // of the data key that was asked for
  std::set<std::string> external_keys;  // the customer's keys under which something was held until now
};

struct LeasedKeysLimits {
  std::size_t most_leases = 1024;
  std::size_t most_failures = 1024;
  // For how long an id that the lender does not have is not asked for again.
  std::chrono::milliseconds unknown_for{10'000};
};

// Called from any thread, without a lock, before the call that has news returns. Each may be empty.
struct LeasedKeysListeners {
  // A lease was taken: it is time to call sweep, which says when it wants to be called again.
  std::function<void()> on_lease{};
  // The lender has refused: whoever holds the same is to obey it, too.
  std::function<void(const Refusal&)> on_refusal{};
};

// Thread-safe. However many threads need a key at once, one asks and the others wait for its answer, or for its error.
class LeasedKeys {
 public:
  // What was derived from a leased key and lies elsewhere.
  class Derived {
   public:
    Derived() = default;
    Derived(const Derived&) = delete;
    Derived& operator=(const Derived&) = delete;
    virtual ~Derived() = default;
    // Wipes it, or has whoever uses it now do so at the end. Called under a lock: it calls no LeasedKeys.
    virtual void forget() = 0;
  };

  // `lender` and `clock` outlive it.
  LeasedKeys(KeyLender& lender, const Clock& clock, LeasedKeysListeners listeners = {}, LeasedKeysLimits limits = {})
      : lender_(lender), clock_(clock), listeners_(std::move(listeners)), limits_(limits) {}
  LeasedKeys(const LeasedKeys&) = delete;
  LeasedKeys& operator=(const LeasedKeys&) = delete;
  ~LeasedKeys() = default;

  // A key that may be used now. Within the last quarter of a lease one thread asks again while the others go on; where
  // the lender cannot be reached, what is left of the lease is used up, and then the error is Unavailable; it is not
  // asked again before the time that it said. Where it refuses, the key is gone at once, and the error is the lender's:
  // a refusal of the customer's key ends every lease under one, and one of our credential ends all. Each check_after
  // one thread asks whether the lease still holds, while the others go on; where the lender cannot be reached, it does.
  [[nodiscard]] Result<LeasedKey> for_encryption();
  [[nodiscard]] Result<LeasedKey> for_decryption(const RawId& id);
  // Whether the key of that id, which was had from here before, may still be used. Renews it where it is due. Errors
  // as above.
  [[nodiscard]] Result<void> keep(const RawId& id);

  // Has `derived` forget whenever a lease of that key goes, from now on. It is removed before it goes.
  void add(const RawId& id, Derived& derived);
  void remove(const RawId& id, Derived& derived);
  // Whether the key is on lease now; the lender is not asked.
  [[nodiscard]] bool holds(const RawId& id) const;

  // Forgets what a refusal speaks of that another one of the same workspace has heard, and what is being lent meanwhile
  // with it. Gives the customer's keys under which something was held.
  std::set<std::string> obey(const Refusal& refusal);
  // The same in another workspace: what is held under these customer's keys.
  void forget_under(const std::set<std::string>& external_keys);

  // Forgets what is over. Gives when the next lease ends; absent where none is held.
  [[nodiscard]] std::optional<AgeTime> sweep();
  // Forgets everything.
  void clear();

  struct Counts {
    std::size_t leases = 0;
    std::size_t failures = 0;
    std::size_t questions = 0;  // that the lender is asked now
  };
  [[nodiscard]] Counts counts() const;

 private:
  using Name = std::optional<RawId>;  // what is asked for; absent: the active key
  using Lock = std::unique_lock<std::mutex>;
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
  [[nodiscard]] Result<LeasedKey> find_or_ask(Lock& lock, const Name& name);
  [[nodiscard]] Result<LeasedKey> ask(Lock& lock, const Name& name);
  [[nodiscard]] Result<LeasedKey> ask_lender(Lock& lock, const Name& name);
  void check(Lock& lock, const RawId& id);
  [[nodiscard]] Result<void> check_lender(Lock& lock, const RawId& id);
  [[nodiscard]] std::optional<Found> find(const Name& name, AgeTime now);
  [[nodiscard]] std::optional<Error> find_failure(const Name& name, AgeTime now);
  void take(const Name& name, const LeasedKey& key);
  [[nodiscard]] Result<LeasedKey> fail(const Name& name, const Error& error);
  void remember(const Name& name, const Error& error, AgeTime until);
  struct Dropped {
    bool any = false;
    std::set<std::string> external_keys;  // under which it was held
  };
  Dropped drop(const Refusal& refusal);
  template <class Which>
  Dropped drop_if(const Which& which);
  void forget_derived(const RawId& id);

  KeyLender& lender_;
  const Clock& clock_;
  LeasedKeysListeners listeners_;
  LeasedKeysLimits limits_;
  mutable std::mutex mutex_;  // over everything below; the lender is asked without it
  std::condition_variable answered_;
  Recent<Lease, RawId, &Lease::id> leases_;
  Recent<Failure, Name, &Failure::name> failures_;
  std::optional<Active> active_;
  std::map<Name, std::shared_ptr<Question>> questions_;
  std::multimap<RawId, Derived*> derived_;
  std::uint64_t refusals_ = 0;
  // What the listeners are to be told.
  struct News {
    bool is_leased = false;
    std::vector<Refusal> refusals;
  };
  News news_;
};

}  // namespace latchkey::library

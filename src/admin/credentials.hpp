// API keys: made once, shown once, stored hashed. "sk-latchkey-admin01-" (service01, compliance01, workspace01) and 43
// base64url characters of 32 random bytes: enough entropy for a plain SHA-256 to be a safe hash.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "audit/caller.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/task.hpp"
#include "store/store.hpp"

namespace latchkey::admin {

struct NewApiKey {
  store::ApiKey row;
  std::string secret;  // the only time it is seen
};

struct OrganizationCreated {
  store::Organization organization;
  store::Workspace default_workspace;
  NewApiKey admin_key;
};

class Credentials {
 public:
  // An organisation has at most `most_keys` that are not revoked.
  Credentials(store::Store& store, const Clock& clock, RandomSource& random, std::size_t most_keys = 1'000);

  // The caller behind an API key. Unauthenticated where it is unknown, revoked, or not of our shape; the message never
  // repeats it.
  [[nodiscard]] Task<Result<audit::Caller>> authenticate(std::string_view api_key, std::string ip_address,
                                                         std::string user_agent);
  // The same by its hash.
  [[nodiscard]] Task<Result<audit::Caller>> authenticate(crypto::Sha256 hash, std::string ip_address,
                                                         std::string user_agent);

  // For one whose request lasts: between the work and the answer it must be known that the API key is good still.
  // Whether API keys of the caller's organisation have ended in this process since the caller was authenticated,
  // perhaps this one. What others do with theirs does not count. Takes no lock.
  [[nodiscard]] bool may_have_ended(const audit::Caller& caller) const;
  // To be told that they may have, once that is durable, where it is not this class that ended them.
  void note_ended(const Uuid& organization);
  // confirm_caller, in a transaction of its own; true of the moment in which it returns, too, where this process ends
  // the key. Unavailable where it cannot be known.
  [[nodiscard]] Task<Result<void>> confirm(audit::Caller caller);

  // An organisation, its default workspace and its first admin key, in one transaction. `id`: for one that exists
  // elsewhere; absent makes one. Invalid where the name is empty or above 255 characters, Conflict where the id is
  // taken.
  [[nodiscard]] Task<Result<OrganizationCreated>> create_organization(std::string name, std::optional<Uuid> id);
  [[nodiscard]] Task<Result<std::vector<store::Organization>>> list_organizations();
  [[nodiscard]] Task<Result<store::Organization>> get_organization(Uuid id);

  // `workspace_id` goes with Role::Workspace and no other. NotFound where the organisation or workspace is not there;
  // Invalid for an archived workspace, and where the organisation has as many keys as it may have.
  [[nodiscard]] Task<Result<NewApiKey>> create_api_key(Uuid organization, store::Role role, std::string name,
                                                       std::optional<std::string> workspace_id);
  [[nodiscard]] Task<Result<std::vector<store::ApiKey>>> list_api_keys(Uuid organization);
  // NotFound where there is no such key.
  [[nodiscard]] Task<Result<void>> revoke_api_key(Uuid organization, std::string id);

 private:
  store::Store& store_;
  const Clock& clock_;
  RandomSource& random_;
  using Moment = std::atomic<std::uint64_t>;
  [[nodiscard]] Moment& ended_at(const Uuid& organization) const;

  // Moments are numbered over all organisations, so that a caller can be given one before it is known whose it is.
  Moment last_ended_ = 0;
  // When keys of an organisation ended last. A fixed number of them, found by hash: two that share one ask the store
  // once more than they need to.
  std::unique_ptr<Moment[]> ended_at_;  // NOLINT(modernize-avoid-c-arrays): atomics cannot be moved into a vector.
  std::size_t most_keys_;
};

// By which an API key is found; absent where it does not have our shape, and so is none.
[[nodiscard]] std::optional<crypto::Sha256> hash_of_api_key(std::string_view api_key);

}  // namespace latchkey::admin

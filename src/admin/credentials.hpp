// API keys. A key is shown once, when it is made, and stored as a hash. It is "sk-latchkey-admin01-" (service01,
// compliance01, workspace01) and 43 base64url characters of 32 random bytes: enough entropy for a plain SHA-256 to be a
// safe hash.
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
  // An organisation may have at most `most_keys` keys that are not revoked.
  Credentials(store::Store& store, const Clock& clock, RandomSource& random, std::size_t most_keys = 1'000);

  // The caller that an API key belongs to. Unauthenticated where the key is unknown, revoked, or not of our shape; the
  // message never repeats it.
  [[nodiscard]] Task<Result<audit::Caller>> authenticate(std::string_view api_key, std::string ip_address,
                                                         std::string user_agent);
  // The same for the key's hash.
  [[nodiscard]] Task<Result<audit::Caller>> authenticate(crypto::Sha256 hash, std::string ip_address,
                                                         std::string user_agent);

  // Whether this process has ended API keys of the caller's organisation, perhaps the caller's own, since it
  // authenticated the caller. A request that lasts asks this between its work and its response. Keys of other
  // organisations do not count. Takes no lock.
  [[nodiscard]] bool may_have_ended(const audit::Caller& caller) const;
  // To be called where other code than this class ended API keys of the organisation, once that is durable.
  void note_ended(const Uuid& organization);
  // Runs confirm_caller in a transaction of its own. Where this process ends the key meanwhile, the result holds for
  // the moment of the return, too. Unavailable where the store cannot say.
  [[nodiscard]] Task<Result<void>> confirm(audit::Caller caller);

  // Makes an organisation, its default workspace and its first admin key in one transaction. `id` is for an
  // organisation that exists elsewhere; absent makes a new one. Invalid where the name is empty or above 255
  // characters, Conflict where the id is taken.
  [[nodiscard]] Task<Result<OrganizationCreated>> create_organization(std::string name, std::optional<Uuid> id);
  [[nodiscard]] Task<Result<std::vector<store::Organization>>> list_organizations();
  [[nodiscard]] Task<Result<store::Organization>> get_organization(Uuid id);

  // `workspace_id` belongs to Role::Workspace and to no other role. NotFound where the organisation or the workspace
  // does not exist; Invalid for an archived workspace, and where the organisation has as many keys as it may have.
  [[nodiscard]] Task<Result<NewApiKey>> create_api_key(Uuid organization, store::Role role, std::string name,
                                                       std::optional<std::string> workspace_id);
  [[nodiscard]] Task<Result<std::vector<store::ApiKey>>> list_api_keys(Uuid organization);
  // NotFound where the organisation has no such key.
  [[nodiscard]] Task<Result<void>> revoke_api_key(Uuid organization, std::string id);

 private:
  store::Store& store_;
  const Clock& clock_;
  RandomSource& random_;
  using Moment = std::atomic<std::uint64_t>;
  [[nodiscard]] Moment& ended_at(const Uuid& organization) const;

  // Moments are numbered across all organisations, so that a caller gets one before its organisation is known.
  Moment last_ended_ = 0;
  // The moment at which keys of an organisation ended last. There is a fixed number of these, found by hash: two
  // organisations that share one ask the store more often than they need to.
  std::unique_ptr<Moment[]> ended_at_;  // NOLINT(modernize-avoid-c-arrays): atomics cannot be moved into a vector.
  std::size_t most_keys_;
};

// The hash by which an API key is found; absent where the text does not have the shape of an API key.
[[nodiscard]] std::optional<crypto::Sha256> hash_of_api_key(std::string_view api_key);

}  // namespace latchkey::admin

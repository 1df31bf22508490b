// API keys. A key is shown once, when it is made, and stored as a hash. It is "sk-latchkey-admin01-" (service01,
// compliance01, workspace01) and 43 base64url characters of 32 random bytes: enough entropy for a plain SHA-256 to be a
// safe hash.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "audit/caller.hpp"
#include "base/clock.hpp"
#include "base/lru.hpp"
#include "base/random.hpp"
#include "base/task.hpp"
#include "crypto/hash.hpp"
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

  // The caller that an API key belongs to. It remembers keys, and asks the store again where store::Changes says so.
  // Unauthenticated where the key is unknown, revoked, or not of our shape; the message never repeats it.
  [[nodiscard]] Task<Result<audit::Caller>> authenticate(std::string_view api_key, std::string ip_address,
                                                         std::string user_agent);
  // The same for the key's hash.
  [[nodiscard]] Task<Result<audit::Caller>> authenticate(crypto::Sha256 hash, std::string ip_address,
                                                         std::string user_agent);

  // The same where this process knows the key and nothing has to be looked up, which is nearly always; absent where the
  // caller has to call authenticate.
  [[nodiscard]] std::optional<audit::Caller> at_hand(const crypto::Sha256& hash);

  // The owner of the key when it was last looked up: id, organisation, role and workspace. Null for a key that this
  // process does not know or has forgotten. It lets nobody in.
  [[nodiscard]] std::shared_ptr<const audit::Caller> last_known(const crypto::Sha256& hash);

  // Whether API keys of the caller's organisation, perhaps the caller's own, may have ended since the caller was
  // authenticated. A request that lasts asks this between its work and its response. Keys of other organisations do not
  // count. Takes no lock.
  [[nodiscard]] bool may_have_ended(const audit::Caller& caller) const;
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
  std::size_t most_keys_;
  struct Known {
    audit::Caller caller;  // nothing of a request; keys_as_of is the moment before the look-up
    AgeTime read_at;
  };
  Lru<crypto::Sha256, Known, crypto::HashOfSha256> known_;
};

// The hash by which an API key is found; absent where the text does not have the shape of an API key.
[[nodiscard]] std::optional<crypto::Sha256> hash_of_api_key(std::string_view api_key);

}  // namespace latchkey::admin

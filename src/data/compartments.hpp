// Finds what the keyring needs of a workspace by the workspace's id. Here the data plane checks that the caller may use
// the workspace. What was found is remembered, and looked up again where store::Changes says so.
#pragma once

#include "admin/lease_policies.hpp"
#include "audit/caller.hpp"
#include "base/clock.hpp"
#include "base/lru.hpp"
#include "base/task.hpp"
#include "keyring/keyring.hpp"
#include "kms/providers.hpp"
#include "store/store.hpp"

namespace latchkey::data {

enum class Purpose { Encrypt, Decrypt };

class Compartments {
 public:
  using Opened = std::shared_ptr<const keyring::Compartment>;

  // An organisation's lease ages apply up to a soft age of `most_soft` (allowed_ages). All references outlive the
  // object.
  Compartments(store::Store& store, const kms::Providers& clouds, const Clock& clock,
               std::chrono::milliseconds most_soft = admin::kDefaultMostSoft);
  // PermissionDenied for roles without data (admin, compliance); NotFound for a workspace of another organisation or,
  // for a workspace's own key, another workspace; Invalid for encrypting in an archived workspace; ContextUnavailable
  // where the store cannot be read (fail closed); KeyDenied with reason "suspended" while the workspace's key is.
  [[nodiscard]] Task<Result<Opened>> open(const audit::Caller& caller, std::string_view workspace_id, Purpose purpose);
  // The same where nothing has to be looked up, which is nearly always; absent where the caller has to call open().
  [[nodiscard]] std::optional<Result<Opened>> at_hand(const audit::Caller& caller, std::string_view workspace_id,
                                                      Purpose purpose);

 private:
  struct Known {
    keyring::Compartment compartment;
    bool is_archived = false;
    std::optional<Error> suspended = std::nullopt;
    store::Changes::Moment as_of = 0;
    AgeTime read_at;
  };
  [[nodiscard]] Task<Result<std::shared_ptr<const Known>>> look_up(const Uuid& organization, std::string workspace_id);
  [[nodiscard]] static Result<Opened> check(const std::shared_ptr<const Known>& known, Purpose purpose);

  store::Store& store_;
  const kms::Providers& clouds_;
  const Clock& clock_;
  std::chrono::milliseconds most_soft_;
  Lru<std::string, Known, HashOfText> known_;  // by the workspace's id
};

}  // namespace latchkey::data

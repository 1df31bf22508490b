// Finds what the keyring needs of a workspace by the workspace's id. Here the data plane checks that the caller may use
// the workspace.
#pragma once

#include "admin/lease_policies.hpp"
#include "audit/caller.hpp"
#include "base/task.hpp"
#include "keyring/keyring.hpp"
#include "kms/providers.hpp"
#include "store/store.hpp"

namespace latchkey::data {

enum class Purpose { Encrypt, Decrypt };

class Compartments {
 public:
  // An organisation's lease ages apply up to a soft age of `most_soft` (allowed_ages). All references outlive the
  // object.
  Compartments(store::Store& store, const kms::Providers& clouds,
               std::chrono::milliseconds most_soft = admin::kDefaultMostSoft)
      : store_(store), clouds_(clouds), most_soft_(most_soft) {}
  // PermissionDenied for roles without data (admin, compliance); NotFound for a workspace of another organisation or,
  // for a workspace's own key, another workspace; Invalid for encrypting in an archived workspace; ContextUnavailable
  // where the store cannot be read (fail closed); KeyDenied with reason "suspended" while the workspace's key is.
  [[nodiscard]] Task<Result<keyring::Compartment>> open(audit::Caller caller, std::string workspace_id,
                                                        Purpose purpose);

 private:
  store::Store& store_;
  const kms::Providers& clouds_;
  std::chrono::milliseconds most_soft_;
};

}  // namespace latchkey::data

#include "admin/owners_terms.hpp"

#include "admin/lease_policies.hpp"
#include "admin/suspensions.hpp"
#include "base/id.hpp"

namespace latchkey::admin {

namespace {

Result<kms::OwnersTerms> find_terms(store::Transaction& tx, const Uuid& organization, std::string_view external_key_id,
                                    std::chrono::milliseconds most_soft) {
  LATCHKEY_TRYV(refuse_if_suspended(tx, organization, external_key_id));
  LATCHKEY_TRY(auto leases, tx.find_lease_policy(organization));
  if (!leases) return kms::OwnersTerms{};
  auto ages = allowed_ages({leases->soft, leases->hard}, most_soft);
  return kms::OwnersTerms{kms::SignInAges{ages.soft, ages.hard}};
}

Task<Result<kms::OwnersTerms>> read_terms(store::Store& store, std::chrono::milliseconds most_soft,
                                          kms::AskedFor asked_for) {
  if (asked_for.external_key_id.empty()) co_return kms::OwnersTerms{};
  LATCHKEY_CO_TRY(auto organization, parse_uuid(asked_for.organization));
  auto find = [organization, id = std::move(asked_for.external_key_id), most_soft](store::Transaction& tx) {
    return find_terms(tx, organization, id, most_soft);
  };
  co_return co_await store.look_up(std::move(find));
}

}  // namespace

kms::ReadTerms read_terms_from(store::Store& store, std::chrono::milliseconds most_soft) {
  return [&store, most_soft](const kms::AskedFor& asked_for) { return read_terms(store, most_soft, asked_for); };
}

}  // namespace latchkey::admin

#include "audit/caller.hpp"

namespace latchkey::audit {

Error unknown_api_key() {
  return Error{ErrorCode::Unauthenticated,
               "The API key is not valid: it is unknown, was revoked, or is not whole",
               {},
               "Send a current key in the x-api-key header."};
}

Result<void> confirm_caller(store::Transaction& transaction, const Caller& caller) {
  if (!caller.api_key_hash) return success();
  LATCHKEY_TRY(auto row, transaction.find_api_key_by_hash(*caller.api_key_hash));
  if (!row || row->revoked_at) return unknown_api_key();
  return success();
}

}  // namespace latchkey::audit

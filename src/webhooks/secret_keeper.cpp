#include "webhooks/secret_keeper.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "crypto/hash.hpp"
#include "webhooks/signature.hpp"

namespace latchkey::webhooks {

namespace {

constexpr std::chrono::seconds kTimeout{5};

crypto::Sha256 mark_of(std::string_view endpoint_id) {
  return crypto::sha256({as_bytes("latchkey-webhook-secret-v1"), as_bytes(endpoint_id)});
}

crypto::SecretBytes with_mark(const crypto::SecretBytes& secret, std::string_view endpoint_id) {
  auto mark = mark_of(endpoint_id);
  crypto::SecretBytes both(secret.size() + mark.size());
  auto rest = std::ranges::copy(secret.reveal(), both.mutable_view().begin()).out;
  std::ranges::copy(mark, rest);
  return both;
}

}  // namespace

Task<Result<NewSecret>> SecretKeeper::make(std::string endpoint_id) {
  NewSecret made;
  made.secret = crypto::SecretBytes::random(kSecretSize, random_);
  auto marked = with_mark(made.secret, endpoint_id);
  kms::KeyLocation root;
  LATCHKEY_CO_TRY(auto wrapped, co_await provider_.wrap(root, kms::Binding{}, marked, clock_.steady() + kTimeout));
  made.wrapped = {std::move(wrapped.key_version), std::move(wrapped.ciphertext)};
  co_return made;
}

Task<Result<crypto::SecretBytes>> SecretKeeper::open(std::string endpoint_id, store::WrappedSecret wrapped) {
  kms::WrappedKey key{std::move(wrapped.key_version), std::move(wrapped.wrapped)};
  kms::KeyLocation root;
  LATCHKEY_CO_TRY(auto unwrapped, co_await provider_.unwrap(root, kms::Binding{}, key, clock_.steady() + kTimeout));
  auto marked = std::move(unwrapped.secret);
  auto mark = mark_of(endpoint_id);
  if (marked.size() != kSecretSize + mark.size() ||
      !crypto::equal_constant_time(marked.reveal().subspan(kSecretSize), mark)) {
    co_return Error{ErrorCode::Corrupt,
                    fmt::format("The signing secret in the row of webhook endpoint {0} is not its own. Give it a new "
                                "one: latchkey webhooks rotate {0}",
                                endpoint_id)};
  }
  marked.shrink(kSecretSize);
  co_return marked;
}

}  // namespace latchkey::webhooks

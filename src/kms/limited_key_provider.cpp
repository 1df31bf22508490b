#include "kms/limited_key_provider.hpp"

#include <algorithm>

#include "kms/key_errors.hpp"
#include "kms/reasons.hpp"

namespace latchkey::kms {

template <class T>
Task<Result<T>> LimitedKeyProvider::call(KeyLocation key, Deadline deadline,
                                         std::function<Task<Result<T>>(Deadline)> work) {
  auto scope = key.key().limit_scope();
  if (!scope.is_counted()) co_return co_await work(deadline);
  // A key that is not registered has no id, so the limiter knows it by its own name.
  const auto& whose = key.asked_for();
  VaultCall call{scope.service(), whose.organization,
                 whose.external_key_id.empty() ? scope.key() : whose.external_key_id, kind_};
  LATCHKEY_CO_TRY(auto pass, co_await limiter_->enter(call, deadline));
  auto result = co_await work(std::min(deadline, limiter_->now() + call_timeout_));
  // After throttling, or without a turn at the sign-in, a caller must wait; the calls that wait here do so already.
  bool unreachable = !result && result.error().code == ErrorCode::KeyUnreachable;
  bool may_wait = unreachable && (result.error().reason == reason::kThrottled || was_not_asked(result.error()));
  if (unreachable && !may_wait) limiter_->turn_away(call, result.error());
  co_return result;
}

Task<Result<WrappedKey>> LimitedKeyProvider::wrap(const KeyLocation& key, const Binding& binding,
                                                  const crypto::SecretBytes& secret, Deadline deadline) {
  std::function<Task<Result<WrappedKey>>(Deadline)> work = [this, &key, &binding, &secret](Deadline until) {
    return inner_.wrap(key, binding, secret, until);
  };
  co_return co_await call(key, deadline, std::move(work));
}

Task<Result<UnwrappedKey>> LimitedKeyProvider::unwrap(const KeyLocation& key, const Binding& binding,
                                                      const WrappedKey& wrapped, Deadline deadline) {
  std::function<Task<Result<UnwrappedKey>>(Deadline)> work = [this, &key, &binding, &wrapped](Deadline until) {
    return inner_.unwrap(key, binding, wrapped, until);
  };
  co_return co_await call(key, deadline, std::move(work));
}

Task<Result<KeyDescription>> LimitedKeyProvider::describe(const KeyLocation& key, Deadline deadline) {
  std::function<Task<Result<KeyDescription>>(Deadline)> work = [this, &key](Deadline until) {
    return inner_.describe(key, until);
  };
  co_return co_await call(key, deadline, std::move(work));
}

}  // namespace latchkey::kms

#include "kms/observed_key_provider.hpp"

namespace latchkey::kms {

std::string_view to_string(Operation operation) {
  switch (operation) {
    case Operation::Wrap:
      return "wrap";
    case Operation::Unwrap:
      return "unwrap";
    case Operation::Describe:
      return "describe";
  }
  return "";
}

template <class T>
Task<Result<T>> ObservedKeyProvider::observe(Operation operation, KeyLocation key, Task<Result<T>> call) {
  auto began = clock_.steady();
  auto result = co_await std::move(call);
  if (!key.is_local()) {
    observer_.called(operation, result ? nullptr : &result.error(), clock_.steady() - began);
  }
  co_return result;
}

Task<Result<WrappedKey>> ObservedKeyProvider::wrap(const KeyLocation& key, const Binding& binding,
                                                   const crypto::SecretBytes& secret, Deadline deadline) {
  return observe(Operation::Wrap, key, inner_.wrap(key, binding, secret, deadline));
}

Task<Result<UnwrappedKey>> ObservedKeyProvider::unwrap(const KeyLocation& key, const Binding& binding,
                                                       const WrappedKey& wrapped, Deadline deadline) {
  return observe(Operation::Unwrap, key, inner_.unwrap(key, binding, wrapped, deadline));
}

Task<Result<KeyDescription>> ObservedKeyProvider::describe(const KeyLocation& key, Deadline deadline) {
  return observe(Operation::Describe, key, inner_.describe(key, deadline));
}

}  // namespace latchkey::kms

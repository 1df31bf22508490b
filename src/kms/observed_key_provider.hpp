// A KeyProvider that reports each call to a customer's cloud to an observer, with the time that it took, retries
// included. It does not report calls to the platform's own root key.
#pragma once

#include <chrono>

#include "base/clock.hpp"
#include "kms/key_provider.hpp"

namespace latchkey::kms {

enum class Operation { Wrap, Unwrap, Describe };

// "wrap", ...
[[nodiscard]] std::string_view to_string(Operation operation);

class CallObserver {
 public:
  CallObserver() = default;
  CallObserver(const CallObserver&) = delete;
  CallObserver& operator=(const CallObserver&) = delete;
  virtual ~CallObserver() = default;
  // `error` is null where the call succeeded. It is called from any thread.
  virtual void called(Operation operation, const Error* error, std::chrono::nanoseconds took) = 0;
};

class ObservedKeyProvider final : public KeyProvider {
 public:
  // All references outlive it.
  ObservedKeyProvider(KeyProvider& inner, CallObserver& observer, const Clock& clock)
      : inner_(inner), observer_(observer), clock_(clock) {}
  Task<Result<WrappedKey>> wrap(const KeyLocation& key, const Binding& binding, const crypto::SecretBytes& secret,
                                Deadline deadline) override;
  Task<Result<UnwrappedKey>> unwrap(const KeyLocation& key, const Binding& binding, const WrappedKey& wrapped,
                                    Deadline deadline) override;
  Task<Result<KeyDescription>> describe(const KeyLocation& key, Deadline deadline) override;

 private:
  template <class T>
  Task<Result<T>> observe(Operation operation, KeyLocation key, Task<Result<T>> call);

  KeyProvider& inner_;
  CallObserver& observer_;
  const Clock& clock_;
};

}  // namespace latchkey::kms

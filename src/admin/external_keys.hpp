// External keys: the contract's rules (docs/api.md), one transaction each. Every change and every validation leaves an
// activity in the same transaction. A key of another organisation is NotFound, never PermissionDenied.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "admin/settings.hpp"
#include "audit/caller.hpp"
#include "base/attempt_limiter.hpp"
#include "base/task.hpp"
#include "kms/providers.hpp"
#include "store/store.hpp"

namespace latchkey::admin {

struct ExternalKeyView {
  store::ExternalKey row;
  bool attached = false;  // a live or archived workspace refers to it
};

struct ExternalKeyPage {
  std::vector<ExternalKeyView> keys;
  std::optional<std::string> next_page;
};

struct NewExternalKey {
  std::optional<std::string> display_name;
  std::string geo = "us";
  std::shared_ptr<const kms::Key> key;
};

struct ExternalKeyChange {
  bool sets_display_name = false;
  std::optional<std::string> display_name;  // with sets_display_name: absent clears it
  std::optional<std::string> geo;
  std::shared_ptr<const kms::Key> key;  // null: stays
};

struct ValidationOutcome {
  bool success = false;
  bool timed_out = false;
  std::string error;  // for people; empty on success
  Reason reason;      // why the key does not serve; may be empty
};

// Learns how a validation went before its caller does. It must not wait.
class ValidationListener {
 public:
  ValidationListener() = default;
  ValidationListener(const ValidationListener&) = delete;
  ValidationListener& operator=(const ValidationListener&) = delete;
  virtual ~ValidationListener() = default;
  virtual void validated(const std::string& external_key_id, bool success) = 0;
};

class ExternalKeys {
 public:
  // All references outlive it. `listener` may be null.
  ExternalKeys(store::Store& store, kms::KeyProvider& provider, const kms::Providers& clouds, const Clock& clock,
               RandomSource& random, AdminSettings settings, ValidationListener* listener = nullptr);

  [[nodiscard]] Task<Result<ExternalKeyView>> create(audit::Caller caller, NewExternalKey key);
  // Newest first. Invalid where `page` is not a cursor that this list gave.
  [[nodiscard]] Task<Result<ExternalKeyPage>> list(audit::Caller caller, std::size_t limit,
                                                   std::optional<std::string> page);
  [[nodiscard]] Task<Result<ExternalKeyView>> get(audit::Caller caller, std::string id);
  // Invalid (naming at most 5 workspaces) where geo or config would change and a workspace refers to the key.
  [[nodiscard]] Task<Result<ExternalKeyView>> update(audit::Caller caller, std::string id, ExternalKeyChange change);
  // Invalid (naming at most 5 workspaces) while a workspace, archived ones included, refers to the key.
  [[nodiscard]] Task<Result<void>> remove(audit::Caller caller, std::string id);
  // A failure of the key is a value here, and so is its suspension. An error is about the store or the request:
  // NotFound, or RateLimited while another validation of the key is under way, or after a few in a minute.
  [[nodiscard]] Task<Result<ValidationOutcome>> validate(audit::Caller caller, std::string id);

 private:
  store::Store& store_;
  kms::KeyProvider& provider_;
  const kms::Providers& clouds_;
  const Clock& clock_;
  RandomSource& random_;
  AdminSettings settings_;
  ValidationListener* listener_;
  AttemptLimiter limiter_;
};

}  // namespace latchkey::admin

#include "kms/local/local_key_provider.hpp"

#include <algorithm>
#include <memory>
#include <vector>

#include <fmt/format.h>

#include "base/mutex.hpp"
#include "envelope/record.hpp"
#include "kms/reason_catalogue.hpp"

namespace latchkey::kms {

namespace {

constexpr std::size_t kLongestSecret = 190;

// Wrapped keys are records of a compartment that no workspace can have.
const Uuid kNoCompartment{};
const envelope::CanonicalContext& wrap_context() {
  static const auto kContext = envelope::canonicalize({{"purpose", "latchkey-root-wrap-v1"}}).value();
  return kContext;
}

struct Usable {
  std::string version;
  envelope::DataKey key;
};

Result<std::vector<Usable>> make_usable(RootKeys keys) {
  std::vector<Usable> usable;
  for (auto& root : keys) {
    LATCHKEY_TRY(auto key, envelope::DataKey::create(RawId{}, std::move(root.key)));
    usable.push_back({std::move(root.version), std::move(key)});
  }
  return usable;
}

class LocalKeyProvider final : public KeyProvider {
 public:
  // Newest first, at least one.
  LocalKeyProvider(std::vector<Usable> keys, std::string path, RandomSource& random)
      : keys_(std::make_shared<const std::vector<Usable>>(std::move(keys))), file_(std::move(path)), random_(random) {}

  Task<Result<WrappedKey>> wrap(const KeyLocation& key, const Binding&, const crypto::SecretBytes& secret,
                                Deadline) override {
    LATCHKEY_CO_TRYV(check(key));
    if (secret.empty() || secret.size() > kLongestSecret) {
      co_return Error{ErrorCode::Invalid,
                      fmt::format("{} bytes cannot be wrapped: 1 to {} can", secret.size(), kLongestSecret)};
    }
    auto known = keys();
    const auto& newest = known->front();
    WrappedKey wrapped{newest.version, Bytes(envelope::sealed_size(secret.size()))};
    LATCHKEY_CO_TRYV(envelope::seal_record(newest.key, kNoCompartment, wrap_context(), secret.reveal(), random_,
                                           wrapped.ciphertext));
    co_return wrapped;
  }

  Task<Result<UnwrappedKey>> unwrap(const KeyLocation& key, const Binding&, const WrappedKey& wrapped,
                                    Deadline) override {
    LATCHKEY_CO_TRYV(check(key));
    auto known = keys();
    const auto* key_of_version = with_version(*known, wrapped.key_version);
    if (key_of_version == nullptr) co_return reason_error(reason::kRootKeyMismatch, {});
    auto size = wrapped.ciphertext.size();
    if (size <= envelope::kRecordOverhead || size > envelope::kRecordOverhead + kLongestSecret) {
      co_return Error{ErrorCode::Corrupt, fmt::format("a wrapped key of {} bytes is none of the root key's", size)};
    }
    crypto::SecretBytes secret(size - envelope::kRecordOverhead);
    auto opened = envelope::open_record(key_of_version->key, kNoCompartment, wrap_context(), wrapped.ciphertext,
                                        secret.mutable_view());
    if (!opened) {
      co_return caused_by(opened.error(), ErrorCode::Corrupt,
                          "the wrapped key is damaged: the platform's root key did not make it");
    }
    co_return UnwrappedKey{std::move(secret)};
  }

  Task<Result<KeyDescription>> describe(const KeyLocation& key, Deadline) override {
    LATCHKEY_CO_TRYV(check(key));
    KeyDescription description;
    description.key_version = keys()->front().version;
    description.type = "oct";
    description.bits = 256;
    description.enabled = true;
    description.operations = {"wrapKey", "unwrapKey"};
    co_return description;
  }

 private:
  static Result<void> check(const KeyLocation& key) {
    if (key.is_local()) return success();
    return Error{ErrorCode::Invalid, "this is not the platform's root key"};
  }

  using SharedKeys = std::shared_ptr<const std::vector<Usable>>;

  static const Usable* with_version(const std::vector<Usable>& keys, std::string_view version) {
    auto found = std::ranges::find(keys, version, &Usable::version);
    return found == keys.end() ? nullptr : &*found;
  }

  [[nodiscard]] SharedKeys keys() {
    MutexLock lock(mutex_);
    auto replaced = file_.read_if_replaced();
    if (!replaced) return keys_;
    auto usable = make_usable(std::move(*replaced));
    if (usable) keys_ = std::make_shared<const std::vector<Usable>>(std::move(usable.value()));
    return keys_;
  }

  Mutex mutex_;
  SharedKeys keys_ LATCHKEY_GUARDED_BY(mutex_);
  RootKeyFile file_ LATCHKEY_GUARDED_BY(mutex_);
  RandomSource& random_;
};

}  // namespace

Result<std::shared_ptr<KeyProvider>> make_local_key_provider(RootKeys keys, std::string path, RandomSource& random) {
  LATCHKEY_TRY(auto usable, make_usable(std::move(keys)));
  return std::shared_ptr<KeyProvider>(std::make_shared<LocalKeyProvider>(std::move(usable), std::move(path), random));
}

Result<std::shared_ptr<KeyProvider>> open_local_key_provider(const std::string& path, RandomSource& random) {
  LATCHKEY_TRY(auto keys, read_root_keys(path, random, IfMissing::Make));
  return make_local_key_provider(std::move(keys), path, random);
}

}  // namespace latchkey::kms

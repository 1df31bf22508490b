#include "example_cloud.hpp"

#include <array>

#include <boost/algorithm/string/case_conv.hpp>
#include <boost/json/object.hpp>
#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "crypto/aead.hpp"
#include "crypto/hash.hpp"
#include "crypto/random.hpp"
#include "kms/reasons.hpp"
#include "kms/validation.hpp"

namespace latchkey::extend {

namespace json = boost::json;

namespace {

constexpr std::size_t kMostWrapped = 190;

constexpr std::array<kms::ReasonText, 1> kReasons{{
    {&kKeyLocked, "the key's padlock", "{key} is locked", "Unlock it: `example unlock {key}`"},
}};

class ExampleKey final : public kms::Key {
 public:
  ExampleKey(std::string region, std::string name)
      : region_(boost::algorithm::to_lower_copy(region)), name_(std::move(name)) {}
  [[nodiscard]] std::string_view type() const override { return ExampleCloud::kType; }
  [[nodiscard]] json::object to_json() const override {
    return {{"type", ExampleCloud::kType}, {"region", region_}, {"key", name_}};
  }
  [[nodiscard]] std::string place() const override { return fmt::format("example:{}/{}", region_, name_); }
  // This service counts all calls to a region together.
  [[nodiscard]] kms::LimitScope limit_scope() const override { return {region_, name_}; }
  [[nodiscard]] const std::string& region() const { return region_; }

 private:
  std::string region_;
  std::string name_;
};

Result<std::shared_ptr<const ExampleKey>> read_key(const json::object& config, std::string_view path) {
  LATCHKEY_TRYV(json_fields::refuse_unknown(config, path, {"type", "region", "key"}));
  LATCHKEY_TRY(auto region, json_fields::required_text(config, path, "region", {1, 32}));
  LATCHKEY_TRY(auto name, json_fields::required_text(config, path, "key", {1, 64}));
  return std::make_shared<const ExampleKey>(std::move(region), std::move(name));
}

class ExampleProvider final : public kms::Provider {
 public:
  ExampleProvider(ExampleService& service, std::string region) : service_(service), region_(std::move(region)) {}

  [[nodiscard]] std::string_view type() const override { return ExampleCloud::kType; }
  [[nodiscard]] std::string_view title() const override { return "a key of the example cloud"; }
  [[nodiscard]] std::string cure_of_disabled(const kms::Key& key, std::string_view) const override {
    return fmt::format("Unlock it: example unlock {}", key.place());
  }

  [[nodiscard]] Result<std::shared_ptr<const kms::Key>> parse(const json::object& config,
                                                              std::string_view path) const override {
    LATCHKEY_TRY(auto key, read_key(config, path));
    if (key->region() != region_) {
      return Error{ErrorCode::Invalid, fmt::format("{}: This server asks keys in {} alone",
                                                   json_fields::join_path(path, "region"), region_)};
    }
    return std::shared_ptr<const kms::Key>(std::move(key));
  }
  [[nodiscard]] Result<std::shared_ptr<const kms::Key>> read_stored(const json::object& config) const override {
    LATCHKEY_TRY(auto key, read_key(config, "provider_config"));
    return std::shared_ptr<const kms::Key>(std::move(key));
  }

  [[nodiscard]] Result<void> check_suitable(const kms::Key& key, const kms::KeyDescription& description,
                                            const kms::ValidationSettings& settings, Timestamp) const override {
    if (description.bits >= settings.minimum_rsa_bits) return success();
    return Error{ErrorCode::KeyDenied, fmt::format("{} is too small", key.place()), kms::reason::kKeyUnsuitable};
  }
  [[nodiscard]] Task<Result<void>> check_bound(kms::KeyProvider&, const kms::KeyLocation& key,
                                               const kms::KeyDescription& description,
                                               const kms::ValidationSettings& settings, Deadline) const override {
    for (const auto& [tag, value] : description.tags) {
      if (tag == settings.binding_tag) co_return success();
    }
    co_return Error{.code = ErrorCode::KeyDenied,
                    .cause = fmt::format("{} does not bear the tag {}", key.key().place(), settings.binding_tag),
                    .reason = kms::reason::kOrganizationTagMissing,
                    .cure = fmt::format("example tag {} {}", key.key().place(), settings.binding_tag)};
  }

  Task<Result<kms::WrappedKey>> wrap(const kms::KeyLocation& key, const kms::Binding& binding,
                                     const crypto::SecretBytes& secret, Deadline) override {
    LATCHKEY_CO_TRY(auto state, ask(key));
    if (secret.empty() || secret.size() > kMostWrapped) co_return Error{ErrorCode::Invalid, "not a size to wrap"};
    auto version = fmt::format("v{}", state.version);
    auto sealed = seal_parts(key.key(), version, binding);
    Bytes wrapped(crypto::kGcmNonceSize + secret.size() + crypto::kGcmTagSize);
    random_.fill(MutableBytes(wrapped).first(crypto::kGcmNonceSize));
    auto nonce = ByteView(wrapped).first<crypto::kGcmNonceSize>();
    auto out = MutableBytes(wrapped).subspan(crypto::kGcmNonceSize);
    LATCHKEY_CO_TRYV(crypto::gcm_seal(sealed.key, nonce, secret.reveal(), sealed.bound_to, out));
    co_return kms::WrappedKey{std::move(version), std::move(wrapped)};
  }
  Task<Result<kms::UnwrappedKey>> unwrap(const kms::KeyLocation& key, const kms::Binding& binding,
                                         const kms::WrappedKey& wrapped, Deadline) override {
    LATCHKEY_CO_TRYV(ask(key));
    constexpr auto kAround = crypto::kGcmNonceSize + crypto::kGcmTagSize;
    auto size = wrapped.ciphertext.size();
    if (size <= kAround || size > kAround + kMostWrapped) co_return Error{ErrorCode::Corrupt, "not a wrapped key"};
    auto sealed = seal_parts(key.key(), wrapped.key_version, binding);
    auto bytes = ByteView(wrapped.ciphertext);
    crypto::SecretBytes secret(size - kAround);
    LATCHKEY_CO_TRYV(crypto::gcm_open(sealed.key, bytes.first<crypto::kGcmNonceSize>(),
                                      bytes.subspan(crypto::kGcmNonceSize), sealed.bound_to, secret.mutable_view()));
    co_return kms::UnwrappedKey{std::move(secret)};
  }
  Task<Result<kms::KeyDescription>> describe(const kms::KeyLocation& key, Deadline) override {
    LATCHKEY_CO_TRY(auto state, ask(key));
    kms::KeyDescription description;
    description.key_version = fmt::format("v{}", state.version);
    description.type = "EXAMPLE";
    description.bits = 4096;
    description.enabled = true;
    for (const auto& tag : state.tags) description.tags.emplace_back(tag, "true");
    co_return description;
  }

 private:
  // What the service says to a call that arrives.
  [[nodiscard]] Result<ExampleService::KeyState> ask(const kms::KeyLocation& key) const {
    if (dynamic_cast<const ExampleKey*>(&key.key()) == nullptr) return Error{ErrorCode::Invalid, "not an example key"};
    auto state = service_.state(key.key().place());
    if (!state.locked) return state;
    auto place = key.key().place();
    return kms::worded(kKeyLocked, kReasons[0], {{"key", place}});
  }

  struct SealParts {
    crypto::Sha256 key;
    Bytes bound_to;
  };
  static SealParts seal_parts(const kms::Key& key, std::string_view version, const kms::Binding& binding) {
    SealParts parts{crypto::sha256({as_bytes(key.place()), as_bytes("#"), as_bytes(version)}), {}};
    for (ByteView part :
         {ByteView(binding.organization.data), ByteView(binding.compartment.data), ByteView(binding.data_key)}) {
      parts.bound_to.insert(parts.bound_to.end(), part.begin(), part.end());
    }
    return parts;
  }

  ExampleService& service_;
  std::string region_;
  crypto::SystemRandom random_;
};

}  // namespace

void ExampleService::rotate(const std::string& place) {
  MutexLock lock(mutex_);
  ++keys_[place].version;
}
void ExampleService::set_locked(const std::string& place, bool locked) {
  MutexLock lock(mutex_);
  keys_[place].locked = locked;
}
void ExampleService::add_tag(const std::string& place, const std::string& tag) {
  MutexLock lock(mutex_);
  keys_[place].tags.insert(tag);
}
ExampleService::KeyState ExampleService::state(const std::string& place) const {
  MutexLock lock(mutex_);
  auto found = keys_.find(place);
  return found == keys_.end() ? KeyState{} : found->second;
}

const std::vector<kms::SettingSpec>& ExampleCloud::settings() const {
  static const std::vector<kms::SettingSpec> kSettings{{"region", "The region whose keys may be registered.", "south"}};
  return kSettings;
}

Result<void> ExampleCloud::check(const kms::SettingValues& values) const {
  if (!values.at("region").empty()) return success();
  return Error{ErrorCode::Invalid, "example.region must name a region"};
}

Result<std::shared_ptr<kms::Provider>> ExampleCloud::make_provider(const kms::SettingValues& values,
                                                                   const kms::CloudParts&) const {
  return make_example_provider(service_, values.at("region"));
}

kms::CloudReasons ExampleCloud::reasons() const {
  return {.texts = kReasons, .placeholders = {{"key", "<key>"}}, .remarks = ""};
}

Result<std::shared_ptr<const kms::Key>> ExampleCloud::read_stored(const json::object& config) const {
  LATCHKEY_TRY(auto key, read_key(config, "provider_config"));
  return std::shared_ptr<const kms::Key>(std::move(key));
}

std::shared_ptr<kms::Provider> make_example_provider(ExampleService& service, std::string region) {
  return std::make_shared<ExampleProvider>(service, std::move(region));
}

std::shared_ptr<const kms::Key> example_key(std::string region, std::string name) {
  return std::make_shared<const ExampleKey>(std::move(region), std::move(name));
}

}  // namespace latchkey::extend

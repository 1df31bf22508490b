// A cloud of the tests' own, of type "memory": it stands for any cloud where a test is about none in particular. Its
// keys live in the test's process. It wraps and binds as a real one does.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include <boost/algorithm/string/case_conv.hpp>
#include <boost/json/object.hpp>
#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "crypto/aead.hpp"
#include "crypto/hash.hpp"
#include "kms/provider.hpp"
#include "kms/reasons.hpp"
#include "kms/validation.hpp"

namespace latchkey::kms::testing {

// Registered as {"type": "memory", "service": "contoso", "name": "cmek"}, in any case.
class MemoryKey final : public Key {
 public:
  static constexpr std::string_view kType = "memory";

  MemoryKey(std::string service, std::string name) : service_(std::move(service)), name_(std::move(name)) {}
  [[nodiscard]] std::string_view type() const override { return kType; }
  [[nodiscard]] boost::json::object to_json() const override {
    return {{"type", kType}, {"service", service_}, {"name", name_}};
  }
  [[nodiscard]] std::string place() const override {
    return fmt::format("memory:{}/{}", lower(service_), lower(name_));
  }
  [[nodiscard]] LimitScope limit_scope() const override { return {lower(service_), lower(name_)}; }

 private:
  static std::string lower(const std::string& text) { return boost::algorithm::to_lower_copy(text); }

  std::string service_;
  std::string name_;
};

[[nodiscard]] inline std::shared_ptr<const Key> memory_key(std::string service, std::string name) {
  return std::make_shared<const MemoryKey>(std::move(service), std::move(name));
}
[[nodiscard]] inline KeyLocation memory_location(std::string service, std::string name, AskedFor asked_for = {}) {
  return KeyLocation(memory_key(std::move(service), std::move(name)), std::move(asked_for));
}

class MemoryProvider final : public Provider {
 public:
  [[nodiscard]] std::string_view type() const override { return MemoryKey::kType; }
  [[nodiscard]] std::string_view title() const override { return "a key in memory"; }

  [[nodiscard]] std::string cure_of_disabled(const Key&, std::string_view key_version) const override {
    return fmt::format("Enable it: memory enable {}", key_version);
  }
  [[nodiscard]] Result<std::shared_ptr<const Key>> parse(const boost::json::object& config,
                                                         std::string_view path) const override {
    LATCHKEY_TRYV(json_fields::refuse_unknown(config, path, {"type", "service", "name"}));
    LATCHKEY_TRY(auto service, json_fields::required_text(config, path, "service", {1, 64}));
    LATCHKEY_TRY(auto name, json_fields::required_text(config, path, "name", {1, 64}));
    if (service.find_first_of("/:. ") != std::string::npos) {
      return Error{ErrorCode::Invalid,
                   fmt::format("{}: Not a service of this cloud", json_fields::join_path(path, "service"))};
    }
    return memory_key(std::move(service), std::move(name));
  }
  [[nodiscard]] Result<std::shared_ptr<const Key>> read_stored(const boost::json::object& config) const override {
    return parse(config, "provider_config");
  }

  [[nodiscard]] Result<void> check_suitable(const Key& key, const KeyDescription& description,
                                            const ValidationSettings& settings, Timestamp now) const override {
    bool has_expired = description.expires && now >= *description.expires;
    bool is_permitted = std::ranges::count(description.operations, "wrapKey") == 1 &&
                        std::ranges::count(description.operations, "unwrapKey") == 1;
    bool is_kind = description.type == "RSA" && description.bits >= settings.minimum_rsa_bits;
    if (description.enabled && is_kind && is_permitted && !has_expired) return success();
    return denied(key, "is not fit for use", reason::kKeyUnsuitable);
  }
  [[nodiscard]] Task<Result<void>> check_bound(KeyProvider&, const KeyLocation& key, const KeyDescription& description,
                                               const ValidationSettings& settings, Deadline) const override {
    if (std::ranges::count(description.tags, std::pair<std::string, std::string>(settings.binding_tag, "true")) == 1) {
      co_return success();
    }
    co_return denied(key.key(), "does not bear the tag " + settings.binding_tag, reason::kOrganizationTagMissing);
  }

  Task<Result<WrappedKey>> wrap(const KeyLocation& key, const Binding& binding, const crypto::SecretBytes& secret,
                                Deadline) override {
    LATCHKEY_CO_TRYV(check_asked(key));
    if (secret.empty() || secret.size() > 190) co_return Error{ErrorCode::Invalid, "no size that can be wrapped"};
    Bytes wrapped(crypto::kGcmNonceSize + secret.size() + crypto::kGcmTagSize);
    auto serial = ++wraps_;
    for (std::size_t i = 0; i < sizeof(serial); ++i) wrapped[i] = static_cast<std::uint8_t>(serial >> (8 * i));
    auto [material, aad, nonce] = parts(key.key(), kVersion, binding, wrapped);
    auto out = MutableBytes(wrapped).subspan(crypto::kGcmNonceSize);
    LATCHKEY_CO_TRYV(crypto::gcm_seal(material, nonce, secret.reveal(), aad, out));
    co_return WrappedKey{std::string(kVersion), std::move(wrapped)};
  }
  Task<Result<UnwrappedKey>> unwrap(const KeyLocation& key, const Binding& binding, const WrappedKey& wrapped,
                                    Deadline) override {
    LATCHKEY_CO_TRYV(check_asked(key));
    constexpr auto kAround = crypto::kGcmNonceSize + crypto::kGcmTagSize;
    if (wrapped.ciphertext.size() <= kAround || wrapped.ciphertext.size() > kAround + 190) {
      co_return Error{ErrorCode::Corrupt, "no size of a wrapped key"};
    }
    auto [material, aad, nonce] = parts(key.key(), wrapped.key_version, binding, wrapped.ciphertext);
    crypto::SecretBytes secret(wrapped.ciphertext.size() - kAround);
    auto sealed = ByteView(wrapped.ciphertext).subspan(crypto::kGcmNonceSize);
    LATCHKEY_CO_TRYV(crypto::gcm_open(material, nonce, sealed, aad, secret.mutable_view()));
    co_return UnwrappedKey{std::move(secret)};
  }
  Task<Result<KeyDescription>> describe(const KeyLocation& key, Deadline) override {
    LATCHKEY_CO_TRYV(check_asked(key));
    co_return KeyDescription{.key_version = std::string(kVersion),
                             .type = "RSA",
                             .bits = 3072,
                             .enabled = true,
                             .not_before = std::nullopt,
                             .expires = std::nullopt,
                             .operations = {"wrapKey", "unwrapKey"},
                             .tags = {}};
  }

 private:
  static constexpr std::string_view kVersion = "version-1";

  static Error denied(const Key& key, const std::string& why, Reason reason) {
    return {ErrorCode::KeyDenied, fmt::format("{} {}", key.place(), why), reason};
  }
  static Result<void> check_asked(const KeyLocation& key) {
    if (dynamic_cast<const MemoryKey*>(&key.key()) != nullptr) return success();
    return Error{ErrorCode::Invalid, "not a key in memory"};
  }
  // What a wrapped key is sealed with: a key for each place and version, and the binding beside it.
  struct Parts {
    crypto::Sha256 material;
    Bytes aad;
    std::array<std::uint8_t, crypto::kGcmNonceSize> nonce;
  };
  static Parts parts(const Key& key, std::string_view version, const Binding& binding, ByteView wrapped) {
    Parts made;
    made.material = crypto::sha256({as_bytes(key.place()), as_bytes("@"), as_bytes(version)});
    for (const auto* uuid : {&binding.organization, &binding.compartment}) {
      made.aad.insert(made.aad.end(), uuid->begin(), uuid->end());
    }
    made.aad.insert(made.aad.end(), binding.data_key.begin(), binding.data_key.end());
    std::copy_n(wrapped.begin(), made.nonce.size(), made.nonce.begin());
    return made;
  }

  std::atomic<std::uint64_t> wraps_ = 0;
};

// What a store is told of the places of keys (store/key_place.hpp).
[[nodiscard]] inline std::optional<std::string> memory_place(std::string_view provider, const std::string& text) {
  auto config = json_fields::parse_object(text);
  if (!config || provider != MemoryKey::kType) return std::nullopt;
  auto key = MemoryProvider().read_stored(config.value());
  return key ? std::optional(key.value()->place()) : std::nullopt;
}

}  // namespace latchkey::kms::testing

// A key that somebody else holds, as its cloud understands it. The cloud's Provider (provider.hpp) reads a registration
// into a Key once, and the rest of the code hands it on as a KeyLocation. Only code in the cloud's folder looks into
// it; everybody else uses the functions here.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <boost/json/fwd.hpp>

#include "base/id.hpp"

namespace latchkey::kms {

// Which budget a call to the key uses up, by the service's own limits.
class LimitScope {
 public:
  // `service` is the unit over which the service counts calls to all keys together: "contoso.vault.example", or an
  // account in a region.
  LimitScope(std::string service, std::string key) : service_(std::move(service)), key_(std::move(key)) {}
  // Calls to the key are not counted and do not wait. This is for the server's own key in its own memory alone: every
  // key of a cloud has a limit.
  [[nodiscard]] static LimitScope none_in_memory() { return {}; }

  [[nodiscard]] bool is_counted() const { return is_counted_; }
  [[nodiscard]] const std::string& service() const { return service_; }
  [[nodiscard]] const std::string& key() const { return key_; }  // within the service

 private:
  LimitScope() : is_counted_(false) {}

  bool is_counted_ = true;
  std::string service_;
  std::string key_;
};

// Immutable and shared; thread-safe.
class Key {
 public:
  Key() = default;
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;
  virtual ~Key() = default;

  // The value of provider_config.type.
  [[nodiscard]] virtual std::string_view type() const = 0;
  // The provider_config, as the API shows it and the store keeps it: "type" first, then every field of the type, null
  // where it is absent. Provider::read_stored reads it back.
  [[nodiscard]] virtual boost::json::object to_json() const = 0;
  // Identifies the key in one spelling: two registrations of one key have the same place, whoever made them. The store
  // keeps it, so the spelling must not change between releases. Empty for the platform's own root key alone, which
  // nobody registers.
  [[nodiscard]] virtual std::string place() const = 0;
  [[nodiscard]] virtual LimitScope limit_scope() const = 0;
};

// The platform's own root key, which no customer holds.
class LocalKey final : public Key {
 public:
  [[nodiscard]] std::string_view type() const override { return "local"; }
  [[nodiscard]] boost::json::object to_json() const override;
  [[nodiscard]] std::string place() const override { return {}; }
  [[nodiscard]] LimitScope limit_scope() const override { return LimitScope::none_in_memory(); }
};

// On whose behalf a key is asked. It says nothing about where the key is.
struct AskedFor {
  std::string organization;
  std::string external_key_id;  // empty where the key is not registered
};

// A key, and on whose behalf it is asked. Copies share the key.
class KeyLocation {
 public:
  // The platform's own root key.
  KeyLocation();
  explicit KeyLocation(std::shared_ptr<const Key> key, AskedFor asked_for = {})
      : key_(std::move(key)), asked_for_(std::move(asked_for)) {}

  [[nodiscard]] const Key& key() const { return *key_; }
  [[nodiscard]] const AskedFor& asked_for() const { return asked_for_; }
  [[nodiscard]] bool is_local() const { return dynamic_cast<const LocalKey*>(key_.get()) != nullptr; }
  // True where both are the same registration, whoever asks.
  bool operator==(const KeyLocation& other) const;

 private:
  std::shared_ptr<const Key> key_;  // never null
  AskedFor asked_for_;
};

// What a wrapped key belongs to. Some clouds can bind a ciphertext to names of ours; such a cloud refuses to unwrap it
// under other names. Where those names may change, the provider keeps the ones that it used in WrappedKey::key_version.
// A probe belongs to nobody, so its binding is nil.
struct Binding {
  Uuid organization{};
  Uuid compartment{};
  RawId data_key{};
};

}  // namespace latchkey::kms

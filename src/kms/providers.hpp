// All clouds that this server knows, and its own root key: each call goes to the one that its key is of.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>

#include "kms/provider.hpp"
#include "kms/stored_keys.hpp"

namespace latchkey::kms {

// Thread-safe.
class Providers final : public KeyProvider {
 public:
  // `local` is null where the server has no root key. Each of `clouds` has a type of its own. `types_of_the_contract`
  // are the types that the API's contract names, whatever a server supports.
  Providers(std::shared_ptr<KeyProvider> local, std::vector<std::shared_ptr<Provider>> clouds,
            std::span<const std::string_view> types_of_the_contract = {});

  // A provider_config of any cloud. Invalid, with `path` in front, where it is of none, or as Provider::parse says.
  [[nodiscard]] Result<std::shared_ptr<const Key>> parse(const boost::json::value& config, std::string_view path) const;
  // What the store keeps of one: `text` is Key::to_json's. It is read once, and found again by its text from then on.
  // Internal where it does not read.
  [[nodiscard]] Result<std::shared_ptr<const Key>> read_stored(std::string_view type, const std::string& text) const;
  // Null where the key is of no cloud: the platform's own.
  [[nodiscard]] const Provider* cloud_of(const Key& key) const;

  // Invalid for a key whose provider this server does not have.
  Task<Result<WrappedKey>> wrap(const KeyLocation& key, const Binding& binding, const crypto::SecretBytes& secret,
                                Deadline deadline) override;
  Task<Result<UnwrappedKey>> unwrap(const KeyLocation& key, const Binding& binding, const WrappedKey& wrapped,
                                    Deadline deadline) override;
  Task<Result<KeyDescription>> describe(const KeyLocation& key, Deadline deadline) override;

 private:
  // Null where this server does not know the type.
  [[nodiscard]] Provider* find(std::string_view type) const;
  [[nodiscard]] Result<KeyProvider*> provider_of(const KeyLocation& key) const;

  std::shared_ptr<KeyProvider> local_;
  std::vector<std::shared_ptr<Provider>> clouds_;
  std::vector<std::string_view> types_of_the_contract_;
  StoredKeys stored_keys_;
};

}  // namespace latchkey::kms

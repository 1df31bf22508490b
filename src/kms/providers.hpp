// All clouds that this server knows, and its own root key. Each call goes to the cloud that holds its key.
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

  // Parses a provider_config of any cloud. Invalid, with `path` in front, where it belongs to none; otherwise the
  // errors of Provider::parse.
  [[nodiscard]] Result<std::shared_ptr<const Key>> parse(const boost::json::value& config, std::string_view path) const;
  // Reads the form that the store keeps; `text` is what Key::to_json returned. It parses a text once, and later finds
  // the key by its text. Internal where the text cannot be read.
  [[nodiscard]] Result<std::shared_ptr<const Key>> read_stored(std::string_view type, const std::string& text) const;
  // Null for the platform's own root key, which no cloud holds.
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

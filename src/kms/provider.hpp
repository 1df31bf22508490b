// The door of one cloud: all that the rest of Latchkey asks of it. Adding a cloud is writing one of these, in a folder
// of its own under src/clouds, and naming it in server/clouds.cpp; no other file knows which clouds there are.
#pragma once

#include <memory>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "kms/key_provider.hpp"
#include "kms/reason_text.hpp"

namespace latchkey::kms {

struct ValidationSettings;

// Where the server has no credential for the cloud, it still reads, shows and judges keys, and wrap, unwrap and
// describe are Invalid, naming the setting that is missing.
class Provider : public KeyProvider {
 public:
  // provider_config.type.
  [[nodiscard]] virtual std::string_view type() const = 0;
  // "a key in Azure Key Vault": what a registration of that type registers.
  [[nodiscard]] virtual std::string_view title() const = 0;

  // What it says of reasons in its own tongue: its own, and common ones that it has more to say of.
  [[nodiscard]] virtual CloudReasons reasons() const = 0;

  // Reads and checks a provider_config of the type, with `path` ("provider_config") in front of each complaint: unknown
  // fields ("provider_config.foo: Extra inputs are not permitted"), missing ones ("...: Field required"), wrong types,
  // bad values, places that this server may not be sent to.
  [[nodiscard]] virtual Result<std::shared_ptr<const Key>> parse(const boost::json::object& config,
                                                                 std::string_view path) const = 0;
  // What Key::to_json gave once; settings that have changed since make it no error.
  [[nodiscard]] virtual Result<std::shared_ptr<const Key>> read_stored(const boost::json::object& config) const = 0;

  // Whether a key that is described so is one that we may rely on: its kind and size, its state and dates, and what it
  // is allowed for. KeyDenied with its reason and the cure otherwise.
  [[nodiscard]] virtual Result<void> check_suitable(const Key& key, const KeyDescription& description,
                                                    const ValidationSettings& settings, Timestamp now) const = 0;
  // Whether its owner has said that this organisation may use it. `through` is how the key is asked, where that takes
  // a call that must be refused. KeyDenied (organization_tag_missing) otherwise, and the errors of KeyProvider.
  [[nodiscard]] virtual Task<Result<void>> check_bound(KeyProvider& through, const KeyLocation& key,
                                                       const KeyDescription& description,
                                                       const ValidationSettings& settings, Deadline deadline) const = 0;
};

}  // namespace latchkey::kms

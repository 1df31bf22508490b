// Everything that the rest of Latchkey asks of one cloud. To add a cloud, write one of these in a folder of its own
// under src/clouds, and name it in server/clouds.cpp; no other file knows which clouds there are.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "kms/key_provider.hpp"

namespace latchkey::kms {

struct ValidationSettings;

// Where the server has no credential for the cloud, a Provider still reads, shows and judges keys; wrap, unwrap and
// describe then return Invalid, which names the setting that is missing.
class Provider : public KeyProvider {
 public:
  // The value of provider_config.type.
  [[nodiscard]] virtual std::string_view type() const = 0;
  // What a registration of that type is, for people: "a key in ...", with the name of the cloud's service.
  [[nodiscard]] virtual std::string_view title() const = 0;
  // How the owner of a key enables a disabled version of it: one sentence, with the cloud's own command.
  [[nodiscard]] virtual std::string cure_of_disabled(const Key& key, std::string_view key_version) const = 0;

  // Reads and checks a provider_config of the type. Invalid, with `path` ("provider_config") in front of the message,
  // for unknown fields ("provider_config.foo: Extra inputs are not permitted"), missing ones ("...: Field required"),
  // wrong types, bad values, and places where this server must not send requests.
  [[nodiscard]] virtual Result<std::shared_ptr<const Key>> parse(const boost::json::object& config,
                                                                 std::string_view path) const = 0;
  // Reads what Key::to_json returned once. It succeeds even where settings have changed since.
  [[nodiscard]] virtual Result<std::shared_ptr<const Key>> read_stored(const boost::json::object& config) const = 0;

  // Checks from its description whether we may rely on the key: its kind and size, its state and dates, and what it
  // may be used for. KeyDenied with reason and cure otherwise.
  [[nodiscard]] virtual Result<void> check_suitable(const Key& key, const KeyDescription& description,
                                                    const ValidationSettings& settings, Timestamp now) const = 0;
  // Checks that the key's owner lets this organisation use it. Where only a call to the key can tell, namely one that
  // the cloud must refuse, `through` makes that call. KeyDenied (organization_tag_missing) otherwise, and the errors of
  // KeyProvider.
  [[nodiscard]] virtual Task<Result<void>> check_bound(KeyProvider& through, const KeyLocation& key,
                                                       const KeyDescription& description,
                                                       const ValidationSettings& settings, Deadline deadline) const = 0;
};

}  // namespace latchkey::kms

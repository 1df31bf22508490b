// What the bodies of create, import and update say about a key. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "clouds/azure/emulator/errors.hpp"
#include "clouds/azure/emulator/model.hpp"

namespace latchkey::clouds::azure::emulator {

// What a request wants of a key. An absent field leaves the key's own value as it is.
struct KeyRequest {
  std::optional<std::vector<std::string>> operations;
  std::optional<bool> enabled;
  std::optional<Seconds> not_before;
  std::optional<Seconds> expires;
  std::optional<boost::json::object> tags;
};

// Null where the field is absent or null.
[[nodiscard]] const boost::json::value* given(const boost::json::object& body, std::string_view name);
// `operations_in` is the object that holds key_ops: the body, or, of an import, its "key".
[[nodiscard]] Outcome<KeyRequest> read_key_request(const boost::json::object& body,
                                                   const boost::json::object& operations_in);
[[nodiscard]] Outcome<void> apply(const KeyRequest& request, KeyVersion& version);

struct KeyPlan {
  bool hsm = false;
  std::string curve = {};  // of EC keys; empty for RSA
  unsigned bits = 2048;    // of RSA keys
};

// From the body of a create.
[[nodiscard]] Outcome<KeyPlan> read_plan(const Vault& vault, const boost::json::object& body);
// The plan of another version of the same kind.
[[nodiscard]] KeyPlan plan_like(const KeyVersion& version);
// Splits "RSA-HSM"; absent for types that vaults do not have.
struct KeyType {
  bool elliptic = false;
  bool hsm = false;
};
[[nodiscard]] std::optional<KeyType> parse_key_type(std::string_view text);
// HSM keys need a premium vault or a managed HSM, which accepts no other keys.
[[nodiscard]] Outcome<void> check_protection(const Vault& vault, bool hsm);
[[nodiscard]] bool is_key_size(std::int64_t bits);
// The key_ops of a key whose request names none.
[[nodiscard]] std::vector<std::string> default_operations(bool elliptic);

}  // namespace latchkey::clouds::azure::emulator

// Which operations a key allows, by its attributes, and the other rules of keys that several requests share. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "clouds/azure/emulator/errors.hpp"
#include "clouds/azure/emulator/model.hpp"

namespace latchkey::clouds::azure::emulator {

enum class KeyOperation { Encrypt, Decrypt, Sign, Verify, WrapKey, UnwrapKey };

// "wrapKey", as key_ops and messages spell it.
[[nodiscard]] std::string_view operation_name(KeyOperation operation);
// From a path segment, in any case ("wrapkey"); absent for other words.
[[nodiscard]] std::optional<KeyOperation> parse_operation(std::string_view segment);

enum class DisabledKeyRule {
  // It refuses unwrap, decrypt and sign. Wrap, encrypt and verify, which need only the public key, still work, as was
  // seen at a live vault.
  RefusesPrivateOperations,
  RefusesEverything,  // as Microsoft documents it
};

// Why `version` refuses `operation` at `now`: enabled first, then its dates, then key_ops. Absent where it allows it.
// Outside nbf to exp, wrap, encrypt and sign are refused and the reverse allowed (Key Vault: date-time controlled
// operations).
[[nodiscard]] std::optional<Refusal> check_attributes(const KeyVersion& version, KeyOperation operation, Seconds now,
                                                      DisabledKeyRule rule);

// "CustomizedRecoverable+Purgeable" and the like.
[[nodiscard]] std::string recovery_level(const Vault& vault);

[[nodiscard]] Refusal bad_parameter(std::string message);
[[nodiscard]] Refusal invalid_value();

[[nodiscard]] bool is_key_name(std::string_view name);
[[nodiscard]] bool is_key_operation_text(std::string_view text);
// 3 to 24 letters, digits and hyphens, a letter first, no two hyphens in a row nor one at the end.
[[nodiscard]] bool is_vault_name(std::string_view name);

}  // namespace latchkey::clouds::azure::emulator

#include "clouds/azure/emulator/vault/key_rules.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace latchkey::clouds::azure::emulator {

namespace {

constexpr std::array<std::pair<KeyOperation, std::string_view>, 6> kOperations = {{
    {KeyOperation::Encrypt, "encrypt"},
    {KeyOperation::Decrypt, "decrypt"},
    {KeyOperation::Sign, "sign"},
    {KeyOperation::Verify, "verify"},
    {KeyOperation::WrapKey, "wrapKey"},
    {KeyOperation::UnwrapKey, "unwrapKey"},
}};

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool needs_private_key(KeyOperation operation) {
  return operation == KeyOperation::Decrypt || operation == KeyOperation::Sign || operation == KeyOperation::UnwrapKey;
}

// Operations that make new protected material; the others open or check what exists.
bool begins_protection(KeyOperation operation) {
  return operation == KeyOperation::Encrypt || operation == KeyOperation::Sign || operation == KeyOperation::WrapKey;
}

Refusal forbidden(std::string_view inner_code, std::string message) {
  return {403, "Forbidden", std::move(message), std::string(inner_code)};
}

}  // namespace

std::string_view operation_name(KeyOperation operation) {
  for (const auto& [known, name] : kOperations) {
    if (known == operation) return name;
  }
  return "";
}

std::optional<KeyOperation> parse_operation(std::string_view segment) {
  for (const auto& [operation, name] : kOperations) {
    if (same(name, segment)) return operation;
  }
  return std::nullopt;
}

std::optional<Refusal> check_attributes(const KeyVersion& version, KeyOperation operation, Seconds now,
                                        DisabledKeyRule rule) {
  auto name = operation_name(operation);
  if (!version.enabled && (rule == DisabledKeyRule::RefusesEverything || needs_private_key(operation))) {
    return forbidden("KeyDisabled", fmt::format("Operation {} is not allowed on a disabled key.", name));
  }
  if (begins_protection(operation)) {
    if (version.not_before && now < *version.not_before) {
      return forbidden("KeyNotYetValid",
                       fmt::format("Operation {} is not allowed on a key that is not yet valid.", name));
    }
    if (version.expires && now >= *version.expires) {
      return forbidden("KeyExpired", fmt::format("Operation {} is not allowed on an expired key.", name));
    }
  }
  if (std::find(version.operations.begin(), version.operations.end(), name) == version.operations.end()) {
    return forbidden("KeyOperationForbidden", fmt::format("Operation {} is not permitted on this key.", name));
  }
  return std::nullopt;
}

std::string recovery_level(const Vault& vault) {
  constexpr int kFullRetention = 90;
  std::string level = vault.retention_days == kFullRetention ? "Recoverable" : "CustomizedRecoverable";
  if (!vault.purge_protection) level += "+Purgeable";
  return level;
}

Refusal bad_parameter(std::string message) {
  return {400, "BadParameter", std::move(message)};
}

Refusal invalid_value() {
  return bad_parameter("Property has invalid value\r\n");
}

bool is_key_name(std::string_view name) {
  constexpr std::size_t kLongest = 127;
  return !name.empty() && name.size() <= kLongest &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_alphanumeric(c) || c == '-'; });
}

bool is_key_operation_text(std::string_view text) {
  if (text == "import" || text == "export") return true;
  return std::any_of(kOperations.begin(), kOperations.end(), [&](const auto& known) { return known.second == text; });
}

bool is_vault_name(std::string_view name) {
  constexpr std::size_t kShortest = 3;
  constexpr std::size_t kLongest = 24;
  if (name.size() < kShortest || name.size() > kLongest) return false;
  if (!is_key_name(name) || (name.front() >= '0' && name.front() <= '9') || name.front() == '-') return false;
  return name.back() != '-' && name.find("--") == std::string_view::npos;
}

}  // namespace latchkey::clouds::azure::emulator

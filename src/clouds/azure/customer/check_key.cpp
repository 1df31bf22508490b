#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "clouds/azure/customer/checks.hpp"
#include "clouds/azure/customer/commands.hpp"
#include "clouds/azure/provider/response_text.hpp"

namespace latchkey::clouds::azure::customer {

using clouds::azure::shown_text;

namespace {

constexpr std::size_t kFewestBits = 3072;

// The rights that the person who runs this command lacks to read the key; the platform's own access is separate.
std::string cure_for_reading(const CustomerState& state, const Error& error) {
  if (error.code == ErrorCode::NetworkBlocked) {
    return "run this from an address that the vault lets in (Azure Cloud Shell is none), or look in the portal";
  }
  if (error.reason == "ForbiddenByRbac") {
    return fmt::format(
        "az role assignment create --role \"Key Vault Crypto Officer\" --assignee \"$(az account show --query "
        "user.name -o "
        "tsv)\" --scope \"$(az keyvault show --name {} --query id -o tsv)\"",
        state.target.vault_name);
  }
  if (error.reason == "ForbiddenByPolicy") {
    return fmt::format(
        "az keyvault set-policy --name {} --upn \"$(az account show --query user.name -o tsv)\" "
        "--key-permissions get list",
        state.target.vault_name);
  }
  return "";
}

Finding check_existence(const CustomerState& state) {
  Finding finding{"key"};
  if (state.key) {
    finding.status = Status::Good;
    finding.found = shown_text(state.key.value().id, 300);
    return finding;
  }
  const auto& error = state.key.error();
  finding.found = state.vault ? error.message() : "no vault to look at";
  if (!state.vault || error.code != ErrorCode::NotFound) {
    if (state.vault) finding.cure = cure_for_reading(state, error);
    return finding;
  }
  finding.status = Status::Failed;
  const auto& elsewhere = state.vaults_with_key;
  if (elsewhere.empty()) {
    finding.found = fmt::format("the vault {} has no key {}", state.target.vault_name, state.target.key_name);
    finding.cure = commands::create_key(state.target, "RSA", kFewestBits);
  } else {
    finding.found =
        fmt::format("the vault {} has no key {}; there is one of that name in the vault {}", state.target.vault_name,
                    state.target.key_name, shown_text(fmt::format("{}", fmt::join(elsewhere, ", ")), 200));
    finding.cure =
        fmt::format("latchkey azure verify --vault {} --key {}   # if that one is meant; or make one here: {}",
                    commands::word(elsewhere.front()), state.target.key_name,
                    commands::create_key(state.target, "RSA", kFewestBits));
  }
  return finding;
}

Finding check_type(const CustomerState& state, const VaultKey& key) {
  bool is_rsa = key.type == "RSA" || key.type == "RSA-HSM";
  auto shown = is_rsa ? fmt::format("{} {}", key.type, key.bits) : shown_text(key.type, 32);
  if (is_rsa && key.bits >= kFewestBits) return {"key-type", Status::Good, shown, ""};
  auto other = state.target;
  other.key_name += "-rsa";
  return {"key-type", Status::Failed,
          fmt::format("{}: it must be RSA or RSA-HSM of {} bits or more, and an existing key keeps its kind", shown,
                      kFewestBits),
          commands::create_key(other, "RSA", kFewestBits)};
}

Finding check_operations(const CustomerState& state, const VaultKey& key) {
  auto has = [&](std::string_view operation) {
    return std::find(key.operations.begin(), key.operations.end(), operation) != key.operations.end();
  };
  auto shown = shown_text(fmt::format("{}", fmt::join(key.operations, " ")), 200);
  auto cure = commands::set_key(state.target, "--ops wrapKey unwrapKey");
  if (!has("wrapKey") || !has("unwrapKey")) {
    return {"key-ops", Status::Failed,
            fmt::format("{}: wrapKey and unwrapKey must be among them", shown.empty() ? "none" : shown), cure};
  }
  if (key.operations.size() > 2) {
    return {"key-ops", Status::Warning, shown + ": wrapKey and unwrapKey are enough", cure};
  }
  return {"key-ops", Status::Good, shown, ""};
}

Finding check_enabled(const CustomerState& state, const VaultKey& key) {
  if (key.enabled) return {"key-enabled", Status::Good, "yes", ""};
  return {"key-enabled", Status::Failed, "the key is disabled: nothing can be wrapped or unwrapped with it",
          commands::set_key(state.target, "--enabled true")};
}

Finding check_dates(const CustomerState& state, const VaultKey& key) {
  constexpr std::chrono::days kSoon{30};
  Finding finding{"key-expiry"};
  auto renew = commands::set_key(state.target, "--expires YYYY-MM-DDThh:mm:ssZ");
  if (key.not_before && state.now < *key.not_before) {
    finding.status = Status::Failed;
    finding.found = "not valid before " + format_timestamp(*key.not_before);
    finding.cure = commands::set_key(state.target, "--not-before YYYY-MM-DDThh:mm:ssZ");
  } else if (!key.expires) {
    finding.status = Status::Good;
    finding.found = "does not expire";
  } else if (state.now >= *key.expires) {
    finding.status = Status::Failed;
    finding.found = fmt::format("expired at {}: nothing new can be encrypted", format_timestamp(*key.expires));
    finding.cure = renew;
  } else if (*key.expires - state.now < kSoon) {
    finding.status = Status::Warning;
    finding.found = fmt::format("expires soon, at {}", format_timestamp(*key.expires));
    finding.cure = renew;
  } else {
    finding.status = Status::Good;
    finding.found = "until " + format_timestamp(*key.expires);
  }
  return finding;
}

}  // namespace

std::vector<Finding> check_key(const CustomerState& state) {
  std::vector<Finding> findings{check_existence(state)};
  using Check = Finding (*)(const CustomerState&, const VaultKey&);
  constexpr std::pair<std::string_view, Check> kChecks[] = {{"key-type", check_type},
                                                            {"key-ops", check_operations},
                                                            {"key-enabled", check_enabled},
                                                            {"key-expiry", check_dates}};
  for (const auto& [name, check] : kChecks) {
    findings.push_back(state.key ? check(state, state.key.value())
                                 : Finding{std::string(name), Status::Unknown, "no key to look at", ""});
  }
  return findings;
}

}  // namespace latchkey::clouds::azure::customer

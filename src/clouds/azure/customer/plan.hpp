// Plans the steps after which the platform can use the key, from the customer's state and the options. Pure, so that
// `--dry-run` and the real run cannot differ. The plan leaves alone what exists already, and never changes what exists
// and is wrong unless an option asks for it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "clouds/azure/customer/commands.hpp"
#include "clouds/azure/customer/platform.hpp"

namespace latchkey::clouds::azure::customer {

// The one place that the vault's log goes to.
struct LogSink {
  enum class Kind { Workspace, StorageAccount, EventHub };
  Kind kind = Kind::Workspace;
  std::string id;         // the resource, or the event hub namespace's authorization rule
  std::string event_hub;  // its hub's name; may be empty
};

struct SetupOptions {
  std::string resource_group;  // where a missing vault is made
  std::string location;
  bool hsm = false;
  unsigned bits = 3072;
  commands::Scope scope = commands::Scope::Key;
  std::string role = "Key Vault Crypto Service Encryption User";
  std::optional<LogSink> sink;
  bool without_log = false;   // do without a diagnostic setting
  bool fix_vault = false;     // change an existing vault that does not fit
  bool grant_myself = false;  // give the signed-in account the right to make keys in an existing vault
  bool azure_only = false;    // leave out register, validate and attach
  std::string url;            // Latchkey's, for the commands shown
  std::string display_name;   // of the registration
  std::string workspace;      // to attach to; may be empty
};

// What Latchkey knows already of the key.
struct Registration {
  std::optional<RegisteredKey> key;
  std::string workspace_key;  // the id of the key that is attached to the workspace of the options
};

enum class StepKind { Group, Vault, FixVault, Consent, Access, Key, Role, Log, Register, Validate, Attach };

enum class StepState {
  Already,  // nothing to do
  ToDo,
  Left,  // the options leave it out
};

struct Step {
  StepKind kind = StepKind::Vault;
  StepState state = StepState::ToDo;
  std::string text = {};                   // what exists, or what the step will do
  std::vector<std::string> commands = {};  // shell commands that do it; later ones use the variables of earlier ones
};

// "consent", "vault", ...: stable names.
[[nodiscard]] std::string_view to_string(StepKind kind);

// The steps in order. Conflict, with the cure, where something exists that does not fit; Invalid where an option is
// missing or impossible.
[[nodiscard]] Result<std::vector<Step>> make_plan(const CustomerState& state, const Registration& registration,
                                                  const SetupOptions& options);

// For the step that makes the key: "; another key of that name is in the vault fabrikam", or nothing.
[[nodiscard]] std::string note_on_namesakes(const CustomerState& state);

// Request bodies for ARM, for the steps that make or change something.
[[nodiscard]] boost::json::object new_vault_body(const SetupOptions& options, const std::string& tenant);
[[nodiscard]] boost::json::object fixed_vault_body(const Target& target, const Vault& vault);
[[nodiscard]] boost::json::object log_body(const LogSink& sink);

}  // namespace latchkey::clouds::azure::customer

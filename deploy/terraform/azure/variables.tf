# The vault.

variable "vault_name" {
  description = "The vault's name."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]$", var.vault_name)) && !strcontains(var.vault_name, "--")
    error_message = "vault_name must be 3 to 24 letters, digits and single hyphens, begin with a letter and not end with a hyphen."
  }
}

variable "resource_group_name" {
  description = "The vault's resource group; it must exist."
  type        = string
  nullable    = false
}

variable "create_vault" {
  description = "Whether to make the vault. An existing one is looked at, refused where it does not fit, and never changed."
  type        = bool
  default     = false
  nullable    = false
}

variable "location" {
  description = "Where a vault is made. Needed with create_vault."
  type        = string
  default     = null
  validation {
    condition     = !var.create_vault || var.location != null
    error_message = "location is needed to make a vault: the platform's region or one close to it answers soonest, for example eastus2."
  }
}

variable "sku_name" {
  description = "The made vault's tier: standard, or premium for keys in an HSM."
  type        = string
  default     = "standard"
  nullable    = false
  validation {
    condition     = contains(["standard", "premium"], var.sku_name)
    error_message = "sku_name must be standard or premium."
  }
}

variable "soft_delete_retention_days" {
  description = "How long a deleted key can be recovered. Cannot be changed once the vault is made."
  type        = number
  default     = 90
  nullable    = false
  validation {
    condition     = var.soft_delete_retention_days >= 7 && var.soft_delete_retention_days <= 90
    error_message = "soft_delete_retention_days must be 7 to 90."
  }
}

variable "network_default_action" {
  description = "What the made vault's firewall does with addresses that no rule names: Allow or Deny."
  type        = string
  default     = "Allow"
  nullable    = false
  validation {
    condition     = contains(["Allow", "Deny"], var.network_default_action)
    error_message = "network_default_action must be Allow or Deny."
  }
}

variable "platform_egress_ranges" {
  description = "Where the platform calls from, as it publishes it; let in where the made vault denies others."
  type        = list(string)
  default     = ["160.79.104.0/21"]
  nullable    = false
  validation {
    condition     = length(var.platform_egress_ranges) > 0 && alltrue([for range in var.platform_egress_ranges : can(cidrhost(range, 0))])
    error_message = "platform_egress_ranges must hold at least one range in CIDR notation."
  }
}

variable "allowed_ip_ranges" {
  description = "Your own addresses to let in where the made vault denies others: Terraform's, to make the key, among them."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "grant_deployer" {
  description = "Whether to give whoever runs Terraform the role Key Vault Crypto Officer on the vault, to make the key. Null: where the module makes the vault."
  type        = bool
  default     = null
}

variable "deployer_wait_seconds" {
  description = "How long that role is given to work before the key is made."
  type        = number
  default     = 120
  nullable    = false
  validation {
    condition     = var.deployer_wait_seconds >= 0 && var.deployer_wait_seconds <= 3600 && floor(var.deployer_wait_seconds) == var.deployer_wait_seconds
    error_message = "deployer_wait_seconds must be a whole number from 0 to 3600."
  }
}

# The key.

variable "key_name" {
  description = "The key's name in the vault."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[A-Za-z0-9-]{1,127}$", var.key_name))
    error_message = "key_name must be 1 to 127 letters, digits and hyphens."
  }
}

variable "key_size" {
  description = "3072 or 4096 bits."
  type        = number
  default     = 3072
  nullable    = false
  validation {
    condition     = contains([3072, 4096], var.key_size)
    error_message = "key_size must be 3072 or 4096: the platform takes nothing smaller."
  }
}

variable "hsm" {
  description = "Whether the key lives in an HSM. Takes a premium vault."
  type        = bool
  default     = false
  nullable    = false
  validation {
    condition     = !var.hsm || !var.create_vault || var.sku_name == "premium"
    error_message = "A key in an HSM takes a premium vault: set sku_name = \"premium\"."
  }
}

variable "rotate_after" {
  description = "Let Azure make a new version of the key this long after the last, as an ISO 8601 duration such as P365D. Null: never by itself. Earlier versions stay enabled, as they must."
  type        = string
  default     = null
  validation {
    condition     = var.rotate_after == null || can(regex("^P[1-9][0-9]*[DMY]$", var.rotate_after))
    error_message = "rotate_after must be an ISO 8601 duration of days, months or years, such as P365D."
  }
}

variable "organization_id" {
  description = "Your organisation's UUID at the platform, to bind the key to it by a tag. Null: no tag."
  type        = string
  default     = null
  validation {
    condition     = var.organization_id == null || can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.organization_id))
    error_message = "organization_id must be a UUID in lower case (GET /v1/organizations/me shows it), or null."
  }
}

variable "binding_slug" {
  description = "The first part of that tag's name, as the platform publishes it."
  type        = string
  default     = "latchkey"
  nullable    = false
  validation {
    condition     = can(regex("^[a-z0-9-]{1,64}$", var.binding_slug))
    error_message = "binding_slug must be lower-case letters, digits and hyphens."
  }
}

variable "tags" {
  description = "Further tags for the vault and the key; an Azure key holds 15."
  type        = map(string)
  default     = {}
  nullable    = false
  validation {
    condition     = length(var.tags) <= 14
    error_message = "tags may hold 14 at most: a key holds 15, and one may bind it to the organisation."
  }
}

# The platform's app.

variable "app_client_id" {
  description = "The platform's app, as its provider publishes it. Take it from its site, never from a mail or a chat."
  type        = string
  default     = "8635ae1a-3e5d-44e8-a4ed-e0f614466f87"
  nullable    = false
  validation {
    condition     = can(regex("^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$", var.app_client_id))
    error_message = "app_client_id must be a UUID."
  }
}

variable "app_display_name" {
  description = "Its published name. An app of another name is a look-alike, and refused."
  type        = string
  default     = "anthropic-cmek-client-us"
  nullable    = false
}

variable "role_name" {
  description = "What the app may do with the key: the tighter role (read, wrap, unwrap), or the guide's Key Vault Crypto User."
  type        = string
  default     = "Key Vault Crypto Service Encryption User"
  nullable    = false
  validation {
    condition     = contains(["Key Vault Crypto Service Encryption User", "Key Vault Crypto User"], var.role_name)
    error_message = "role_name must be Key Vault Crypto Service Encryption User or Key Vault Crypto User."
  }
}

variable "role_scope" {
  description = "key, or vault where the vault holds this key alone."
  type        = string
  default     = "key"
  nullable    = false
  validation {
    condition     = contains(["key", "vault"], var.role_scope)
    error_message = "role_scope must be key or vault."
  }
}

# The log.

variable "audit_log" {
  description = "Where the vault's AuditEvent log goes: one of the three destinations, by resource id (for an event hub its namespace's authorization rule). Null, said on purpose: a diagnostic setting is there already."
  type = object({
    log_analytics_workspace_id     = optional(string)
    storage_account_id             = optional(string)
    eventhub_authorization_rule_id = optional(string)
    eventhub_name                  = optional(string)
  })
  validation {
    condition = var.audit_log == null || try(length([
      for id in [var.audit_log.log_analytics_workspace_id, var.audit_log.storage_account_id, var.audit_log.eventhub_authorization_rule_id] : id if id != null
    ]) > 0, false)
    error_message = "audit_log needs a destination: log_analytics_workspace_id, storage_account_id or eventhub_authorization_rule_id. Without one nobody sees what is done with the key."
  }
  validation {
    condition     = try(var.audit_log.eventhub_name == null || var.audit_log.eventhub_authorization_rule_id != null, true)
    error_message = "audit_log.eventhub_name needs audit_log.eventhub_authorization_rule_id."
  }
}

variable "diagnostic_setting_name" {
  description = "The diagnostic setting's name."
  type        = string
  default     = "latchkey-audit"
  nullable    = false
}

# The platform.

variable "register" {
  description = "Whether to register and validate the key with the platform. False leaves that to whoever has an Admin API key."
  type        = bool
  default     = true
  nullable    = false
  validation {
    condition     = var.register || length(var.workspace_ids) == 0
    error_message = "A key that is not registered cannot be attached: set register = true, or no workspace_ids."
  }
}

variable "latchkey_url" {
  description = "The platform's Admin API, as it publishes it; needed to register. Plain http is taken for this machine alone."
  type        = string
  default     = null
  validation {
    condition     = !var.register || var.latchkey_url != null
    error_message = "Say with latchkey_url where the platform's Admin API is, or set register = false."
  }
}

variable "ca_file" {
  description = "PEM file of the authorities to trust for latchkey_url; null for the system's."
  type        = string
  default     = null
}

variable "admin_api_key_file" {
  description = "A file that holds the Admin API key; null to take it from the environment variable LATCHKEY_ADMIN_KEY. Terraform itself never reads it."
  type        = string
  default     = null
}

variable "display_name" {
  description = "The registration's name for people. Null: VAULT/KEY."
  type        = string
  default     = null
}

variable "validation_wait_seconds" {
  description = "How long to wait for the app's role to work before a failed validation counts."
  type        = number
  default     = 900
  nullable    = false
}

variable "workspace_ids" {
  description = "Workspaces to attach the key to, for good."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "attach_for_good" {
  description = "Set to true to say that you know it: an attached key can be neither detached nor replaced."
  type        = bool
  default     = false
  nullable    = false
  validation {
    condition     = var.attach_for_good || length(var.workspace_ids) == 0
    error_message = "Attaching is for good: the key can be neither detached nor replaced, and if it is lost, so is the data written under it. If you are sure, set attach_for_good = true."
  }
}

variable "latchkey_url" {
  description = "The platform's Admin API. Plain http is taken for this machine alone."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^(https://[^/?#@\\s]+(/[^?#\\s]*)?|http://(localhost|127\\.0\\.0\\.1|\\[::1\\])(:[0-9]+)?/?)$", var.latchkey_url))
    error_message = "latchkey_url must be https://HOST: an Admin key goes there. Plain http is taken for localhost alone."
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

variable "vault_uri" {
  description = "https://NAME.vault.azure.net/"
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^https://[A-Za-z0-9.-]+(:[0-9]+)?/?$", var.vault_uri))
    error_message = "vault_uri must be https://HOST/, as az keyvault show --query properties.vaultUri prints it."
  }
}

variable "key_name" {
  description = "The key's name in the vault, without a version."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[A-Za-z0-9-]{1,127}$", var.key_name))
    error_message = "key_name must be 1 to 127 letters, digits and hyphens, without a version."
  }
}

variable "tenant_id" {
  description = "The Entra tenant that governs the vault."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$", var.tenant_id))
    error_message = "tenant_id must be the tenant's UUID, as az keyvault show --query properties.tenantId prints it."
  }
}

variable "client_id" {
  description = "An app registration of your own instead of the platform's; null for the platform's."
  type        = string
  default     = null
  validation {
    condition     = var.client_id == null || can(regex("^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$", var.client_id))
    error_message = "client_id must be an app's UUID, or null."
  }
}

variable "display_name" {
  description = "The registration's name for people; null leaves it alone."
  type        = string
  default     = null
  validation {
    condition     = var.display_name == null || try(length(var.display_name) >= 1 && length(var.display_name) <= 255, false)
    error_message = "display_name must have 1 to 255 characters, or be null."
  }
}

variable "validation_wait_seconds" {
  description = "How long to wait for a role assignment to work before a failed validation counts."
  type        = number
  default     = 900
  nullable    = false
  validation {
    condition     = var.validation_wait_seconds >= 0 && var.validation_wait_seconds <= 86400 && floor(var.validation_wait_seconds) == var.validation_wait_seconds
    error_message = "validation_wait_seconds must be a whole number from 0 to 86400."
  }
}

variable "revalidate_when" {
  description = "Values whose change calls for another validation: the key's version, the role assignment, the vault's network rules."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "workspace_ids" {
  description = "Workspaces to attach the key to, for good."
  type        = set(string)
  default     = []
  nullable    = false
  validation {
    condition     = alltrue([for id in var.workspace_ids : can(regex("^wrkspc_[A-Za-z0-9]+$", id))])
    error_message = "workspace_ids must be ids that begin with wrkspc_."
  }
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

# A vault of its own for one key, its log to Log Analytics, and a workspace that holds the key.
#   export LATCHKEY_ADMIN_KEY=…     # nowhere else: not in a .tf, not in a .tfvars
#   terraform init && terraform apply

terraform {
  required_version = ">= 1.9"
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 4.42.0, < 5.0.0"
    }
    azuread = {
      source  = "hashicorp/azuread"
      version = ">= 3.0.0, < 4.0.0"
    }
  }
}

provider "azurerm" {
  subscription_id = var.subscription_id

  features {
    key_vault {
      # Purge protection forbids it anyway; without these two a plan would try.
      purge_soft_delete_on_destroy       = false
      purge_soft_deleted_keys_on_destroy = false
    }
  }
}

provider "azuread" {
  tenant_id = var.tenant_id
}

variable "subscription_id" {
  description = "The vault's subscription."
  type        = string
}

variable "tenant_id" {
  description = "The tenant that governs the vault."
  type        = string
}

variable "log_analytics_workspace_id" {
  description = "Resource id of the workspace that keeps the vault's log."
  type        = string
}

variable "latchkey_url" {
  description = "The platform's Admin API, as it publishes it."
  type        = string
}

variable "workspace_id" {
  description = "The platform's workspace that holds the key from now on, for good."
  type        = string
}

module "customer_key" {
  source = "../.."

  vault_name          = "contoso-cmek"
  resource_group_name = "security"
  create_vault        = true
  location            = "eastus2"
  key_name            = "latchkey"

  audit_log = { log_analytics_workspace_id = var.log_analytics_workspace_id }

  latchkey_url    = var.latchkey_url
  workspace_ids   = [var.workspace_id]
  attach_for_good = true
}

output "external_key_id" {
  description = "The registration's id."
  value       = module.customer_key.external_key_id
}

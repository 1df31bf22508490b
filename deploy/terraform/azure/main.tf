data "azurerm_client_config" "current" {}
data "azuread_client_config" "current" {}

locals {
  vault = {
    id        = one(concat(azurerm_key_vault.created[*].id, data.azurerm_key_vault.existing[*].id))
    uri       = one(concat(azurerm_key_vault.created[*].vault_uri, data.azurerm_key_vault.existing[*].vault_uri))
    tenant_id = one(concat(azurerm_key_vault.created[*].tenant_id, data.azurerm_key_vault.existing[*].tenant_id))
  }
  grant_deployer = var.grant_deployer == null ? var.create_vault : var.grant_deployer
  binding        = var.organization_id == null ? {} : { "${var.binding_slug}-org-${var.organization_id}" = "true" }
}

# The vault: an existing one must fit (the guide's step 4), a new one is made so.

data "azurerm_key_vault" "existing" {
  count               = var.create_vault ? 0 : 1
  name                = var.vault_name
  resource_group_name = var.resource_group_name

  lifecycle {
    postcondition {
      condition     = self.rbac_authorization_enabled
      error_message = "The vault decides by access policies. Let it decide by roles (its access policies end): az keyvault update --name ${var.vault_name} --enable-rbac-authorization true"
    }
    postcondition {
      condition     = self.purge_protection_enabled
      error_message = "The vault has no purge protection: a deleted key could be purged, and the data with it. Enable it (for good): az keyvault update --name ${var.vault_name} --enable-purge-protection true"
    }
    postcondition {
      condition     = self.public_network_access_enabled
      error_message = "Public network access to the vault is disabled; private endpoints are not supported. Enable it: az keyvault update --name ${var.vault_name} --public-network-access Enabled"
    }
  }
}

# A warning, not a refusal: a wider rule than the published range serves too, and the validation has the last word.
check "firewall" {
  assert {
    condition = alltrue(flatten([
      for vault in data.azurerm_key_vault.existing : [
        for acls in vault.network_acls : acls.default_action == "Allow" || length(setsubtract(var.platform_egress_ranges, acls.ip_rules)) == 0
      ]
    ]))
    error_message = "The vault's firewall denies addresses that no rule names, and no rule names the platform's: az keyvault network-rule add --name ${var.vault_name} --ip-address ${join(" ", var.platform_egress_ranges)}"
  }
}

resource "azurerm_key_vault" "created" {
  count                         = var.create_vault ? 1 : 0
  name                          = var.vault_name
  resource_group_name           = var.resource_group_name
  location                      = var.location
  tenant_id                     = data.azurerm_client_config.current.tenant_id
  sku_name                      = var.sku_name
  rbac_authorization_enabled    = true
  purge_protection_enabled      = true
  soft_delete_retention_days    = var.soft_delete_retention_days
  public_network_access_enabled = true
  tags                          = var.tags

  network_acls {
    bypass         = "AzureServices"
    default_action = var.network_default_action
    ip_rules       = var.network_default_action == "Deny" ? concat(var.platform_egress_ranges, var.allowed_ip_ranges) : []
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "azurerm_role_assignment" "deployer" {
  count                = local.grant_deployer ? 1 : 0
  scope                = local.vault.id
  role_definition_name = "Key Vault Crypto Officer"
  principal_id         = data.azurerm_client_config.current.object_id
}

resource "terraform_data" "deployer_may" {
  count            = local.grant_deployer ? 1 : 0
  triggers_replace = azurerm_role_assignment.deployer[0].id

  provisioner "local-exec" {
    interpreter = ["sleep"]
    command     = var.deployer_wait_seconds
  }
}

# The log comes before the first use.

resource "azurerm_monitor_diagnostic_setting" "audit" {
  count                          = var.audit_log == null ? 0 : 1
  name                           = var.diagnostic_setting_name
  target_resource_id             = local.vault.id
  log_analytics_workspace_id     = var.audit_log.log_analytics_workspace_id
  storage_account_id             = var.audit_log.storage_account_id
  eventhub_authorization_rule_id = var.audit_log.eventhub_authorization_rule_id
  eventhub_name                  = var.audit_log.eventhub_name

  enabled_log {
    category = "AuditEvent"
  }
}

# Step 1: consent.

resource "azuread_service_principal" "app" {
  client_id    = var.app_client_id
  use_existing = true

  lifecycle {
    # It may have been there before, and serve others.
    prevent_destroy = true

    precondition {
      condition     = lower(data.azuread_client_config.current.tenant_id) == lower(local.vault.tenant_id)
      error_message = "The azuread provider signs in to the tenant ${data.azuread_client_config.current.tenant_id}, and the vault is governed by ${local.vault.tenant_id}: set the provider's tenant_id, for consent is given in the vault's tenant."
    }
    postcondition {
      condition     = self.display_name == var.app_display_name
      error_message = "The app ${var.app_client_id} is named \"${self.display_name}\", not \"${var.app_display_name}\": a look-alike, which gets no access to the key. Take both from the provider's site; delete the service principal ${self.object_id} if you did not mean it."
    }
  }
}

# Step 2: the key.

resource "azurerm_key_vault_key" "customer" {
  name         = var.key_name
  key_vault_id = local.vault.id
  key_type     = var.hsm ? "RSA-HSM" : "RSA"
  key_size     = var.key_size
  key_opts     = ["unwrapKey", "wrapKey"]
  tags         = merge(var.tags, local.binding)
  depends_on   = [terraform_data.deployer_may, azurerm_monitor_diagnostic_setting.audit]

  dynamic "rotation_policy" {
    for_each = var.rotate_after == null ? [] : [var.rotate_after]
    content {
      automatic {
        time_after_creation = rotation_policy.value
      }
    }
  }

  lifecycle {
    # The data under it would be gone with it.
    prevent_destroy = true
  }
}

# Step 3: access, on that key alone.

resource "azurerm_role_assignment" "app" {
  scope                            = var.role_scope == "vault" ? local.vault.id : azurerm_key_vault_key.customer.resource_versionless_id
  role_definition_name             = var.role_name
  principal_id                     = azuread_service_principal.app.object_id
  principal_type                   = "ServicePrincipal"
  skip_service_principal_aad_check = true

  lifecycle {
    # A tighter role or scope comes before the old one goes, so that no request is refused in between.
    create_before_destroy = true
  }
}

# Steps 5 to 7: register, validate, attach.

module "registration" {
  source = "./modules/registration"
  count  = var.register ? 1 : 0

  latchkey_url            = var.latchkey_url
  ca_file                 = var.ca_file
  admin_api_key_file      = var.admin_api_key_file
  vault_uri               = local.vault.uri
  key_name                = azurerm_key_vault_key.customer.name
  tenant_id               = local.vault.tenant_id
  display_name            = var.display_name == null ? "${var.vault_name}/${var.key_name}" : var.display_name
  validation_wait_seconds = var.validation_wait_seconds
  workspace_ids           = var.workspace_ids
  attach_for_good         = var.attach_for_good

  revalidate_when = {
    key_version = azurerm_key_vault_key.customer.version
    access      = azurerm_role_assignment.app.id
    firewall    = "${var.network_default_action} ${join(" ", var.platform_egress_ranges)}"
  }
}

output "external_key_id" {
  description = "The registration's id; null with register = false."
  value       = one(module.registration[*].external_key_id)
}

output "attached_workspace_ids" {
  description = "The workspaces that hold the key, for good."
  value       = flatten(module.registration[*].attached_workspace_ids)
}

output "vault_id" {
  description = "The vault's resource id."
  value       = local.vault.id
}

output "vault_uri" {
  description = "The vault's URI, as it is registered."
  value       = local.vault.uri
}

output "tenant_id" {
  description = "The tenant that governs the vault, as it is registered."
  value       = local.vault.tenant_id
}

output "key_id" {
  description = "The key's id, without a version."
  value       = azurerm_key_vault_key.customer.versionless_id
}

output "key_resource_id" {
  description = "The key's resource id, the scope of the app's role."
  value       = azurerm_key_vault_key.customer.resource_versionless_id
}

output "service_principal_object_id" {
  description = "The platform's app in your tenant."
  value       = azuread_service_principal.app.object_id
}

output "role_assignment_id" {
  description = "The app's access. Remove it to take the key away."
  value       = azurerm_role_assignment.app.id
}

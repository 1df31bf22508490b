output "external_key_id" {
  description = "The registration's id."
  value       = terraform_data.external_key.output
}

output "attached_workspace_ids" {
  description = "The workspaces that hold the key, for good."
  value       = sort([for attached in terraform_data.attached : attached.output.workspace_id])
}

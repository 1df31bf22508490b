locals {
  helper = "${path.module}/latchkey-key.sh"

  # Not the Admin key: the helper takes it from Terraform's own environment, or from the file named here.
  access = {
    LATCHKEY_URL            = var.latchkey_url
    LATCHKEY_CA_FILE        = var.ca_file == null ? "" : var.ca_file
    LATCHKEY_ADMIN_KEY_FILE = var.admin_api_key_file == null ? "" : var.admin_api_key_file
  }

  config = {
    VAULT_URI    = var.vault_uri
    KEY_NAME     = var.key_name
    TENANT_ID    = var.tenant_id
    CLIENT_ID    = var.client_id == null ? "" : var.client_id
    DISPLAY_NAME = var.display_name == null ? "" : var.display_name
  }

  # What makes it this key: a change of its name for people, or of the server's address, does not.
  identity = [lower(trimsuffix(var.vault_uri, "/")), lower(var.key_name), lower(var.tenant_id), local.config.CLIENT_ID]
  id_files = "${path.root}/.terraform/latchkey"
}

resource "terraform_data" "register" {
  triggers_replace = local.identity

  provisioner "local-exec" {
    interpreter = ["bash", local.helper]
    command     = "register"
    environment = merge(local.access, local.config, { ID_FILE = "${local.id_files}/${self.id}" })
  }
}

# The id, kept in the state: the file is read in the run that made it and never again.
resource "terraform_data" "external_key" {
  triggers_replace = terraform_data.register.id
  input            = try(trimspace(file("${local.id_files}/${terraform_data.register.id}")), null)

  lifecycle {
    ignore_changes = [input]
    postcondition {
      condition     = self.output != null
      error_message = "The registration's id is missing from ${local.id_files}. Apply again with -replace for terraform_data.register, which changes nothing on the platform."
    }
  }
}

resource "terraform_data" "display_name" {
  triggers_replace = [terraform_data.external_key.output, local.config.DISPLAY_NAME]

  provisioner "local-exec" {
    interpreter = ["bash", local.helper]
    command     = "register"
    environment = merge(local.access, local.config)
  }
}

resource "terraform_data" "validate" {
  triggers_replace = [terraform_data.external_key.output, var.revalidate_when]

  provisioner "local-exec" {
    interpreter = ["bash", local.helper]
    command     = "validate"
    environment = merge(local.access, {
      EXTERNAL_KEY_ID = terraform_data.external_key.output
      WAIT_SECONDS    = var.validation_wait_seconds
    })
  }
}

resource "terraform_data" "attach" {
  for_each         = var.workspace_ids
  triggers_replace = [terraform_data.external_key.output]
  depends_on       = [terraform_data.validate]

  provisioner "local-exec" {
    interpreter = ["bash", local.helper]
    command     = "attach"
    environment = merge(local.access, {
      EXTERNAL_KEY_ID = terraform_data.external_key.output
      WORKSPACE_ID    = each.key
    })
  }
}

# Made after a success, and apart from it: a resource whose provisioner failed must be replaceable, this one must not be. A
# plan that would take a workspace away, or give it another key, is refused before anything happens.
resource "terraform_data" "attached" {
  for_each         = var.workspace_ids
  triggers_replace = local.identity
  input            = { workspace_id = each.key, external_key_id = terraform_data.external_key.output }
  depends_on       = [terraform_data.attach]

  lifecycle {
    prevent_destroy = true
  }
}

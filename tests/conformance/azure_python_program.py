# Run by azure-arm.test.mjs with the environment of dev.env and azure.env; prints what it saw as JSON.
import json
import os
import uuid

from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential
from azure.keyvault.keys import KeyClient, KeyOperation
from azure.keyvault.keys.crypto import CryptographyClient, KeyWrapAlgorithm
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.models import RoleAssignmentCreateParameters
from azure.mgmt.keyvault import KeyVaultManagementClient

env = os.environ
credential = ClientSecretCredential(env["AZURE_TENANT_ID"], env["AZURE_CLIENT_ID"], env["AZURE_CLIENT_SECRET"])
subscription = env["AZURE_SUBSCRIPTION_ID"]
group = env["AZURE_RESOURCE_GROUP"]
vaults = KeyVaultManagementClient(credential, subscription)
roles = AuthorizationManagementClient(credential, subscription)
name = "py-" + uuid.uuid4().hex[:8]
results = {"name": name}


def refusal(call):
    try:
        call()
        return "nothing was refused"
    except HttpResponseError as error:
        return {"statusCode": error.status_code, "code": error.error.code if error.error else None}


def assign(role, scope, principal):
    definition = next(iter(roles.role_definitions.list(scope, filter=f"roleName eq '{role}'")))
    return roles.role_assignments.create(
        scope,
        str(uuid.uuid4()),
        RoleAssignmentCreateParameters(
            role_definition_id=definition.id, principal_id=principal, principal_type="ServicePrincipal"
        ),
    )


vault = vaults.vaults.begin_create_or_update(
    group,
    name,
    {
        "location": "westeurope",
        "properties": {
            "tenant_id": env["AZURE_TENANT_ID"],
            "sku": {"family": "A", "name": "standard"},
            "enable_rbac_authorization": True,
            "enable_purge_protection": True,
        },
    },
).result()
results["vault"] = {
    "vaultUri": vault.properties.vault_uri,
    "enableRbacAuthorization": vault.properties.enable_rbac_authorization,
    "enablePurgeProtection": vault.properties.enable_purge_protection,
}
results["read"] = vaults.vaults.get(group, name).id == vault.id
results["listed"] = [one.name for one in vaults.vaults.list_by_resource_group(group)]
results["missing"] = refusal(lambda: vaults.vaults.get(group, "no-such-vault-here"))

assign("Key Vault Crypto Officer", vault.id, env["CUSTOMER_OBJECT_ID"])
keys = KeyClient(vault.properties.vault_uri, credential)
key = keys.create_rsa_key("customer-key", size=3072, key_operations=[KeyOperation.wrap_key, KeyOperation.unwrap_key])
results["key"] = key.id
scope = vault.id + "/keys/customer-key"
assignment = assign("Key Vault Crypto User", scope, env["PLATFORM_OBJECT_ID"])
results["assignment"] = {"scope": assignment.scope, "principalId": assignment.principal_id}
results["again"] = refusal(lambda: assign("Key Vault Crypto User", scope, env["PLATFORM_OBJECT_ID"]))
results["atScope"] = [
    one.scope for one in roles.role_assignments.list_for_scope(scope, filter=f"principalId eq '{env['PLATFORM_OBJECT_ID']}'")
]

crypto = CryptographyClient(key, credential)
wrapped = crypto.wrap_key(KeyWrapAlgorithm.rsa_oaep_256, bytes(range(32)))
results["unwrapped"] = crypto.unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, wrapped.encrypted_key).key.hex()
print(json.dumps(results))

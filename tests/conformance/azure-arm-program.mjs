// Run by azure-arm.test.mjs with the environment of dev.env and azure.env; prints what it saw as JSON.
import { AuthorizationManagementClient } from '@azure/arm-authorization';
import { KeyVaultManagementClient } from '@azure/arm-keyvault';
import { ClientSecretCredential } from '@azure/identity';
import { KeyClient } from '@azure/keyvault-keys';
import { randomUUID } from 'node:crypto';

const { env } = process;
const credential = new ClientSecretCredential(env.AZURE_TENANT_ID, env.AZURE_CLIENT_ID, env.AZURE_CLIENT_SECRET);
const vaults = new KeyVaultManagementClient(credential, env.AZURE_SUBSCRIPTION_ID);
const roles = new AuthorizationManagementClient(credential, env.AZURE_SUBSCRIPTION_ID);
const name = `arm-${randomUUID().slice(0, 8)}`;
const results = { name };

async function refusal(promise) {
  try {
    await promise;
    return 'nothing was refused';
  } catch (error) {
    return { statusCode: error.statusCode, code: error.code };
  }
}

async function assign(role, scope, principalId) {
  const found = [];
  for await (const definition of roles.roleDefinitions.list(scope, { filter: `roleName eq '${role}'` })) found.push(definition);
  return roles.roleAssignments.create(scope, randomUUID(), {
    roleDefinitionId: found[0].id, principalId, principalType: 'ServicePrincipal',
  });
}

const vault = await vaults.vaults.beginCreateOrUpdateAndWait(env.AZURE_RESOURCE_GROUP, name, {
  location: 'westeurope',
  properties: {
    tenantId: env.AZURE_TENANT_ID, sku: { family: 'A', name: 'standard' }, enableRbacAuthorization: true, enablePurgeProtection: true,
  },
});
results.vault = vault.properties;
results.read = (await vaults.vaults.get(env.AZURE_RESOURCE_GROUP, name)).id === vault.id;
results.listed = [];
for await (const one of vaults.vaults.listByResourceGroup(env.AZURE_RESOURCE_GROUP)) results.listed.push(one.name);
results.unprotect = await refusal(vaults.vaults.update(env.AZURE_RESOURCE_GROUP, name, { properties: { enablePurgeProtection: false } }));
results.missing = await refusal(vaults.vaults.get(env.AZURE_RESOURCE_GROUP, 'no-such-vault-here'));

await assign('Key Vault Crypto Officer', vault.id, env.CUSTOMER_OBJECT_ID);
const key = await new KeyClient(vault.properties.vaultUri, credential).createRsaKey('customer-key', {
  keySize: 3072, keyOps: ['wrapKey', 'unwrapKey'],
});
results.key = key.id;
const scope = `${vault.id}/keys/customer-key`;
const assignment = await assign('Key Vault Crypto User', scope, env.PLATFORM_OBJECT_ID);
results.assignment = { scope: assignment.scope, principalId: assignment.principalId };
results.again = await refusal(roles.roleAssignments.create(scope, randomUUID(), {
  roleDefinitionId: assignment.roleDefinitionId, principalId: env.PLATFORM_OBJECT_ID, principalType: 'ServicePrincipal',
}));
results.atScope = [];
for await (const one of roles.roleAssignments.listForScope(scope, { filter: `principalId eq '${env.PLATFORM_OBJECT_ID}'` })) {
  results.atScope.push(one.scope);
}
console.log(JSON.stringify(results));

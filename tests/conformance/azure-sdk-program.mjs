// Run by azure-sdk.test.mjs with the environment of dev.env and azure.env; prints what it saw as JSON.
import { ClientSecretCredential } from '@azure/identity';
import { CryptographyClient, KeyClient } from '@azure/keyvault-keys';

const { AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET, AZURE_VAULT_URI } = process.env;
const credential = new ClientSecretCredential(AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET);
const keys = new KeyClient(AZURE_VAULT_URI, credential);
const secret = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
const results = {};

async function refusal(promise) {
  try {
    await promise;
    return 'nothing was refused';
  } catch (error) {
    if (!error.response) return { message: error.message };
    const inner = JSON.parse(error.response.bodyAsText).error.innererror?.code;
    return { statusCode: error.statusCode, code: error.code, ...(inner ? { inner } : {}) };
  }
}

const created = await keys.createRsaKey('sdk-key', { keySize: 3072, keyOps: ['wrapKey', 'unwrapKey'] });
results.created = { id: created.id, keyType: created.keyType, operations: created.keyOperations };
results.modulusBytes = created.key.n.length;
results.read = (await keys.getKey('sdk-key')).id;
results.listed = [];
for await (const properties of keys.listPropertiesOfKeys()) results.listed.push(properties.name);

const crypto = new CryptographyClient(created.id, credential);
const wrapped = await crypto.wrapKey('RSA-OAEP-256', secret);
results.wrappedBy = wrapped.keyID;
results.wrappedBytes = wrapped.result.length;
const unwrap = async (client = crypto) =>
  Buffer.from((await client.unwrapKey('RSA-OAEP-256', wrapped.result)).result).toString('hex');
results.unwrapped = await unwrap();
results.notAllowed = await refusal(crypto.sign('RS256', Buffer.alloc(32)));

const second = await keys.createRsaKey('sdk-key', { keySize: 3072, keyOps: ['wrapKey', 'unwrapKey'] });
results.secondVersion = second.id;
results.unwrappedAfterRotation = await unwrap();

await keys.updateKeyProperties('sdk-key', created.properties.version, { enabled: false });
results.disabled = await refusal(new CryptographyClient(created.id, credential).unwrapKey('RSA-OAEP-256', wrapped.result));
results.disabledRead = (await keys.getKey('sdk-key', { version: created.properties.version })).properties.enabled;
await keys.updateKeyProperties('sdk-key', created.properties.version, { enabled: true });
results.reenabled = await unwrap();

const deletion = await keys.beginDeleteKey('sdk-key', { intervalInMs: 50 });
results.deleted = (await deletion.pollUntilDone()).name;
results.gone = await refusal(keys.getKey('sdk-key'));
results.nameTaken = await refusal(keys.createRsaKey('sdk-key', { keySize: 3072 }));
results.purge = await refusal(keys.purgeDeletedKey('sdk-key'));
await (await keys.beginRecoverDeletedKey('sdk-key', { intervalInMs: 50 })).pollUntilDone();
results.recovered = await unwrap();

try {
  await new ClientSecretCredential(AZURE_TENANT_ID, AZURE_CLIENT_ID, 'wrong').getToken('https://vault.azure.net/.default');
} catch (error) {
  results.wrongSecret = error.message;
}
console.log(JSON.stringify(results));

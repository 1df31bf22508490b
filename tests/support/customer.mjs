// What the customer does in Azure: calls by curl, to the public names, through the emulator's proxy.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { promisify } from 'node:util';

// Key Vault Crypto Service Encryption User: read, wrap and unwrap.
const kRole = 'e147488a-f6f5-4113-8e2d-b22465e65bf6';
const kGraph = 'https://graph.microsoft.com';
const kArm = 'https://management.azure.com';
const kVault = 'https://vault.azure.net';

// One key under many names: making a key takes a second, and many seconds on a busy machine.
let rsaKey;
function jwk() {
  rsaKey ??= generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey.export({ format: 'jwk' });
  return { ...rsaKey, key_ops: ['wrapKey', 'unwrapKey'] };
}

export class Customer {
  constructor(dev) {
    this.dev = dev;
    this.tokens = {};
  }

  // Not spawnSync: it would keep this process from noticing that the server closed an idle connection.
  async curl(args) {
    const { stdout } = await promisify(execFile)('curl', ['-sS', '-w', '\n%{http_code}', ...args], {
      env: { PATH: process.env.PATH, ...this.dev.azureEnv },
    });
    const end = stdout.lastIndexOf('\n');
    const text = stdout.slice(0, end);
    return { status: Number(stdout.slice(end + 1)), body: text ? JSON.parse(text) : {} };
  }

  async token(resource) {
    const { env } = this.dev;
    this.tokens[resource] ??= (await this.curl([
      `${env.AZURE_AUTHORITY_HOST}${env.AZURE_TENANT_ID}/oauth2/v2.0/token`,
      '--data-urlencode', 'grant_type=client_credentials',
      '--data-urlencode', `client_id=${env.AZURE_CLIENT_ID}`,
      '--data-urlencode', `client_secret=${env.AZURE_CLIENT_SECRET}`,
      '--data-urlencode', `scope=${resource}/.default`,
    ])).body.access_token;
    return this.tokens[resource];
  }

  /** Fails unless the response's status is in `expected`. */
  async call(method, resource, url, body, expected = [200, 201]) {
    const token = await this.token(resource);
    const response = await this.curl(['-X', method, url, '-H', `authorization: Bearer ${token}`,
      ...(body ? ['-H', 'content-type: application/json', '-d', JSON.stringify(body)] : [])]);
    assert.ok(expected.includes(response.status), `${method} ${url}: ${response.status} ${JSON.stringify(response.body)}`);
    return response.body;
  }

  /** A call to Resource Manager; `path` from the root, or of a kind beneath the vault where it begins with "{vault}". */
  arm(method, path, version, body, expected) {
    return this.call(method, kArm, `${kArm}${path.replace('{vault}', this.vaultId())}?api-version=${version}`, body, expected);
  }

  graph(method, path, body, expected) {
    return this.call(method, kGraph, `${kGraph}/v1.0/${path}`, body, expected);
  }

  vaultId(name = this.dev.env.AZURE_VAULT_NAME) {
    const { env } = this.dev;
    return `/subscriptions/${env.AZURE_SUBSCRIPTION_ID}/resourceGroups/${env.AZURE_RESOURCE_GROUP}` +
      `/providers/Microsoft.KeyVault/vaults/${name}`;
  }

  /** Changes the vault's properties. */
  patchVault(properties) {
    return this.arm('PATCH', '{vault}', '2022-07-01', { properties });
  }

  /** Step 1 of the guide; returns the service principal's object id. */
  async consent() {
    const body = { appId: this.dev.env.LATCHKEY_APP_CLIENT_ID };
    return (await this.call('POST', kGraph, `${kGraph}/v1.0/servicePrincipals`, body)).id;
  }

  keyUrl(name, operation = '') {
    return `${this.dev.env.AZURE_VAULT_URI}keys/${name}${operation}?api-version=7.4`;
  }

  createKey(name, overrides = {}) {
    const body = { kty: 'RSA', key_size: 3072, key_ops: ['wrapKey', 'unwrapKey'], ...overrides };
    return this.call('POST', kVault, this.keyUrl(name, '/create'), body);
  }

  /** Imports a usable key, where it does not matter that the vault has not made it. */
  importKey(name, vaultUri = this.dev.env.AZURE_VAULT_URI) {
    return this.call('PUT', kVault, `${vaultUri}keys/${name}?api-version=7.4`, { key: jwk() });
  }

  updateKey(name, change) {
    return this.call('PATCH', kVault, this.keyUrl(name), change);
  }

  deleteKey(name) {
    return this.call('DELETE', kVault, this.keyUrl(name));
  }

  /** Lets the principal use that key, or, with another scope and role, whatever these say. */
  grant(principal, name, scope = `${this.vaultId()}/keys/${name}`, role = kRole) {
    const subscription = `/subscriptions/${this.dev.env.AZURE_SUBSCRIPTION_ID}`;
    const assignment = `${scope}/providers/Microsoft.Authorization/roleAssignments/${randomUUID()}`;
    return this.call('PUT', kArm, `${kArm}${assignment}?api-version=2022-04-01`, {
      properties: {
        roleDefinitionId: `${subscription}/providers/Microsoft.Authorization/roleDefinitions/${role}`,
        principalId: principal,
        principalType: 'ServicePrincipal',
      },
    });
  }
}

// Holds the Terraform module against the providers' own names: parses every file as HashiCorp's parser reads it, looks every argument,
// block and attribute up in terraform-names.json, and checks that every variable is declared, described and in the README.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, normalize, relative } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { parse } from '@cdktf/hcl2json';

import { writeStubbed } from '../support/terraform_stub.mjs';

const kRoot = fileURLToPath(new URL('../../deploy/terraform/azure', import.meta.url));
const kNames = JSON.parse(readFileSync(new URL('terraform-names.json', import.meta.url), 'utf8'));
const kMeta = ['count', 'for_each', 'depends_on', 'provider', 'lifecycle', 'provisioner', 'connection', 'timeouts'];

const files = readdirSync(kRoot, { recursive: true }).map(String).filter((name) => name.endsWith('.tf') && !name.includes('.terraform/'));
const folders = [...new Set(files.map((name) => dirname(name)))].sort();
const modules = {};
before(async () => {
  for (const name of files) {
    const parsed = await parse(name, readFileSync(join(kRoot, name), 'utf8'));
    modules[dirname(name)] = [...(modules[dirname(name)] ?? []), parsed];
  }
});

/** All strings of a parsed file, expressions among them. */
function* strings(value) {
  if (typeof value === 'string') yield value;
  else if (value && typeof value === 'object') for (const each of Object.values(value)) yield* strings(each);
}

/** [kind, type, name, body] of every resource, data source and provider in a parsed file. */
function* things(parsed) {
  for (const kind of ['resource', 'data']) {
    for (const [type, named] of Object.entries(parsed[kind] ?? {})) {
      for (const [name, bodies] of Object.entries(named)) for (const body of bodies) yield [kind, type, name, body];
    }
  }
  for (const [name, bodies] of Object.entries(parsed.provider ?? {})) for (const body of bodies) yield ['provider', name, '', body];
}

const isOurs = (type) => /^(azurerm|azuread)(_|$)/.test(type);

/** What is wrong with a block's names, in words. */
function* misnamed(where, body, schema, meta = []) {
  const { required = [], optional = [], blocks = {} } = schema;
  const { dynamic = {}, ...plain } = body;
  for (const [name, value] of Object.entries(plain)) {
    if (blocks[name]) for (const each of [value].flat()) yield* misnamed(`${where}.${name}`, each, blocks[name]);
    else if (![...required, ...optional, ...meta].includes(name)) yield `${where} has no argument ${name}`;
  }
  for (const [name, uses] of Object.entries(dynamic)) {
    if (!blocks[name]) yield `${where} has no block ${name}`;
    else for (const use of uses) for (const content of use.content) yield* misnamed(`${where}.${name}`, content, blocks[name]);
  }
  for (const name of required) if (!(name in plain)) yield `${where} lacks ${name}`;
}

/** What is wrong with the names in a module's parsed files: names of arguments, and of what expressions take from others. */
function* wrongNames(parts) {
  const known = new Set();
  for (const parsed of parts) for (const [kind, type, name] of things(parsed)) known.add(`${kind} ${type}.${name}`);
  for (const parsed of parts) {
    for (const [kind, type, name, body] of things(parsed)) {
      if (!isOurs(type)) continue;
      const schema = kNames.schemas[`${kind} ${type}`];
      const where = `${kind} ${type}.${name}`;
      if (!schema) {
        yield `${where} is in no table`;
        continue;
      }
      yield* misnamed(where, body, schema, kMeta);
      for (const text of strings(body)) {
        for (const [, attribute] of text.matchAll(/\bself\.(\w+)/g)) {
          if (!schema.attributes.includes(attribute)) yield `${where} has no attribute ${attribute}`;
        }
      }
    }
    for (const text of strings(parsed)) {
      for (const [, data, type, name, attribute] of text.matchAll(/\b(data\.)?(azu(?:rerm|read)_\w+)\.(\w+)(?:\[[^\]]*\])?(?:\.(\w+))?/g)) {
        const kind = data ? 'data' : 'resource';
        if (!known.has(`${kind} ${type}.${name}`)) yield `${kind} ${type}.${name} is used and not there`;
        else if (attribute && !kNames.schemas[`${kind} ${type}`]?.attributes.includes(attribute)) {
          yield `${kind} ${type}.${name} has no attribute ${attribute}`;
        }
      }
    }
  }
}

const declared = (folder, what) => Object.assign({}, ...modules[folder].map((parsed) => parsed[what] ?? {}));

test('every file is HCL', () => {
  assert.deepEqual(folders, ['.', 'examples/complete', 'modules/registration']);
  for (const folder of folders) assert.ok(modules[folder].length > 0);
});

for (const folder of folders) {
  test(`${folder}: the providers know every name`, () => assert.deepEqual([...wrongNames(modules[folder])], []));

  test(`${folder}: variables and outputs are declared, described and used`, () => {
    const variables = declared(folder, 'variable');
    const text = modules[folder].flatMap((parsed) => [...strings({ ...parsed, variable: undefined })]).join('\n');
    const validations = [...strings(variables)].join('\n');
    for (const [, name] of `${text}\n${validations}`.matchAll(/\bvar\.(\w+)/g)) assert.ok(variables[name], `var.${name}`);
    for (const [name, [body]] of Object.entries(variables)) {
      assert.ok(body.description && body.type, name);
      // The caller's promise; the module uses its validation alone.
      if (name !== 'attach_for_good') assert.match(text, new RegExp(`\\bvar\\.${name}\\b`), `${name} is not used`);
    }
    for (const [name, [body]] of Object.entries(declared(folder, 'output'))) assert.ok(body.description && body.value, name);
  });

  test(`${folder}: modules get what they take`, () => {
    for (const [name, [{ source, count, for_each, depends_on, ...given }]] of Object.entries(declared(folder, 'module'))) {
      const variables = declared(normalize(join(folder, source)), 'variable');
      for (const argument of Object.keys(given)) assert.ok(variables[argument], `${name}.${argument}`);
      for (const [variable, [body]] of Object.entries(variables)) assert.ok('default' in body || variable in given, `${name} lacks ${variable}`);
    }
  });
}

test('what the table was read from is what the module allows', () => {
  for (const folder of ['.', 'examples/complete']) {
    const [{ required_providers: [providers] }] = modules[folder].flatMap((parsed) => parsed.terraform ?? []);
    for (const [name, { source, version }] of Object.entries(providers)) {
      assert.equal(source, `hashicorp/${name}`);
      const [, least, below] = /^>= (\d+\.\d+)\.0, < (\d+)\.0\.0$/.exec(version);
      const [major, minor] = kNames.versions[name].split('.').map(Number);
      const [leastMajor, leastMinor] = least.split('.').map(Number);
      assert.ok(major === leastMajor && minor >= leastMinor && major < Number(below), `${name} ${version}`);
    }
  }
  for (const [name, { source }] of Object.entries(kNames.schemas)) {
    const provider = /azu(rerm|read)/.exec(name)[0];
    assert.ok(source.startsWith(`https://registry.terraform.io/providers/hashicorp/${provider}/${kNames.versions[provider]}/docs`), name);
  }
});

test('what cannot be undone is not undone', () => {
  const kept = folders.flatMap((folder) => modules[folder].flatMap((parsed) => [...things(parsed)]
    .filter(([, , , body]) => body.lifecycle?.[0]?.prevent_destroy === true)
    .map(([, type, name]) => `${type}.${name}`)));
  assert.deepEqual(kept.sort(), ['azuread_service_principal.app', 'azurerm_key_vault.created', 'azurerm_key_vault_key.customer',
    'terraform_data.attached']);
  for (const name of files) assert.doesNotMatch(readFileSync(join(kRoot, name), 'utf8'), /when\s*=\s*destroy/, name);
});

test('no secret can get into the state', () => {
  for (const folder of folders) {
    const names = [...Object.keys(declared(folder, 'variable')), ...Object.keys(declared(folder, 'output'))];
    assert.deepEqual(names.filter((name) => /secret|password|token|api_key/.test(name) && name !== 'admin_api_key_file'), []);
    const read = modules[folder].flatMap((parsed) => [...strings(parsed)]).filter((text) => /file(base64|sha\d+)?\(.*admin_api_key/.test(text));
    assert.deepEqual(read, []);
  }
});

test('the README names every variable and output of the module', () => {
  const text = readFileSync(join(kRoot, 'README.md'), 'utf8');
  for (const name of [...Object.keys(declared('.', 'variable')), ...Object.keys(declared('.', 'output'))]) {
    assert.ok(text.includes(`\`${name}\``), name);
  }
});

// Shows that the test above can fail: it finds each of these.
const kWrong = {
  'has no argument enable_rbac_authorization': 'resource "azurerm_key_vault_key" "k" {\n name = "k"\n key_vault_id = "v"\n key_type = "RSA"\n key_opts = []\n enable_rbac_authorization = true\n}',
  'lacks scope': 'resource "azurerm_role_assignment" "r" {\n principal_id = "p"\n}',
  'is in no table': 'resource "azurerm_keyvault" "v" {\n}',
  'has no attribute object': 'data "azurerm_client_config" "c" {\n}\noutput "o" {\n value = data.azurerm_client_config.c.object\n}',
  'is used and not there': 'output "o" {\n value = azurerm_key_vault.gone.id\n}',
  'has no argument time_after': 'resource "azurerm_key_vault_key" "k" {\n name = "k"\n key_vault_id = "v"\n key_type = "RSA"\n key_opts = []\n dynamic "rotation_policy" {\n for_each = []\n content {\n automatic {\n time_after = "P1D"\n }\n }\n }\n}',
  'has no attribute name_shown': 'resource "azuread_service_principal" "s" {\n client_id = "c"\n lifecycle {\n postcondition {\n condition = self.name_shown == ""\n error_message = "x"\n }\n }\n}',
};
for (const [found, text] of Object.entries(kWrong)) {
  test(`found: ${found}`, async () => {
    const wrong = [...wrongNames([await parse('x.tf', text)])];
    assert.equal(wrong.length, 1, wrong.join('; '));
    assert.ok(wrong[0].includes(found), wrong[0]);
  });
}

const terraform = spawnSync('terraform', ['version']).status === 0;
test('terraform fmt', { skip: !terraform && 'no terraform here' }, () => {
  const done = spawnSync('terraform', ['fmt', '-check', '-recursive', '-diff', kRoot], { encoding: 'utf8' });
  assert.equal(done.status, 0, `${relative('.', kRoot)}\n${done.stdout}${done.stderr}`);
});

// Terraform itself judges the rest, with plain values for what the providers would make.

const kTenant = '11111111-2222-4333-8444-555555555555';
const kVault = '/subscriptions/s/resourceGroups/security/providers/Microsoft.KeyVault/vaults/contoso-cmek';
const kMade = {
  'data.azurerm_client_config.current': { tenant_id: kTenant, object_id: 'me' },
  'data.azuread_client_config.current': { tenant_id: kTenant },
  'data.azurerm_key_vault.existing': {
    id: kVault, vault_uri: 'https://contoso-cmek.vault.azure.net/', tenant_id: kTenant, rbac_authorization_enabled: true,
    purge_protection_enabled: true, public_network_access_enabled: true, network_acls: [{ default_action: 'Allow', ip_rules: [] }],
  },
  'azurerm_key_vault.created': { id: kVault, vault_uri: 'https://contoso-cmek.vault.azure.net/' },
  'azurerm_role_assignment.deployer': { id: 'deployer' },
  'azurerm_role_assignment.app': { id: 'assignment' },
  'azuread_service_principal.app': { object_id: 'sp', display_name: 'anthropic-cmek-client-us' },
  'azurerm_key_vault_key.customer': { resource_versionless_id: `${kVault}/keys/latchkey`, versionless_id: 'https://v/keys/latchkey', version: '1' },
};
const kInputs = { vault_name: 'contoso-cmek', resource_group_name: 'security', key_name: 'latchkey', audit_log: null, latchkey_url: 'https://api.example.com' };

const folder = mkdtempSync(join(tmpdir(), 'latchkey-terraform-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function stubbed(name, args, inputs = {}, made = {}) {
  const at = join(folder, name);
  const all = Object.fromEntries(Object.entries(kMade).map(([thing, added]) => [thing, { ...added, ...made[thing] }]));
  writeStubbed(modules['.'], all, at);
  cpSync(join(kRoot, 'variables.tf'), join(at, 'variables.tf'));
  cpSync(join(kRoot, 'modules'), join(at, 'modules'), { recursive: true });
  const variables = Object.entries({ ...kInputs, ...inputs }).filter(([key, value]) => key !== 'latchkey_url' || value).map(([key, value]) => `-var=${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const env = { PATH: process.env.PATH, HOME: folder, CHECKPOINT_DISABLE: '1', TF_CLI_CONFIG_FILE: '/dev/null', LATCHKEY_ADMIN_KEY: 'none' };
  const run = (...words) => spawnSync('terraform', [...words, '-no-color'], { cwd: at, env, encoding: 'utf8', timeout: 600_000 });
  const ready = run('init', '-input=false');
  assert.equal(ready.status, 0, ready.stderr);
  const done = run(...args, '-input=false', ...variables);
  return { code: done.status, out: done.stdout, err: done.stderr.replaceAll(/[│\s]+/g, ' '), run };
}

const kUnless = { skip: !terraform && 'no terraform here' };
const kGood = {
  'an existing vault': {},
  'a made vault, all that there is to wish for': {
    create_vault: true, location: 'eastus2', sku_name: 'premium', hsm: true, network_default_action: 'Deny', rotate_after: 'P365D',
    allowed_ip_ranges: ['192.0.2.0/24'], organization_id: kTenant, role_scope: 'vault', tags: { team: 'security' },
    audit_log: { eventhub_authorization_rule_id: '/hub', eventhub_name: 'audit' }, workspace_ids: ['wrkspc_01'], attach_for_good: true,
  },
  'without registration': { register: false, latchkey_url: null, audit_log: { log_analytics_workspace_id: '/log' } },
};
for (const [what, inputs] of Object.entries(kGood)) {
  test(`a plan: ${what}`, kUnless, () => {
    const done = stubbed(what.replaceAll(/\W/g, ''), ['plan'], inputs);
    assert.equal(done.code, 0, done.err);
    assert.doesNotMatch(`${done.out}${done.err}`, /Warning/);
  });
}

test('an apply without registration gives what was made', kUnless, () => {
  const done = stubbed('applied', ['apply', '-auto-approve'], { create_vault: true, location: 'eastus2', deployer_wait_seconds: 0, register: false });
  assert.equal(done.code, 0, done.err);
  const outputs = JSON.parse(done.run('output', '-json').stdout);
  const value = (name) => outputs[name]?.value;
  assert.deepEqual([value('vault_uri'), value('tenant_id'), value('key_resource_id')], ['https://contoso-cmek.vault.azure.net/', kTenant, `${kVault}/keys/latchkey`]);
  assert.deepEqual([value('external_key_id') ?? null, value('attached_workspace_ids')], [null, []]);
});

const kBad = [
  [{ workspace_ids: ['wrkspc_01'] }, {}, /Attaching is for good/],
  [{ workspace_ids: ['wrkspc_01'], attach_for_good: true, register: false }, {}, /cannot be attached/],
  [{ audit_log: {} }, {}, /audit_log needs a destination/],
  [{ audit_log: { storage_account_id: '/s', eventhub_name: 'x' } }, {}, /eventhub_name needs/],
  [{ create_vault: true }, {}, /location is needed/],
  [{ create_vault: true, location: 'eastus2', hsm: true }, {}, /takes a premium vault/],
  [{ vault_name: 'a--b' }, {}, /single hyphens/],
  [{ key_size: 2048 }, {}, /3072 or 4096/],
  [{ role_name: 'Owner' }, {}, /role_name must be/],
  [{ rotate_after: '1 year' }, {}, /ISO 8601/],
  [{ organization_id: 'org_01' }, {}, /UUID in lower case/],
  [{ platform_egress_ranges: ['anywhere'] }, {}, /CIDR/],
  [{ latchkey_url: null }, {}, /Say with latchkey_url where/],
  [{ latchkey_url: 'http://example.com' }, {}, /an Admin key goes there/],
  [{}, { 'data.azurerm_key_vault.existing': { rbac_authorization_enabled: false } }, /--enable-rbac-authorization true/],
  [{}, { 'data.azurerm_key_vault.existing': { purge_protection_enabled: false } }, /--enable-purge-protection true/],
  [{}, { 'data.azurerm_key_vault.existing': { public_network_access_enabled: false } }, /--public-network-access Enabled/],
  [{}, { 'data.azuread_client_config.current': { tenant_id: kTenant.replace('1', '9') } }, /consent is given in the vault's tenant/],
  [{}, { 'azuread_service_principal.app': { display_name: 'anthropic-cmek-client-uk' } }, /named "anthropic-cmek-client-uk".*look-alike/],
];
kBad.forEach(([inputs, made, message], at) => {
  test(`no plan: ${message.source}`, kUnless, () => {
    const done = stubbed(`bad${at}`, ['plan'], inputs, made);
    assert.equal(done.code, 1, done.out);
    assert.match(done.err, message);
  });
});

test('a firewall without the platform is a warning', kUnless, () => {
  const acls = (ip_rules) => ({ 'data.azurerm_key_vault.existing': { network_acls: [{ default_action: 'Deny', ip_rules }] } });
  assert.match(stubbed('closed', ['plan'], {}, acls(['192.0.2.1/32'])).out.replaceAll(/[│\s]+/g, ' '), /network-rule add --name contoso-cmek --ip-address 160\.79\.104\.0\/21/);
  assert.doesNotMatch(stubbed('open', ['plan'], {}, acls(['192.0.2.1/32', '160.79.104.0/21'])).out, /network-rule/);
});

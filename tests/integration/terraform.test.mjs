// Tests what Terraform runs against the Admin API: the helper, step by step; then, where there is a terraform, the module around it:
// applied, applied again, and destroyed in vain. The module needs no provider, so this is the real one.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Customer } from '../support/customer.mjs';
import { Dev } from '../support/dev.mjs';

const kModule = fileURLToPath(new URL('../../deploy/terraform/azure/modules/registration', import.meta.url));
const kHelper = join(kModule, 'latchkey-key.sh');
const terraform = spawnSync('terraform', ['version']).status === 0;
const kUnless = { skip: !terraform && 'no terraform here' };

const dev = new Dev();
const customer = new Customer(dev);
const scratch = mkdtempSync(join(tmpdir(), 'latchkey-terraform-'));
const app = {};
before(async () => {
  await dev.start();
  const asked = `servicePrincipals(appId='${dev.env.LATCHKEY_APP_CLIENT_ID}')`;
  app.id = (await customer.graph('GET', asked)).id;
});
after(async () => {
  await dev.stop();
  rmSync(scratch, { recursive: true, force: true });
});

function run(command, args, { env = {}, cwd } = {}) {
  return new Promise((resolve) => {
    const options = { cwd, env: { PATH: process.env.PATH, HOME: scratch, ...env }, timeout: 600_000, maxBuffer: 1 << 24 };
    execFile(command, args, options, (error, out, err) => resolve({ code: error ? error.code ?? -1 : 0, out, err }));
  });
}

const access = () => ({ LATCHKEY_URL: dev.env.LATCHKEY_URL, LATCHKEY_ADMIN_KEY: dev.env.LATCHKEY_ADMIN_KEY });
const keyOf = (name) => ({ VAULT_URI: dev.env.AZURE_VAULT_URI, KEY_NAME: name, TENANT_ID: dev.env.AZURE_TENANT_ID });
const helper = (step, env) => run(kHelper, [step], { env: { ...access(), INTERVAL_SECONDS: '0.2', ...env } });

async function registrations() {
  return (await dev.request('GET', '/v1/organizations/external_keys?limit=100')).json.data;
}

async function workspace(name) {
  return (await dev.request('POST', '/v1/organizations/workspaces', { body: { name } })).json.id;
}

async function keyOfWorkspace(id) {
  return (await dev.request('GET', `/v1/organizations/workspaces/${id}`)).json.external_key_id;
}

/** A key in the vault that the app may use. */
async function granted(name) {
  await customer.importKey(name);
  await customer.grant(app.id, name);
  return name;
}

async function refused(step, env, code, message) {
  const done = await helper(step, env);
  assert.equal(done.code, code, `${done.out}${done.err}`);
  assert.match(done.err, message);
  assert.ok(!`${done.out}${done.err}`.includes(dev.env.LATCHKEY_ADMIN_KEY));
  return done;
}

test('register, validate, attach; and once more, which changes nothing and says so', async () => {
  const name = await granted('steps');
  const idFile = join(scratch, 'made/on/the/way/id');
  const workspaceId = await workspace('steps');
  const first = await helper('register', { ...keyOf(name), DISPLAY_NAME: 'Contoso "one"', ID_FILE: idFile });
  assert.equal(first.code, 0, first.err);
  const id = readFileSync(idFile, 'utf8').trim();
  assert.equal(first.out, `registered as ${id}\n`);
  const steps = { validate: { EXTERNAL_KEY_ID: id }, attach: { EXTERNAL_KEY_ID: id, WORKSPACE_ID: workspaceId } };
  assert.equal((await helper('validate', steps.validate)).out, `wrapped and unwrapped with ${id}\n`);
  assert.equal((await helper('attach', steps.attach)).out, `${workspaceId} holds ${id}, for good\n`);
  assert.equal(await keyOfWorkspace(workspaceId), id);

  const before = JSON.stringify(await registrations());
  // The same vault and key, as Azure and as people write them.
  for (const uri of [dev.env.AZURE_VAULT_URI, dev.env.AZURE_VAULT_URI.replace(/\/$/, '').toUpperCase().replace('HTTPS', 'https')]) {
    const again = await helper('register', { ...keyOf(name), VAULT_URI: uri, KEY_NAME: name.toUpperCase(), DISPLAY_NAME: 'Contoso "one"' });
    assert.equal(again.out, `already registered as ${id}\n`, again.err);
  }
  assert.equal((await helper('attach', steps.attach)).out, `${workspaceId} already holds ${id}\n`);
  assert.equal(JSON.stringify(await registrations()), before);

  const renamed = await helper('register', { ...keyOf(name), DISPLAY_NAME: 'Contoso two' });
  assert.equal(renamed.out, `corrected ${id}\n`, renamed.err);
  assert.equal((await registrations()).find((key) => key.id === id).display_name, 'Contoso two');
  // The key is in use: the server refuses another tenant in its own words, and loses nothing.
  await refused('register', { ...keyOf(name), TENANT_ID: '00000000-0000-4000-8000-000000000000' }, 1, /refused \(400\): .*\[req_\w+\]/);
  assert.equal((await registrations()).find((key) => key.id === id).provider_config.tenant_id, dev.env.AZURE_TENANT_ID);
});

test('a registration with another tenant is corrected while nobody uses it', async () => {
  const wrong = { ...dev.azureKeyBody('moved'), tenant_id: '00000000-0000-4000-8000-000000000000' };
  const { json } = await dev.request('POST', '/v1/organizations/external_keys', { body: { provider_config: wrong } });
  assert.equal((await helper('register', keyOf('moved'))).out, `corrected ${json.id}\n`);
  assert.equal((await registrations()).find((key) => key.id === json.id).provider_config.tenant_id, dev.env.AZURE_TENANT_ID);
});

test('of several registrations the one in use is taken, else the oldest, on whatever page it stands', async () => {
  const key = (id, more) => ({
    id, attachment: { type: 'unattached' }, display_name: null, created_at: '2026-01-02T00:00:00Z', ...more,
    provider_config: { type: 'azure', ...more.provider_config, key_name: 'several', tenant_id: dev.env.AZURE_TENANT_ID },
  });
  const here = { provider_config: { vault_uri: dev.env.AZURE_VAULT_URI } };
  const keys = [
    key('ekey_elsewhere', { provider_config: { vault_uri: 'https://other.vault.azure.net/' }, created_at: '2020-01-01T00:00:00Z' }),
    key('ekey_newest', { ...here, created_at: '2026-01-03T00:00:00Z' }),
    { id: 'ekey_aws', attachment: { type: 'attached' }, created_at: '2020-01-01T00:00:00Z', provider_config: { type: 'aws', kms_arn: 'arn' } },
    key('ekey_oldest', { ...here, created_at: '2026-01-01T00:00:00Z' }),
  ];
  const asked = [];
  const server = createServer((request, response) => {
    const page = Number(new URL(request.url, 'http://x').searchParams.get('page')?.split('+ /&')[1] ?? 0);
    asked.push(`${request.method} ${page}`);
    const next = page + 1 < keys.length ? `cursor+ /&${page + 1}` : null;
    response.end(JSON.stringify({ data: [keys[page]], next_page: next }));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const env = { ...keyOf('several'), LATCHKEY_URL: `http://127.0.0.1:${server.address().port}` };
  const oldest = await helper('register', env);
  assert.equal(oldest.out, 'already registered as ekey_oldest\n', oldest.err);
  assert.deepEqual(asked, ['GET 0', 'GET 1', 'GET 2', 'GET 3']);
  keys[1].attachment.type = 'attached';
  assert.equal((await helper('register', env)).out, 'already registered as ekey_newest\n');
  server.close();
});

test('a failed validation brings its cure', async () => {
  await customer.importKey('not-granted');
  const made = await helper('register', keyOf('not-granted'));
  const id = made.out.trim().split(' ').at(-1);
  await refused('validate', { EXTERNAL_KEY_ID: id }, 1, /failed validation after \d+ s: .*role is missing.*az role assignment create/s);
  const workspaceId = await workspace('not-granted');
  await refused('attach', { EXTERNAL_KEY_ID: id, WORKSPACE_ID: workspaceId }, 1, /was not attached, for it failed validation/);
  assert.equal(await keyOfWorkspace(workspaceId), null);
});

test('a role that is granted meanwhile is waited for', async () => {
  await customer.importKey('granted-late');
  const id = (await helper('register', keyOf('granted-late'))).out.trim().split(' ').at(-1);
  const waiting = helper('validate', { EXTERNAL_KEY_ID: id, WAIT_SECONDS: '600' });
  await customer.grant(app.id, 'granted-late');
  const done = await waiting;
  assert.equal(done.code, 0, done.err);
  assert.match(done.out, new RegExp(`wrapped and unwrapped with ${id}\n$`));
});

test('what waiting cannot cure is not waited for', async () => {
  const responses = [{ type: 'external_key_validation', status: 'failure', error: 'AADSTS53003: blocked by Conditional Access policies' }];
  const server = createServer((request, response) => response.end(JSON.stringify(responses[0])));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const env = { LATCHKEY_URL: `http://127.0.0.1:${server.address().port}`, EXTERNAL_KEY_ID: 'ekey_1', WAIT_SECONDS: '600' };
  await refused('validate', env, 1, /ekey_1 failed validation: .*Conditional Access/);
  responses[0] = 'a portal wants you to sign in';
  await refused('validate', env, 1, /answered 200 with what is not Latchkey's JSON/);
  server.close();
});

test('a busy server is asked again, and the Admin key goes there in a header alone', async () => {
  const seen = [];
  const server = createServer((request, response) => {
    seen.push(request);
    const busy = seen.length === 1;
    response.writeHead(busy ? 503 : 200, { 'content-type': 'application/json', ...(busy ? { 'retry-after': '1' } : {}) });
    response.end(JSON.stringify(busy ? { type: 'error', error: { message: 'busy' } } : { status: 'success' }));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const done = await helper('validate', { LATCHKEY_URL: `http://127.0.0.1:${server.address().port}/`, EXTERNAL_KEY_ID: 'ekey_1' });
  assert.equal(done.out, 'wrapped and unwrapped with ekey_1\n', done.err);
  assert.equal(seen.length, 2);
  assert.ok(seen.every((request) => request.headers['x-api-key'] === dev.env.LATCHKEY_ADMIN_KEY));
  assert.equal(seen[1].url, '/v1/organizations/external_keys/ekey_1/validate');
  server.close();
});

test('no process list shows the Admin key', async () => {
  const fake = join(scratch, 'bin');
  await run('mkdir', ['-p', fake]);
  for (const tool of ['curl', 'jq']) {
    const real = spawnSync('bash', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).stdout.trim();
    writeFileSync(join(fake, tool), `#!/bin/bash\nprintf '%s\\n' "$@" >>"${scratch}/argv"\nenv >>"${scratch}/argv"\nexec ${real} "$@"\n`, { mode: 0o755 });
  }
  const done = await helper('register', { ...keyOf('argv'), PATH: `${fake}:${process.env.PATH}` });
  assert.equal(done.code, 0, done.err);
  const argv = readFileSync(join(scratch, 'argv'), 'utf8');
  assert.match(argv, /external_keys/);
  assert.ok(!argv.includes(dev.env.LATCHKEY_ADMIN_KEY));
});

test('a workspace with another key is left alone', async () => {
  const workspaceId = await workspace('taken');
  const ids = [];
  for (const name of ['taken-one', 'taken-two']) {
    ids.push((await helper('register', keyOf(await granted(name)))).out.trim().split(' ').at(-1));
  }
  assert.equal((await helper('attach', { EXTERNAL_KEY_ID: ids[0], WORKSPACE_ID: workspaceId })).code, 0);
  await refused('attach', { EXTERNAL_KEY_ID: ids[1], WORKSPACE_ID: workspaceId }, 1,
    new RegExp(`${workspaceId} holds ${ids[0]} already, which can be neither detached nor replaced; nothing was changed`));
  assert.equal(await keyOfWorkspace(workspaceId), ids[0]);
});

const kRefusals = [
  ['no Admin key', 'register', { LATCHKEY_ADMIN_KEY: '' }, 2, /no Admin key: set LATCHKEY_ADMIN_KEY/],
  ['a wrong Admin key', 'register', { LATCHKEY_ADMIN_KEY: 'sk-latchkey-admin01-wrong' }, 1, /refused \(401\): .*Admin key/],
  ['an Admin key of two lines', 'register', { LATCHKEY_ADMIN_KEY: 'one\r\nx-other: two' }, 2, /not one word/],
  ['a file that is not there', 'register', { LATCHKEY_ADMIN_KEY_FILE: '/nowhere' }, 2, /no readable file \/nowhere/],
  ['no server', 'register', { LATCHKEY_URL: 'http://127.0.0.1:1' }, 1, /could not be reached: .*Check LATCHKEY_URL/],
  ['plain http to elsewhere', 'register', { LATCHKEY_URL: 'http://example.com' }, 2, /must be https/],
  ['a URL with a user', 'register', { LATCHKEY_URL: 'https://127.0.0.1@example.com' }, 2, /must be https/],
  ['a host that begins as this one', 'register', { LATCHKEY_URL: 'http://127.0.0.1.example.com' }, 2, /must be https/],
  ['no tenant', 'register', { TENANT_ID: '' }, 2, /TENANT_ID is not set/],
  ['a vault that is none', 'register', { VAULT_URI: 'https://example.com/', KEY_NAME: 'x' }, 1, /refused \(400\): .*vault_uri/],
  ['a key that is not registered', 'validate', { EXTERNAL_KEY_ID: 'ekey_01SDCCSbTxrXDpWc1phhtcfK' }, 1, /refused \(404\)/],
  ['an id that leads elsewhere', 'validate', { EXTERNAL_KEY_ID: '../organizations' }, 2, /is no external key's id/],
  ['a workspace that is not there', 'attach', { EXTERNAL_KEY_ID: 'ekey_1', WORKSPACE_ID: 'wrkspc_01JwQvzr7rXLA5AGx3HKfFUJ' }, 1, /refused \(404\)/],
  ['a workspace id that leads elsewhere', 'attach', { EXTERNAL_KEY_ID: 'ekey_1', WORKSPACE_ID: '../me' }, 2, /is no workspace's id/],
  ['another step', 'detach', {}, 2, /usage/],
];
for (const [what, step, env, code, message] of kRefusals) {
  test(`refused: ${what}`, () => refused(step, { ...keyOf('refused'), ...env }, code, message));
}

test('the Admin key from a file', async () => {
  const file = join(scratch, 'admin-key');
  writeFileSync(file, `${dev.env.LATCHKEY_ADMIN_KEY}\n`, { mode: 0o600 });
  const done = await helper('register', { ...keyOf('from-file'), LATCHKEY_ADMIN_KEY: '', LATCHKEY_ADMIN_KEY_FILE: file });
  assert.match(done.out, /^registered as ekey_/, done.err);
});

// The module itself.

class Project {
  constructor(name) {
    this.folder = join(scratch, name);
    cpSync(kModule, join(this.folder, 'registration'), { recursive: true });
    writeFileSync(join(this.folder, 'main.tf'), `
      variable "inputs" { type = any }
      module "registration" {
        source                  = "./registration"
        latchkey_url            = "${dev.env.LATCHKEY_URL}"
        vault_uri               = var.inputs.vault_uri
        key_name                = var.inputs.key_name
        tenant_id               = var.inputs.tenant_id
        display_name            = try(var.inputs.display_name, null)
        workspace_ids           = try(var.inputs.workspace_ids, [])
        attach_for_good         = try(var.inputs.attach_for_good, false)
        validation_wait_seconds = 0
        revalidate_when         = try(var.inputs.revalidate_when, {})
      }
      output "external_key_id" { value = module.registration.external_key_id }
      output "attached" { value = module.registration.attached_workspace_ids }
    `);
  }

  terraform(args, inputs, env = {}) {
    writeFileSync(join(this.folder, 'terraform.tfvars.json'), JSON.stringify({ inputs }));
    return run('terraform', [...args, '-no-color'], {
      cwd: this.folder,
      env: { ...access(), CHECKPOINT_DISABLE: '1', TF_CLI_CONFIG_FILE: '/dev/null', TF_IN_AUTOMATION: '1', ...env },
    });
  }

  init() {
    return this.terraform(['init', '-input=false'], {});
  }

  apply(inputs, ...more) {
    return this.terraform(['apply', '-input=false', '-auto-approve', ...more], inputs);
  }

  async outputs(inputs) {
    const { out } = await this.terraform(['output', '-json'], inputs);
    return Object.fromEntries(Object.entries(JSON.parse(out)).map(([name, { value }]) => [name, value]));
  }
}

const inputsOf = (name, more = {}) => ({
  vault_uri: dev.env.AZURE_VAULT_URI, key_name: name, tenant_id: dev.env.AZURE_TENANT_ID, ...more,
});

test('terraform applies it; a second apply changes nothing; a destroy is refused', kUnless, async () => {
  const project = new Project('whole');
  const workspaceId = await workspace('whole');
  const inputs = inputsOf(await granted('whole'), { display_name: 'whole', workspace_ids: [workspaceId], attach_for_good: true });
  const ready = await project.init();
  assert.equal(ready.code, 0, ready.err);
  const first = await project.apply(inputs);
  assert.equal(first.code, 0, first.err);
  const made = await project.outputs(inputs);
  assert.deepEqual(made.attached, [workspaceId]);
  assert.equal(await keyOfWorkspace(workspaceId), made.external_key_id);
  const state = readFileSync(join(project.folder, 'terraform.tfstate'), 'utf8');
  assert.ok(state.includes(made.external_key_id) && !state.includes(dev.env.LATCHKEY_ADMIN_KEY));

  // As on another machine, which never had the file with the id.
  rmSync(join(project.folder, '.terraform/latchkey'), { recursive: true });
  const again = await project.terraform(['plan', '-input=false', '-detailed-exitcode'], inputs);
  assert.equal(again.code, 0, again.out + again.err);
  assert.deepEqual(await project.outputs(inputs), made);

  const renamed = await project.apply({ ...inputs, display_name: 'another name', revalidate_when: { key_version: '2' } });
  assert.equal(renamed.code, 0, renamed.err);
  assert.match(renamed.out, /2 added, 0 changed, 2 destroyed/);
  assert.equal((await registrations()).find((key) => key.id === made.external_key_id).display_name, 'another name');

  const now = { ...inputs, display_name: 'another name', revalidate_when: { key_version: '2' } };
  for (const [what, args, changed] of [
    ['destroy', ['destroy', '-auto-approve'], now],
    ['the workspace taken out', ['apply', '-auto-approve'], { ...now, workspace_ids: [] }],
    ['another key', ['apply', '-auto-approve'], { ...now, key_name: await granted('whole-other') }],
  ]) {
    const done = await project.terraform([...args, '-input=false'], changed);
    assert.equal(done.code, 1, `${what}: ${done.out}`);
    assert.match(done.err, /Instance cannot be destroyed[\s\S]*terraform_data\.attached/, what);
  }
  assert.equal(await keyOfWorkspace(workspaceId), made.external_key_id);
  assert.ok(!(await registrations()).some((key) => key.provider_config.key_name === 'whole-other'));
});

test('a failed validation stops it with the cure, and the next apply goes on from there', kUnless, async () => {
  const project = new Project('late');
  const workspaceId = await workspace('late');
  await customer.importKey('late');
  const inputs = inputsOf('late', { workspace_ids: [workspaceId], attach_for_good: true });
  await project.init();
  const failed = await project.apply(inputs);
  assert.equal(failed.code, 1);
  assert.match(failed.err.replaceAll(/[│\s]+/g, ' '), /role is missing.*az role assignment create/);
  assert.equal(await keyOfWorkspace(workspaceId), null);
  await customer.grant(app.id, 'late');
  const done = await project.apply(inputs);
  assert.equal(done.code, 0, done.err);
  assert.equal(await keyOfWorkspace(workspaceId), (await project.outputs(inputs)).external_key_id);
});

test('a key that nobody uses yet may give way to another', kUnless, async () => {
  const project = new Project('unattached');
  await project.init();
  assert.equal((await project.apply(inputsOf(await granted('before')))).code, 0);
  const before = await project.outputs(inputsOf('before'));
  const changed = await project.apply(inputsOf(await granted('afterwards')));
  assert.equal(changed.code, 0, changed.err);
  const now = await project.outputs(inputsOf('afterwards'));
  assert.notEqual(now.external_key_id, before.external_key_id);
  const destroyed = await project.terraform(['destroy', '-input=false', '-auto-approve'], inputsOf('afterwards'));
  assert.equal(destroyed.code, 0, destroyed.err);
  const ids = (await registrations()).map((key) => key.id);
  for (const { external_key_id: id } of [before, now]) assert.ok(ids.includes(id), 'a registration outlives Terraform');
});

test('a wrong input is refused before anything happens', kUnless, async () => {
  const project = new Project('wrong');
  await project.init();
  const count = (await registrations()).length;
  for (const [change, message] of [
    [{ workspace_ids: [dev.env.LATCHKEY_WORKSPACE_ID] }, /Attaching is for good/],
    [{ workspace_ids: ['default'], attach_for_good: true }, /begin with wrkspc_/],
    [{ vault_uri: 'http://contoso.vault.azure.net/' }, /vault_uri must be https/],
    [{ key_name: 'cmek/0123' }, /without a version/],
    [{ tenant_id: 'contoso.onmicrosoft.com' }, /tenant's UUID/],
    [{ display_name: '' }, /1 to 255 characters/],
  ]) {
    const done = await project.terraform(['plan', '-input=false'], inputsOf('wrong', change));
    assert.equal(done.code, 1, done.out);
    assert.match(done.err.replaceAll(/[│\s]+/g, ' '), message);
  }
  assert.equal((await registrations()).length, count);
  assert.ok(!existsSync(join(project.folder, 'terraform.tfstate')));
});

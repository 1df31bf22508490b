// Bash runs the commands that Latchkey prints as they stand, with the real az. `latchkey azure setup --dry-run` prints a script that
// leaves setup nothing to change and verify nothing to complain of; the cures that verify prints cure.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { AzureCli, kDebian13, whyNot } from '../support/azure_cli.mjs';
import { Customer } from '../support/customer.mjs';
import { Dev } from '../support/dev.mjs';

describe('printed for az', { skip: whyNot(kDebian13) ?? whyNot() }, () => {
  const dev = new Dev({ args: ['--bare'] });
  const customer = new Customer(dev);
  const clis = [];
  let bin;
  before(async () => {
    await dev.start();
    bin = join(dev.folder, 'bin');
    mkdirSync(bin);
    // Debian 13's az has no `az monitor`, Debian 12's is broken for keys and roles: together they are one az.
    const [whole, monitor] = [new AzureCli(dev, kDebian13), new AzureCli(dev)];
    clis.push(whole, monitor);
    writeFileSync(join(bin, 'az-monitor'), `#!/bin/sh\n${monitor.asLine()}`, { mode: 0o755 });
    writeFileSync(join(bin, 'az'), `#!/bin/sh\n[ "$1" != monitor ] || exec az-monitor "$@"\n${whole.asLine()}`, { mode: 0o755 });
    for (const az of clis) {
      await az.ok('az login --service-principal -u "$AZURE_CLIENT_ID" -p "$AZURE_CLIENT_SECRET" --tenant "$AZURE_TENANT_ID"');
    }
  });
  after(async () => {
    clis.forEach((az) => az.close());
    await dev.stop();
  });

  function bash(script) {
    const file = join(dev.folder, 'setup.sh');
    writeFileSync(file, script);
    const env = { PATH: `${bin}:${process.env.PATH}`, HOME: dev.folder, LATCHKEY_ADMIN_KEY: dev.env.LATCHKEY_ADMIN_KEY };
    return new Promise((resolve) => {
      execFile('bash', ['-euo', 'pipefail', file], { env, timeout: 900_000 }, (error, out, err) => resolve({ code: error?.code ?? 0, out, err }));
    });
  }

  async function follow(args, steps) {
    const plan = dev.azure(['setup', ...args, '-o', 'json', '--dry-run']);
    assert.equal(plan.code, 0, plan.err);
    assert.deepEqual(plan.json.steps.filter((step) => step.state === 'to_do').map((step) => step.step), steps);
    const printed = dev.azure(['setup', ...args, '--dry-run']);
    const done = await bash(printed.out);
    assert.equal(done.code, 0, `${printed.out}\n${done.out}\n${done.err}`);
    assert.match(done.out, /"type":\s*"external_key_validation",\s*"status":\s*"success"/);
    const again = dev.azure(['setup', ...args, '-o', 'json', '--yes']);
    assert.equal(again.code, 0, again.err);
    assert.equal(again.json.changed, false, again.out);
    assert.deepEqual(again.json.steps.filter((step) => step.outcome === 'done'), []);
    const verified = dev.azure(['verify', ...args.slice(0, 4), '-o', 'json']);
    assert.deepEqual(verified.json.filter((finding) => finding.status !== 'ok'), []);
    assert.equal(verified.code, 0);
  }

  test('a dry run, for a vault that is there', () => follow(
    ['--vault', 'latchkey-dev', '--key', 'mine', '--workspace', dev.env.LATCHKEY_WORKSPACE_ID],
    ['consent', 'key', 'role', 'register', 'validate', 'attach'],
  ));

  test('a dry run, for nothing but a subscription', () => follow(
    ['--vault', 'from-nothing', '--key', 'k', '-g', 'fresh', '-l', 'westeurope', '--hsm', '--log-analytics-workspace', 'siem'],
    ['group', 'vault', 'access', 'key', 'role', 'log', 'register', 'validate'],
  ));

  test('a dry run, for a vault that does not fit', async () => {
    await clis[0].ok('az keyvault create --name unfit --resource-group "$AZURE_RESOURCE_GROUP" --location westeurope ' +
      '--enable-rbac-authorization false --public-network-access Disabled --default-action Deny --network-acls-ips 127.0.0.1');
    await follow(
      ['--vault', 'unfit', '--key', 'k', '--fix-vault', '--grant-myself', '--storage-account', 'logs', '-g', dev.env.AZURE_RESOURCE_GROUP],
      ['fix-vault', 'access', 'key', 'role', 'log', 'register', 'validate'],
    );
  });

  test('the cures of verify', async () => {
    const principal = (await customer.graph('GET', `servicePrincipals(appId='${dev.env.LATCHKEY_APP_CLIENT_ID}')`)).id;
    await customer.graph('PATCH', `servicePrincipals/${principal}`, { accountEnabled: false }, [204]);
    const copy = await customer.graph('POST', 'applications', { displayName: 'Anthropic-CMEK-Client-US' });
    await customer.graph('POST', 'servicePrincipals', { appId: copy.appId });
    await clis[0].ok('az keyvault create --name ill --resource-group "$AZURE_RESOURCE_GROUP" --location westeurope ' +
      '--enable-rbac-authorization false --public-network-access Disabled --default-action Deny --network-acls-ips 127.0.0.1');
    const seen = new Set();
    const look = () => dev.azure(['verify', '--vault', 'ill', '--key', 'patient', '-o', 'json']);
    const cure = async () => {
      for (const { check, found, cure: command } of look().json) {
        if (!command?.startsWith('az ') || check === 'tenant') continue;
        seen.add(check);
        const done = await bash(command.replaceAll('LOG_ANALYTICS_WORKSPACE_ID', 'logs'));
        assert.equal(done.code, 0, `${check}: ${found}\n${command}\n${done.err}`);
      }
    };
    // Once the vault is open, verify sees what the closed vault hid.
    for (let round = 0; round < 4; ++round) await cure();
    await clis[0].ok('az keyvault key set-attributes --vault-name ill --name patient --enabled false --ops sign ' +
      '--not-before 2031-01-01T00:00:00Z');
    const ailing = look();
    assert.deepEqual(ailing.json.filter((finding) => finding.status === 'failed').map((finding) => finding.check),
      ['key-ops', 'key-enabled', 'key-expiry']);
    assert.match(ailing.of('key-expiry').cure, /--not-before YYYY-MM-DDThh:mm:ssZ$/);
    await clis[0].ok('az keyvault key set-attributes --vault-name ill --name patient --not-before 2020-01-01T00:00:00Z');
    await cure();
    const healthy = look();
    assert.deepEqual(healthy.json.filter((finding) => finding.status !== 'ok').map((finding) => finding.check), ['round-trip']);
    assert.match(healthy.of('round-trip').cure, /^latchkey keys create /);
    assert.deepEqual([...seen].sort(), ['app', 'app-identity', 'audit-log', 'key', 'key-enabled', 'key-ops', 'network', 'public-access',
      'purge-protection', 'rbac', 'role']);
  });
});

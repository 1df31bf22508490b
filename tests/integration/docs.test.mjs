// Runs what the pages tell a reader to type: every block without a language in README.md and docs/, in the order of its page,
// unless the list below names it, with the reason. Blocks of json must be JSON.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Dev, binary } from '../support/dev.mjs';

const kRoot = fileURLToPath(new URL('../..', import.meta.url));
// Blocks that begin with one of these run elsewhere, or cannot run.
const kElsewhere = {
  '# from your copy of the repository': 'the set-up: .ci/run runs it in a bare root',
  'az ': 'az: the conformance tests',
  'VAULT_ID=$(az': 'az: the conformance tests',
};

const home = mkdtempSync(join(tmpdir(), 'latchkey-docs-'));
const dev = new Dev({ folder: join(home, '.local/share/latchkey/dev') });
const variables = {};
before(async () => {
  mkdirSync(join(home, 'bin'));
  symlinkSync(binary, join(home, 'bin/latchkey'));
  // The tests install nothing on their machine.
  writeFileSync(join(home, 'bin/sudo'), '#!/bin/sh\nexec "$@"\n', { mode: 0o755 });
  await dev.start();
});
after(async () => {
  await dev.stop();
  rmSync(home, { recursive: true, force: true });
});

function blocks(page) {
  const text = readFileSync(join(kRoot, page), 'utf8');
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language, body]) => ({ language, body }));
}

// Replaces the places and ids that a page prints by those of this machine and of this run.
function filled(body) {
  return body
    .replaceAll('ekey_…', variables.KEY ?? 'ekey_…')
    .replaceAll('whep_…', variables.WEBHOOK ?? 'whep_…')
    .replaceAll('wrkspc_…', dev.env.LATCHKEY_WORKSPACE_ID)
    .replaceAll('/etc/latchkey', join(home, 'etc'))
    .replaceAll('/usr/local/bin/', join(home, 'installed') + '/')
    .replaceAll('./scripts/build && ', '')
    .replaceAll('build/demo/dev/', join(home, '.local/share/latchkey/dev') + '/')
    .replaceAll('build/release/src/cli/latchkey', binary)
    .replaceAll(/(workspaces attach .*)/g, '$1 --yes');
}

function run(body) {
  mkdirSync(join(home, 'installed'), { recursive: true });
  const done = spawnSync('bash', ['-euo', 'pipefail', '-c', filled(body)], {
    cwd: kRoot,
    env: { HOME: home, PATH: `${join(home, 'bin')}:${process.env.PATH}`, ...dev.env, ...variables },
    encoding: 'utf8',
    timeout: 600_000,
  });
  assert.equal(done.status, 0, `${body}\n${done.stdout}\n${done.stderr}`);
  assert.doesNotMatch(done.stdout, /"type": ?"error"/, body);
  variables.WEBHOOK ??= /whep_\w+/.exec(done.stdout)?.[0];
  variables.KEY ??= /ekey_\w+/.exec(done.stdout)?.[0];
  return done.stdout;
}

const pages = ['README.md', ...readdirSync(join(kRoot, 'docs')).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)];
// api.md comes first: it registers the key whose id the other pages use.
pages.sort((one, other) => (other === 'docs/api.md') - (one === 'docs/api.md'));

for (const page of pages) {
  test(page, (context) => {
    for (const { language, body } of blocks(page)) {
      const elsewhere = Object.keys(kElsewhere).find((start) => body.startsWith(start));
      if (language === 'json') {
        JSON.parse(body);
      } else if (language !== '') {
        continue;
      } else if (elsewhere) {
        context.diagnostic(`${kElsewhere[elsewhere]}: ${body.split('\n')[0]}`);
      } else if (page === 'docs/operate.md' && body.includes('org create')) {
        configure();
        assert.match(run(body), /sk-latchkey-admin01-[\s\S]*sk-latchkey-service01-/);
      } else {
        run(body);
      }
    }
  });
}

// Sets what operate.md's table tells to set before the first organisation.
function configure() {
  const file = join(home, 'etc/latchkey.toml');
  let text = readFileSync(file, 'utf8');
  for (const [key, value] of [['database', join(home, 'latchkey.db')], ['file', join(home, 'root.key')]]) {
    text = text.replace(new RegExp(`^#? ?${key} = .*$`, 'm'), `${key} = ${JSON.stringify(value)}`);
  }
  writeFileSync(file, text);
}

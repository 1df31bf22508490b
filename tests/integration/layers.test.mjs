// scripts/check-layers: this tree is well, and each way to break its layers is found, in small trees made for it.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const kRoot = fileURLToPath(new URL('../..', import.meta.url));

function check(...tree) {
  const run = spawnSync(join(kRoot, 'scripts/check-layers'), tree, { encoding: 'utf8' });
  return { good: run.status === 0, said: run.stderr };
}

const library = (name, ...depends) => `latchkey_library(${name} SOURCES a.cpp DEPENDS ${depends.join(' ')} TESTS a_test.cpp)\n`;

// Two floors, a cloud's three rooms, its commands, the registry and the program.
const kWell = {
  'CMakeLists.txt': ['base', 'http', 'kms', 'clouds/sky/provider', 'clouds/sky/emulator', 'server', 'cli', 'cli/sky', 'main']
    .map((floor) => `add_subdirectory(src/${floor})\n`).join(''),
  'src/base/CMakeLists.txt': library('base'),
  'src/base/result.hpp': '',
  'src/http/CMakeLists.txt': library('http', 'latchkey_base'),
  'src/http/client.hpp': '#include "base/result.hpp"\n',
  'src/kms/CMakeLists.txt': library('kms', 'latchkey_base', 'latchkey_http'),
  'src/kms/provider.hpp': '#include "base/result.hpp"\n#include <string>\n',
  'src/clouds/sky/provider/CMakeLists.txt': library('sky_provider', 'latchkey_kms'),
  'src/clouds/sky/provider/sky.hpp': '#include "kms/provider.hpp"\n',
  'src/clouds/sky/emulator/CMakeLists.txt': library('sky_emulator', 'latchkey_http'),
  'src/clouds/sky/emulator/sky.hpp': '#include "http/client.hpp"\n',
  'src/server/CMakeLists.txt': library('server', 'latchkey_kms', 'latchkey_sky_provider'),
  'src/server/clouds.cpp': '#include "clouds/sky/provider/sky.hpp"\n',
  'src/cli/CMakeLists.txt': library('cli', 'latchkey_server'),
  'src/cli/sky/CMakeLists.txt': library('cli_sky', 'latchkey_cli', 'latchkey_sky_emulator'),
  'src/cli/sky/commands.hpp': '#include "clouds/sky/emulator/sky.hpp"\n',
  'src/main/CMakeLists.txt': library('main', 'latchkey_cli_sky'),
  'src/main/main.cpp': '#include "cli/sky/commands.hpp"\n',
  'src/testing/clock.hpp': '#include "base/result.hpp"\n',
};

function checkTree(files) {
  const root = mkdtempSync(join(tmpdir(), 'layers-'));
  try {
    for (const [path, text] of Object.entries({ ...kWell, ...files })) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return check(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

const kBroken = [
  ['a file looks up', { 'src/base/up.hpp': '#include "http/client.hpp"\n' }, /src\/base\/up\.hpp:1: base includes "http\/client\.hpp" of http, a higher floor/],
  ['a library links up', { 'src/base/CMakeLists.txt': library('base', 'latchkey_http') }, /base links to http, a higher floor/],
  ['a file relies on what its neighbour links to', { 'src/server/run.cpp': '\n#include "base/result.hpp"\n' },
    /src\/server\/run\.cpp:2: server includes "base\/result\.hpp", but its target does not link to base/],
  ['a test relies on it, too', { 'src/server/run_test.cpp': '#include "base/result.hpp"\n' }, /run_test\.cpp:1: server includes/],
  ['the kit is used outside tests', { 'src/kms/keys.cpp': '#include "testing/clock.hpp"\n' }, /which is for tests alone/],
  ['a header of the kit brings what the test may not see', { 'src/server/run_test.cpp': '#include "testing/clock.hpp"\n' }, /server includes "base\/result\.hpp"/],
  ['a cloud is known beside the registry', { 'src/server/keys.cpp': '#include "clouds/sky/provider/sky.hpp"\n' },
    /src\/server\/keys\.cpp:1: includes "clouds\/sky\/provider\/sky\.hpp": only src\/clouds\/sky/],
  ['the commands know a cloud', { 'src/cli/keys.cpp': '#include "clouds/sky/provider/sky.hpp"\n' }, /only src\/clouds\/sky/],
  ["a cloud knows another's rooms", { 'src/cli/rain/commands.cpp': '#include "clouds/sky/emulator/sky.hpp"\n' }, /only src\/clouds\/sky/],
  ["somebody but the program knows a cloud's commands", { 'src/cli/all.cpp': '#include "cli/sky/commands.hpp"\n' },
    /only src\/main\/ may know the commands of a cloud/],
  ['an emulator knows more than the wire', { 'src/clouds/sky/emulator/CMakeLists.txt': library('sky_emulator', 'latchkey_kms') },
    /an emulator links to kms/],
  ['a floor for every cloud names one', { 'src/kms/provider.hpp': '// As Sky has it.\n' }, /src\/kms\/provider\.hpp:1: kms names Sky/],
  ['a folder belongs to no floor', { 'src/attic/old.cpp': '' }, /src\/attic\/old\.cpp: belongs to no folder/],
];

describe('scripts/check-layers', () => {
  it('finds this tree well', () => {
    const { good, said } = check();
    assert.ok(good, said);
  });

  it('finds a well-built house well', () => {
    const { good, said } = checkTree({});
    assert.ok(good, said);
  });

  for (const [what, files, says] of kBroken) {
    it(`says so where ${what}`, () => {
      const { good, said } = checkTree(files);
      assert.ok(!good, 'it was found well');
      assert.match(said, says);
    });
  }

  it('says how it is used where an option is not known', () => {
    assert.match(check('--help').said, /Usage: scripts\/check-layers/);
  });
});

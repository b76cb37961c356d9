import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { find, NEEDS, provide as provideAloud } from './debian-packages.ts';

const provide = (env: NodeJS.ProcessEnv, uid: number) => provideAloud(env, uid, () => {});

describe('debian-packages', () => {
  let root: string;
  let bin: string;
  const program = (name: string, text = '#!/bin/sh\n') => {
    const path = join(bin, name);
    writeFileSync(path, text);
    chmodSync(path, 0o755);
    return path;
  };
  /** An apt-get that writes down how it is called and runs `then`. */
  const apt = (then = '') =>
    program(
      'apt-get',
      `#!/bin/sh\necho "$DEBIAN_FRONTEND $@" >> ${root}/calls\nif [ "$1" = install ]; then :; ${then}\nfi\n`,
    );
  const calls = () => readFileSync(join(root, 'calls'), 'utf8').trim().split('\n');

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'zf-apt-'));
    bin = join(root, 'bin');
    mkdirSync(bin);
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('does nothing when all is there', () => {
    for (const name of ['google-chrome', 'chromedriver', 'git', 'apt-get'])
      program(name, 'no script');
    provide({ PATH: bin }, 0);
  });

  it('takes what CHROME_BIN and CHROMEDRIVER name', () => {
    program('git');
    const chrome = program('my-chrome');
    const env = { PATH: bin, CHROME_BIN: chrome, CHROMEDRIVER: program('my-driver') };
    provide(env, 1000);
    assert.equal(find(NEEDS[0]!, env), chrome);
  });

  it('refuses a CHROME_BIN that is no program, naming it', () => {
    const env = { PATH: bin, CHROME_BIN: join(bin, 'nothing') };
    assert.throws(() => provide(env, 0), /CHROME_BIN is .*nothing, which is not a program/);
    assert.throws(() => provide({ PATH: bin, CHROME_BIN: bin }, 0), /which is not a program/);
  });

  it('takes a Python only if it has the modules, and installs all that it wants', () => {
    const python = (path: string, modules: string) =>
      program(path, `#!/bin/sh\ntest "$2" = "import ${modules}"\n`);
    const need = { debianPackage: 'a b', programs: ['python3'], modules: 'x, y' };
    python('python3', 'z');
    assert.equal(find(need, { PATH: bin }), undefined);
    apt(`printf '#!/bin/sh\\n' > ${bin}/python3`);
    provideAloud({ PATH: bin }, 0, () => {}, [need]);
    assert.equal(calls().at(-1), 'noninteractive install --yes --no-install-recommends a b');
    assert.equal(find(need, { PATH: bin }), python('python3', 'x, y'));
  });

  it('installs what is missing and only that, after an update, without questions', () => {
    program('git');
    apt(`for p in chromium chromedriver; do /bin/cp $0 ${bin}/$p; done`);
    provide({ PATH: bin }, 0);
    assert.deepEqual(calls(), [
      'noninteractive update',
      'noninteractive install --yes --no-install-recommends chromium chromium-driver',
    ]);
  });

  it('says what to run when it is not root', () => {
    apt();
    assert.throws(
      () => provide({ PATH: bin }, 1000),
      /need chromium, chromium-driver, git: not found, and only root.*\nRun: sudo apt-get update && sudo apt-get install --no-install-recommends chromium chromium-driver git\n/,
    );
  });

  it('says what to install where there is no apt-get', () => {
    program('git');
    assert.throws(() => provide({ PATH: bin }, 0), /chromium, chromium-driver: .*no apt-get/);
  });

  it('fails when apt-get does, as without a network', () => {
    program('apt-get', '#!/bin/sh\nexit 100\n');
    assert.throws(() => provide({ PATH: bin }, 0), /"apt-get update" failed \(exit code 100\)/);
  });

  it('fails when the packages do not bring the programs', () => {
    apt();
    assert.throws(
      () => provide({ PATH: bin }, 0),
      /installed, but chromium, chromedriver, git not/,
    );
  });
});

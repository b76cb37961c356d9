import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { checkBreaking } from './buf-breaking.ts';

const FIRST = 'uint32 a = 1;\n  uint32 b = 2;';

describe('buf-breaking', () => {
  let root: string;
  const git = (...args: string[]) =>
    execFileSync('git', [
      '-C',
      root,
      '-c',
      'user.name=T',
      '-c',
      'user.email=t@example.org',
      ...args,
    ]);
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  };
  const protocol = (fields: string) =>
    write(
      'proto/zauberflote/v1/a.proto',
      `syntax = "proto3";\npackage zauberflote.v1;\nmessage A {\n  ${fields}\n}\n`,
    );
  const commit = () => {
    git('add', '.');
    git('commit', '-q', '-m', 'a change');
  };

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'zf-repository-'));
    git('init', '-q');
    copyFileSync(new URL('../buf.yaml', import.meta.url), join(root, 'buf.yaml'));
    protocol(FIRST);
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('passes before and after the first commit, and says that there is nothing to compare', () => {
    assert.deepEqual(checkBreaking(root), {
      ok: true,
      message: 'Nothing to compare with: no earlier protocol here.',
    });
    commit();
    assert.match(checkBreaking(root).message, /Nothing to compare/);
    assert.equal(checkBreaking(root).ok, true);
  });

  it('passes an added field, before and after it is committed', () => {
    commit();
    protocol(`${FIRST}\n  uint32 c = 3;`);
    assert.match(checkBreaking(root).message, /^The working tree breaks nothing/);
    commit();
    assert.match(checkBreaking(root).message, /^Commit \w+ breaks nothing/);
    assert.equal(checkBreaking(root).ok, true);
  });

  it('fails a removed field in the working tree', () => {
    commit();
    protocol('uint32 a = 1;');
    const { ok, message } = checkBreaking(root);
    assert.equal(ok, false);
    assert.match(message, /^The working tree against [\s\S]*field "2" with name "b"/);
  });

  it('fails a removed field after later commits that leave the protocol alone', () => {
    commit();
    protocol('uint32 a = 1;');
    commit();
    write('README.md', 'later');
    commit();
    const { ok, message } = checkBreaking(root);
    assert.equal(ok, false);
    assert.match(message, /^Commit \w+ against [\s\S]*field "2" with name "b"/);
  });

  it('fails a removed file', () => {
    write('proto/zauberflote/v1/b.proto', 'syntax = "proto3";\npackage zauberflote.v1;\n');
    commit();
    rmSync(join(root, 'proto/zauberflote/v1/b.proto'));
    assert.equal(checkBreaking(root).ok, false);
  });

  it('passes in a shallow clone, and says how to get more', () => {
    commit();
    protocol('uint32 a = 1;');
    commit();
    const origin = root;
    root = mkdtempSync(join(tmpdir(), 'zf-shallow-'));
    try {
      execFileSync('git', ['clone', '-q', '--depth', '1', `file://${origin}`, root]);
      const { ok, message } = checkBreaking(root);
      assert.equal(ok, true);
      assert.match(message, /git fetch --unshallow/);
    } finally {
      rmSync(origin, { recursive: true, force: true });
    }
  });

  it('fails outside of a repository', () => {
    rmSync(join(root, '.git'), { recursive: true });
    assert.throws(() => checkBreaking(root), /not a git repository/);
  });
});

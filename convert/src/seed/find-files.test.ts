import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, renameSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { findFiles } from './find-files.ts';
import { TestFolder } from './test-folder.ts';

describe('findFiles', () => {
  let folder: TestFolder;

  beforeEach(() => {
    folder = new TestFolder();
  });

  afterEach(() => folder.remove());

  const names = async (...named: string[]) => {
    const { files } = await findFiles(named);
    return [...files.values()].map(({ name }) => name.replace(`${folder.path}/`, ''));
  };

  it('finds all of a folder, but nothing hidden, empty, or a manifest', async () => {
    for (const name of ['b.jpg', 'a/deep/c.css', 'a/b.js', '.env', '.git/config', 'b.jpg.zf'])
      folder.put(name, 10);
    folder.write('empty.txt', '');
    execFileSync('mkfifo', [folder.at('pipe')]);
    assert.deepEqual(await names(folder.path), ['a/b.js', 'a/deep/c.css', 'b.jpg']);
  });

  it('follows no link in a folder, wherever it leads', async () => {
    const outside = new TestFolder();
    try {
      outside.put('secret', 10);
      folder.put('site/a.jpg', 10);
      folder.put('beside.txt', 10);
      for (const [to, at] of [
        [outside.at('secret'), 'site/file'],
        [outside.path, 'site/folder'],
        ['..', 'site/up'],
        ['.', 'site/loop'],
        ['nowhere', 'site/dead'],
      ] as const)
        symlinkSync(to, folder.at(at));
      const { files, problems } = await findFiles([folder.at('site')]);
      assert.deepEqual([...files.keys()], [folder.at('site/a.jpg')]);
      assert.equal(problems.size, 0);
    } finally {
      outside.remove();
    }
  });

  it('follows links that are named, each time to where they lead then', async () => {
    folder.put('releases/1/a.jpg', 10);
    folder.put('releases/2/b.jpg', 10);
    symlinkSync('releases/1', folder.at('current'));
    assert.deepEqual(await names(folder.at('current')), ['current/a.jpg']);
    symlinkSync('releases/2', folder.at('next'));
    renameSync(folder.at('next'), folder.at('current'));
    assert.deepEqual(await names(folder.at('current')), ['current/b.jpg']);
  });

  it('takes a file once, however often it is named', async () => {
    folder.put('a.jpg', 10);
    symlinkSync('a.jpg', folder.at('link.jpg'));
    const { files } = await findFiles([folder.at('a.jpg'), folder.path, folder.at('link.jpg')]);
    assert.deepEqual([...files.keys()], [folder.at('a.jpg')]);
  });

  it('takes hidden files that are named themselves, but no manifest', async () => {
    folder.put('.well-known/a.txt', 10);
    folder.put('b.zf', 10);
    const hidden = folder.at('.well-known');
    assert.deepEqual(await names(hidden), ['.well-known/a.txt']);
    const { problems } = await findFiles([folder.at('b.zf')]);
    assert.match(problems.get(folder.at('b.zf')) ?? '', /manifest/);
  });

  it('says what it could not look at, and goes on', async () => {
    folder.put('a.jpg', 10);
    execFileSync('mkfifo', [folder.at('pipe')]);
    const [gone, pipe] = [folder.at('gone'), folder.at('pipe')];
    const { files, problems } = await findFiles([gone, pipe, folder.at('a.jpg')]);
    assert.equal(files.size, 1);
    assert.deepEqual(Object.fromEntries(problems), {
      [gone]: 'there is no such file or folder',
      [pipe]: 'it is no regular file',
    });
  });

  it('sees that a file was written to or replaced, and not that its mode was changed', async () => {
    folder.put('a.jpg', 10);
    const state = async () => (await folder.find('a.jpg')).state;
    const before = await state();
    chmodSync(folder.at('a.jpg'), 0o600);
    assert.equal(await state(), before);
    utimesSync(folder.at('a.jpg'), 1, 1);
    const old = await state();
    assert.notEqual(old, before);
    folder.put('new', 10);
    utimesSync(folder.at('new'), 1, 1);
    renameSync(folder.at('new'), folder.at('a.jpg'));
    assert.notEqual(await state(), old);
  });

  it('sees a manifest beside a file, and that it was changed', async () => {
    folder.put('a.jpg', 10);
    assert.equal((await folder.find('a.jpg')).manifestState, undefined);
    folder.put('a.jpg.zf', 10);
    const { files } = await findFiles([folder.path]);
    const { manifestState } = files.get(join(folder.path, 'a.jpg'))!;
    assert.ok(manifestState);
    assert.equal((await folder.find('a.jpg')).manifestState, manifestState);
    folder.put('a.jpg.zf', 11);
    assert.notEqual((await folder.find('a.jpg')).manifestState, manifestState);
    folder.put('b.jpg', 10);
    mkdirSync(folder.at('b.jpg.zf'));
    assert.equal((await folder.find('b.jpg')).manifestState, undefined);
  });
});

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { appendFileSync, renameSync, rmSync } from 'node:fs';
import { contentKey, formatContentId, parseContentId } from '@zauberflote/proto';
import type { DiskFile } from './disk-file.ts';
import { DiskStore } from './disk-store.ts';
import { Library } from './library.ts';
import { MAX_CONTENTS } from './limits.ts';
import { TestFolder } from './test-folder.ts';

describe('Library', () => {
  let folder: TestFolder;
  let library: Library;
  let store: DiskStore;
  let said: string[];
  const { signal } = new AbortController();

  const make = (
    forms: readonly ('zf1' | 'sha256' | 'sha384' | 'sha512' | 'sha1')[] = ['sha256'],
  ) => {
    store = new DiskStore((file, error) => library.unreadable(file, error));
    const options = { forms, chunkSize: undefined };
    const note = (what: string) => (file: DiskFile) =>
      said.push(`${what} ${file.name.replace(`${folder.path}/`, '')}`);
    library = new Library([folder.path], store, options, {
      added(file) {
        store.add(file);
        note('+')(file);
      },
      removed(file) {
        store.remove(file);
        note('-')(file);
      },
      log: (line) => said.push(line.replace(`${folder.path}/`, '')),
    });
  };

  beforeEach(() => {
    folder = new TestFolder();
    said = [];
    make();
  });

  afterEach(() => folder.remove());

  const scan = async (): Promise<string[]> => {
    said = [];
    await library.scan(signal);
    return said;
  };

  const id = (data: Buffer) => `sha256-${createHash('sha256').update(data).digest('base64')}`;
  const held = () => [...store.values()].map(({ content }) => formatContentId(content));

  it('holds what is there, and nothing that is not any more', async () => {
    const a = folder.put('a.jpg', 1_000);
    const b = folder.put('b/b.jpg', 2_000);
    assert.deepEqual(await scan(), ['+ a.jpg', '+ b/b.jpg']);
    assert.deepEqual(await scan(), []);
    rmSync(folder.at('a.jpg'));
    const c = folder.put('c.jpg', 500);
    assert.deepEqual(await scan(), [
      '- a.jpg',
      'a.jpg: not seeded any more: it is gone',
      '+ c.jpg',
    ]);
    assert.deepEqual(held(), [id(b), id(c)]);
    assert.notEqual(id(a), id(c));
  });

  it('holds a changed file under its new id only', async () => {
    folder.put('a.jpg', 1_000);
    await scan();
    const changed = folder.put('a.jpg', 1_001);
    const why = 'a.jpg: not seeded any more: it was changed';
    assert.deepEqual(await scan(), ['- a.jpg', why, '+ a.jpg']);
    assert.deepEqual(held(), [id(changed)]);
    folder.put('new', 1_001);
    const replaced = Buffer.from(changed).reverse();
    folder.write('new', replaced);
    renameSync(folder.at('new'), folder.at('a.jpg'));
    assert.deepEqual(await scan(), ['- a.jpg', why, '+ a.jpg']);
    assert.deepEqual(held(), [id(replaced)]);
  });

  it('looks again when the manifest beside a file comes or goes', async () => {
    folder.put('a.jpg', 1_000);
    await scan();
    folder.write('a.jpg.zf', 'garbage');
    assert.deepEqual(await scan(), [
      '- a.jpg',
      'a.jpg: not seeded any more: the manifest beside it was changed',
      '+ a.jpg',
      'a.jpg.zf: passed over, it is not the manifest of this file',
    ]);
    assert.deepEqual(await scan(), []);
  });

  it('drops a file as soon as a read shows that it was changed, and has the new one after the next scan', async () => {
    const old = folder.put('a.jpg', 1_000);
    await scan();
    const changed = folder.put('a.jpg', 999);
    said = [];
    const key = contentKey(
      parseContentId(id(old)) as Exclude<ReturnType<typeof parseContentId>, string>,
    );
    await assert.rejects(store.get(key)!.blob.slice(0, 1_000).arrayBuffer());
    assert.deepEqual(said, ['- a.jpg', 'a.jpg: not seeded any more: it was changed']);
    assert.equal(store.get(key), undefined);
    assert.deepEqual(await scan(), ['+ a.jpg']);
    assert.deepEqual(held(), [id(changed)]);
  });

  it('keeps a file when the machine is short of something for a moment', async () => {
    folder.put('a.jpg', 1_000);
    await scan();
    const [file] = library.files;
    said = [];
    library.unreadable(file!, Object.assign(new Error('too many'), { code: 'EMFILE' }));
    assert.deepEqual([library.size, said], [1, []]);
    library.unreadable(file!, Object.assign(new Error('broken disk'), { code: 'EIO' }));
    assert.deepEqual(said, ['- a.jpg', 'a.jpg: not seeded any more: broken disk']);
    library.unreadable(file!, Object.assign(new Error('broken disk'), { code: 'EIO' }));
    assert.equal(said.length, 2, 'once');
  });

  it('leaves a file alone that is being written to, until it is at rest', async () => {
    folder.put('log.txt', 20_000_000);
    const timer = setInterval(() => appendFileSync(folder.at('log.txt'), 'more'), 0);
    const first = await scan().finally(() => clearInterval(timer));
    assert.deepEqual(first, ['log.txt: not seeded: it is being changed; it is looked at again']);
    appendFileSync(folder.at('log.txt'), 'more');
    assert.deepEqual(await scan(), [], 'it has changed since');
    assert.deepEqual(await scan(), ['+ log.txt']);
  });

  it('says once what cannot be seeded', async () => {
    make(['zf1']);
    folder.put('a.jpg', 10);
    library = new Library(
      [folder.path, folder.at('gone')],
      store,
      { forms: ['zf1'] },
      {
        added() {},
        removed() {},
        log: (line) => said.push(line),
      },
    );
    assert.match((await scan()).join(), /gone: there is no such file or folder/);
    assert.deepEqual(await scan(), []);
  });

  it('holds no more than a tracker takes, and says so', async () => {
    const forms = ['zf1', 'sha256', 'sha384', 'sha512', 'sha1'] as const;
    make(forms);
    const most = Math.floor(MAX_CONTENTS / forms.length);
    for (let i = 0; i < most + 2; i++) folder.write(`${String(i).padStart(4, '0')}.txt`, `${i}`);
    const lines = (await scan()).filter((line) => !line.startsWith('+'));
    assert.equal(store.size, most * forms.length);
    assert.match(lines.join(), /^2 files are not seeded: a tracker takes at most 4096/);
    assert.deepEqual(await scan(), []);
    rmSync(folder.at('0000.txt'));
    rmSync(folder.at('0001.txt'));
    const added = [most, most + 1].map((i) => `+ ${String(i).padStart(4, '0')}.txt`);
    assert.deepEqual((await scan()).slice(-2), added);
    assert.equal(store.size, most * forms.length);
  });

  it('stops where it is when it is told to', async () => {
    for (const name of ['a', 'b', 'c']) folder.put(name, 10);
    const stopping = new AbortController();
    const options = { forms: ['zf1'] } as const;
    const stopped = new Library([folder.path], store, options, {
      added: () => stopping.abort(),
      removed() {},
      log: (line) => said.push(line),
    });
    said = [];
    await stopped.scan(stopping.signal);
    assert.deepEqual([stopped.size, said], [1, []]);
    await stopped.watch(0, stopping.signal);
    assert.equal(stopped.size, 1);
  });
});

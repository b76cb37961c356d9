import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { formatContentId } from '@zauberflote/proto';
import { manifestOfFile } from '../manifest.ts';
import { FORMS, identify } from './identify.ts';
import { HASH_READ_BYTES } from './limits.ts';
import { TestFolder } from './test-folder.ts';

describe('identify', () => {
  let folder: TestFolder;
  const { signal } = new AbortController();

  beforeEach(() => {
    folder = new TestFolder();
  });

  afterEach(() => folder.remove());

  it('gives a file the ids that others give it', async () => {
    const data = folder.put('a.jpg', 3 * HASH_READ_BYTES + 5);
    const { file, isManifestWrong } = await identify(await folder.find('a.jpg'), {
      forms: FORMS,
      signal,
    });
    const sri = (name: string) => `${name}-${createHash(name).update(data).digest('base64')}`;
    const { id, chunkSize } = await manifestOfFile(folder.at('a.jpg'));
    assert.deepEqual(file.contents.map(formatContentId), [
      id,
      ...['sha256', 'sha384', 'sha512'].map(sri),
      createHash('sha1').update(data).digest('hex'),
    ]);
    assert.equal(isManifestWrong, false);
    assert.deepEqual([file.size, file.chunkSize], [data.length, chunkSize]);
    const first = createHash('sha256').update(data.subarray(0, chunkSize)).digest();
    assert.deepEqual(Buffer.from(file.hashes.subarray(0, 32)), first);
    assert.equal(file.hashes.length, 32 * Math.ceil(data.length / chunkSize));
  });

  it('takes the id of the manifest beside it, with whatever that was made', async () => {
    folder.put('a.jpg', 20_000);
    const mine = await manifestOfFile(folder.at('a.jpg'), { chunkSize: 5_000, mediaType: 'x/y' });
    folder.write('a.jpg.zf', mine.manifest);
    const { file, isManifestWrong } = await identify(await folder.find('a.jpg'), {
      forms: ['zf1'],
      chunkSize: 7_000,
      signal,
    });
    assert.deepEqual(file.contents.map(formatContentId), [mine.id]);
    assert.deepEqual([file.chunkSize, isManifestWrong], [5_000, false]);
  });

  it('passes over a manifest of another file, or garbage, and says so', async () => {
    folder.put('a.jpg', 20_000);
    folder.put('b.jpg', 20_000);
    const options = { chunkSize: 7_000 };
    const { id } = await manifestOfFile(folder.at('a.jpg'), options);
    const other = await manifestOfFile(folder.at('b.jpg'), { chunkSize: 5_000 });
    for (const beside of [other.manifest, Buffer.from('garbage'), Buffer.alloc(3_000_000)]) {
      folder.write('a.jpg.zf', beside);
      const found = await folder.find('a.jpg');
      const { file, isManifestWrong } = await identify(found, {
        ...options,
        forms: ['zf1'],
        signal,
      });
      assert.deepEqual(file.contents.map(formatContentId), [id]);
      assert.equal(isManifestWrong, true);
    }
  });

  it('takes no file that is not what was found, nor one that grows meanwhile', async () => {
    folder.put('a.jpg', 20_000);
    const found = await folder.find('a.jpg');
    appendFileSync(folder.at('a.jpg'), 'more');
    const options = { forms: ['zf1'], signal } as const;
    await assert.rejects(identify(found, options), { message: /changed/ });
    folder.put('b.jpg', 40 * HASH_READ_BYTES);
    const growing = identify(await folder.find('b.jpg'), options);
    const timer = setInterval(() => appendFileSync(folder.at('b.jpg'), 'more'), 0);
    await assert.rejects(growing).finally(() => clearInterval(timer));
  });

  it('ends when it is told to', async () => {
    folder.put('a.jpg', 20_000);
    const ended = AbortSignal.abort(new Error('enough'));
    const options = { forms: ['zf1'], signal: ended } as const;
    await assert.rejects(identify(await folder.find('a.jpg'), options), { message: 'enough' });
  });
});

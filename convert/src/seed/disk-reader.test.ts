import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { ChangedError, type DiskFile } from './disk-file.ts';
import { DiskReader } from './disk-reader.ts';
import { identify } from './identify.ts';
import { MAX_READS } from './limits.ts';
import { TestFolder } from './test-folder.ts';

const CHUNK = 1_000;

describe('DiskReader', () => {
  let folder: TestFolder;
  let data: Buffer;
  let file: DiskFile;
  let reader: DiskReader;

  beforeEach(async () => {
    folder = new TestFolder();
    data = folder.put('a.bin', 10_500);
    const { signal } = new AbortController();
    const options = { forms: ['zf1'], chunkSize: CHUNK, signal } as const;
    ({ file } = await identify(await folder.find('a.bin'), options));
    reader = new DiskReader();
  });

  afterEach(() => folder.remove());

  const read = async (offset: number, length: number) =>
    Buffer.from(await reader.read(file, offset, length));

  /** Changes a byte of the file so that its size and time say nothing. */
  const flip = (at: number) => {
    const { atime, mtime } = statSync(folder.at('a.bin'));
    const byte = Buffer.of(data[at]! ^ 1);
    const handle = openSync(folder.at('a.bin'), 'r+');
    writeSync(handle, byte, 0, 1, at);
    closeSync(handle);
    utimesSync(folder.at('a.bin'), atime, mtime);
  };

  it('gives the bytes of any range', async () => {
    for (const [offset, length] of [
      [0, CHUNK],
      [3_000, 2_000],
      [10_000, 500],
      [0, 10_500],
      [999, 2],
      [10_499, 1],
      [1, 10_498],
    ] as const)
      assert.deepEqual(await read(offset, length), data.subarray(offset, offset + length));
  });

  it('gives nothing of a chunk that was changed, even if size and time say nothing', async () => {
    flip(5_500);
    // Times with less than a microsecond are not restored as they were: then it shows by them.
    const { state } = await folder.find('a.bin');
    file = { ...file, state };
    await assert.rejects(read(5_000, CHUNK), ChangedError);
    await assert.rejects(read(5_001, 1), ChangedError);
    await assert.rejects(read(0, 10_500), ChangedError);
    assert.deepEqual(await read(4_000, CHUNK), data.subarray(4_000, 5_000));
  });

  it('gives nothing of a file that was written to, replaced, cut or taken away', async () => {
    const path = folder.at('a.bin');
    const cases: readonly (() => void)[] = [
      () => utimesSync(path, 1, 1),
      () => folder.write('a.bin', data.subarray(0, 5_000)),
      () => {
        folder.write('new', data);
        renameSync(folder.at('new'), path);
      },
      () => {
        rmSync(path);
        execFileSync('mkfifo', [path]);
      },
      () => rmSync(path),
      () => {
        folder.write('other', data);
        symlinkSync('other', path);
      },
    ];
    for (const change of cases) {
      change();
      await assert.rejects(read(0, CHUNK));
    }
  });

  it('keeps few files open, however many ask', async () => {
    let most = 0;
    const open = () =>
      readdirSync('/proc/self/fd').length; /* of all this process has; the difference counts */
    const before = open();
    const timer = setInterval(() => {
      most = Math.max(most, open() - before);
    }, 0);
    const asked = Array.from({ length: 600 }, (_, i) => read((i % 10) * CHUNK, CHUNK - (i % 2)));
    for (const [i, bytes] of (await Promise.all(asked)).entries()) {
      const offset = (i % 10) * CHUNK;
      assert.deepEqual(bytes, data.subarray(offset, offset + CHUNK - (i % 2)));
    }
    clearInterval(timer);
    assert.ok(most <= MAX_READS, `${most} were open`);
    assert.equal(open(), before);
  });

  it('reads a chunk once for all who ask for parts of it', async () => {
    const [first, second] = await Promise.all([read(0, 10), read(990, 10)]);
    assert.deepEqual(first, data.subarray(0, 10));
    assert.deepEqual(second, data.subarray(990, 1_000));
    // Verified bytes are right for their id, whatever the file has become: so it shows whether it was read again.
    rmSync(folder.at('a.bin'));
    assert.deepEqual(await read(500, 10), data.subarray(500, 510));
    await assert.rejects(read(1_000, 10));
    await assert.rejects(read(1_000, 10), 'a failure is not kept');
  });
});

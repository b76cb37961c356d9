import assert from 'node:assert/strict';
import { makeManifest } from '@zauberflote/convert';
import { MAX_REQUEST_BYTES, RefuseReason } from '@zauberflote/proto';
import { content } from '../sources/test-origin.ts';
import { Bench, settle, until } from './test-bench.ts';

const FILE = content(3 * MAX_REQUEST_BYTES + 5);
const CHUNK = 2 * MAX_REQUEST_BYTES + 7;

describe('Chunks longer than a request may be', () => {
  let bench: Bench;

  beforeEach(() => {
    bench = new Bench();
    bench.size = FILE.length;
  });

  afterEach(() => bench.manager.close());

  /** The parts of two chunks are asked of a peer. */
  async function start(): Promise<{ result: Promise<Blob> }> {
    const { id, manifest } = await makeManifest([FILE], FILE.length, { chunkSize: CHUNK });
    bench.manager.addManifest(manifest);
    const result = bench.manager.download(id);
    result.catch(() => {});
    await settle();
    bench.named(1n);
    await until(() => bench.requests(1n).length === 4);
    return { result };
  }

  it('are asked for in parts, and put together', async () => {
    const { result } = await start();
    assert.deepEqual(
      bench
        .requests(1n)
        .map(({ offset, length }) => [Number(offset), length])
        .sort(([a = 0], [b = 0]) => a - b),
      [
        [0, MAX_REQUEST_BYTES],
        [MAX_REQUEST_BYTES, MAX_REQUEST_BYTES],
        [2 * MAX_REQUEST_BYTES, 7],
        [CHUNK, MAX_REQUEST_BYTES - 2],
      ],
    );
    bench.serve(1n, FILE);
    const blob = await result;
    assert.ok(Buffer.from(await blob.arrayBuffer()).equals(FILE));
  });

  it('are taken back as a whole when one part is refused', async () => {
    await start();
    const [first, ...others] = bench
      .requests(1n)
      .filter(({ offset = 0n }) => Number(offset) < CHUNK)
      .map(({ requestId = 0 }) => requestId);
    const reason = RefuseReason.BUSY;
    bench.hear(1n, { case: 'refuse', value: { requestId: first as number, reason } });
    const taken = bench.told(1n, 'cancel').map(({ requestId }) => requestId);
    assert.deepEqual(taken, others);
  });
});

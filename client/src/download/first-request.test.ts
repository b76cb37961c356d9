import assert from 'node:assert/strict';
import { makeManifest } from '@zauberflote/convert';
import type { Init, Request } from '@zauberflote/proto';
import { Bench, FILE, HASH, until } from './test-bench.ts';

describe('a request that goes with an answer', () => {
  let bench: Bench;

  beforeEach(() => {
    bench = new Bench();
    bench.now = 0;
  });
  afterEach(() => bench.manager.close());

  /** The tracker names complete holders. */
  const named = (...peers: bigint[]) =>
    bench.handlers.onPeers({
      contentKey: bench.wanted.at(-1) as string,
      holders: peers.map((peer) => ({ peer, size: FILE.length, partial: false })),
      totalHolders: peers.length,
      totalPartial: 0,
    });

  /** A download, one holder that is being connected to, and what goes with the answer to it. */
  async function begun() {
    const { manifest, id } = await makeManifest([FILE], FILE.length, {});
    bench.manager.addManifest(manifest);
    const result = bench.manager.download(id);
    result.catch(() => {});
    await until(() => bench.wanted.length > 0);
    named(1n);
    let first: Init<Request> | undefined;
    // The manifest is hashed in another thread.
    await until(() => {
      first = bench.handlers.firstRequest(1n);
      return first !== undefined;
    });
    return { result, first: first! };
  }

  const open = (hasAsked: boolean) => {
    bench.open.add(1n);
    bench.handlers.onOpen(1n, hasAsked);
  };
  const isAskedFor = (offset: bigint | undefined) =>
    bench.requests(1n).some((request) => request.offset === offset);
  const isFile = async (result: Promise<Blob>) =>
    assert.deepEqual(Buffer.from(await (await result).arrayBuffer()), FILE);

  it('is not sent again, and is answered as any other', async () => {
    const { result, first } = await begun();
    assert.equal(first.requestId, 1);
    open(true);
    assert.ok(!isAskedFor(first.offset));
    assert.equal(bench.requests(1n)[0]?.requestId, 2);
    const { offset = 0n, length = 0 } = first;
    const data = Uint8Array.from(FILE.subarray(Number(offset), Number(offset) + length));
    bench.hear(1n, { case: 'fragment', value: { requestId: 1, data } });
    bench.serve(1n);
    await isFile(result);
    assert.deepEqual(bench.told(1n, 'cancel'), []);
  });

  it('is sent over the connection if that is another than the answer was for', async () => {
    const { result, first } = await begun();
    open(false);
    assert.ok(isAskedFor(first.offset));
    bench.serve(1n);
    await isFile(result);
  });

  it('is taken back if the file is here before', async () => {
    const { result, first } = await begun();
    named(2n);
    bench.opens(2n);
    bench.serve(2n);
    await isFile(result);
    open(true);
    assert.deepEqual(bench.told(1n, 'cancel'), [{ requestId: first.requestId }]);
    assert.deepEqual(bench.requests(1n), []);
  });

  it('gives way to that of a later answer, and is forgotten when the connection fails', async () => {
    const { first } = await begun();
    assert.equal(first.requestId, 1);
    assert.equal(bench.handlers.firstRequest(1n)?.requestId, 2);
    bench.handlers.onClose(1n, 'unreachable');
    open(true);
    assert.deepEqual(bench.told(1n, 'cancel'), []);
  });

  it('is nothing where nothing is wanted of the peer, or the file has no manifest', async () => {
    assert.equal(bench.handlers.firstRequest(1n), undefined);
    const whole = bench.manager.download(HASH);
    whole.catch(() => {});
    await until(() => bench.wanted.length > 0);
    named(1n);
    assert.equal(bench.handlers.firstRequest(1n), undefined);
    const { result } = await begun();
    assert.equal(bench.handlers.firstRequest(9n), undefined);
    bench.manager.close();
    await assert.rejects(result);
    assert.equal(bench.handlers.firstRequest(1n), undefined);
  });
});

import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { PeerMessageBody, Request } from '@zauberflote/proto';
import { HashAlgorithm, RefuseReason } from '@zauberflote/proto';
import type { Connections } from '../connection/types.ts';
import { MemoryStore } from '../store/memory-store.ts';
import { FRAGMENT_BYTES, MAX_OPEN_REQUESTS, MIN_FRAGMENT_BYTES, Uploads } from './uploads.ts';

const CONTENT = { algorithm: HashAlgorithm.SHA1, digest: new Uint8Array(20).fill(7) };
const KEY = `1:${'07'.repeat(20)}`;
const SIZE = 100_000;

/** What peers receive, and whether they take more. */
class Wires {
  readonly sent: { peer: bigint; body: PeerMessageBody }[] = [];
  readonly full = new Set<bigint>();
  readonly gone = new Set<bigint>();
  maxFragment = 65_536;

  readonly connections = {
    isWritable: (peer: bigint) => !this.full.has(peer),
    maxFragmentBytes: () => this.maxFragment,
    send: (peer: bigint, body: PeerMessageBody) => {
      if (this.gone.has(peer)) return false;
      this.sent.push({ peer, body });
      return true;
    },
  } as unknown as Connections;

  /** The bytes a request brought, put together. */
  bytes(peer: bigint, requestId: number): Uint8Array {
    const parts: [number, Uint8Array][] = [];
    for (const { peer: to, body } of this.sent)
      if (to === peer && body?.case === 'fragment' && body.value.requestId === requestId)
        parts.push([body.value.offset ?? 0, body.value.data ?? new Uint8Array()]);
    const whole = new Uint8Array(parts.reduce((sum, [, data]) => sum + data.length, 0));
    for (const [offset, data] of parts) whole.set(data, offset);
    return whole;
  }

  refusals(): [number | undefined, RefuseReason | undefined][] {
    return this.sent.flatMap(({ body }) =>
      body?.case === 'refuse' ? [[body.value.requestId, body.value.reason]] : [],
    );
  }
}

describe('Uploads', () => {
  const file = Uint8Array.from({ length: SIZE }, (_, i) => (i * 31) & 255);
  let wires: Wires;
  let uploads: Uploads;

  beforeEach(() => {
    const store = new MemoryStore();
    store.put(KEY, { blob: new Blob([file]) });
    wires = new Wires();
    uploads = new Uploads(wires.connections, store);
  });

  const request = (requestId: number, offset = 0, length = 1000): Request => ({
    requestId,
    content: CONTENT,
    offset: BigInt(offset),
    length,
  });

  /** Waits for what reads of Blobs bring, then for what must not come. */
  const settle = async (messages: number) => {
    while (wires.sent.length < messages) await pause(1);
    await pause(5);
    assert.equal(wires.sent.length, messages);
  };

  it('sends the range that was asked for, in fragments that interleave on slow links', async () => {
    assert.ok(uploads.request(1n, request(5, 500, 60_000)));
    await settle(4);
    assert.deepEqual(wires.bytes(1n, 5), file.subarray(500, 60_500));
    for (const { body } of wires.sent)
      assert.ok(body?.case === 'fragment' && (body.value.data?.length ?? 0) <= FRAGMENT_BYTES);
    assert.equal(uploads.bytes, 60_000);
  });

  it('keeps to what the peer can take in one message', async () => {
    wires.maxFragment = 1200;
    uploads.request(1n, request(1, 0, 3000));
    await settle(3);
    assert.equal(wires.sent.length, 3);
    assert.deepEqual(wires.bytes(1n, 1), file.subarray(0, 3000));
  });

  it('refuses what it does not hold, and ranges beyond the end', async () => {
    const other = { algorithm: HashAlgorithm.SHA256, digest: new Uint8Array(32) };
    uploads.request(1n, { requestId: 1, content: other, offset: 0n, length: 1 });
    uploads.request(1n, request(2, SIZE - 10, 11));
    uploads.request(1n, request(3, SIZE - 10, 10));
    await settle(3);
    assert.deepEqual(wires.refusals(), [
      [1, RefuseReason.NOT_HELD],
      [2, RefuseReason.OUT_OF_RANGE],
    ]);
    assert.deepEqual(wires.bytes(1n, 3), file.subarray(SIZE - 10));
  });

  it('waits for a peer that takes no more, without holding up others', async () => {
    wires.full.add(1n);
    uploads.request(1n, request(1));
    uploads.request(2n, request(1));
    await settle(1);
    assert.equal(wires.bytes(1n, 1).length, 0);
    assert.equal(wires.bytes(2n, 1).length, 1000);
    wires.full.delete(1n);
    uploads.writable(1n);
    await settle(2);
    assert.equal(wires.bytes(1n, 1).length, 1000);
  });

  it('stops in the middle of a range when the peer takes no more, and goes on there', async () => {
    const { send } = wires.connections;
    wires.connections.send = (peer, body) => {
      wires.full.add(peer);
      return send(peer, body);
    };
    uploads.request(1n, request(1, 0, 50_000));
    for (let fragments = 1; fragments <= 4; fragments++) {
      await settle(fragments);
      wires.full.delete(1n);
      uploads.writable(1n);
    }
    await settle(4);
    assert.deepEqual(wires.bytes(1n, 1), file.subarray(0, 50_000));
    assert.equal(uploads.bytes, 50_000);
  });

  it('does not serve a peer that takes tiny messages only', async () => {
    wires.maxFragment = MIN_FRAGMENT_BYTES - 1;
    uploads.request(1n, request(1));
    await settle(1);
    assert.deepEqual(wires.refusals(), [[1, RefuseReason.NOT_SERVING]]);
  });

  it('refuses what its store cannot read any more, and goes on with the rest', async () => {
    const broken = {
      size: SIZE,
      slice: () => ({ arrayBuffer: () => Promise.reject(new Error()) }),
    };
    const store = new MemoryStore();
    store.put(KEY, { blob: broken as unknown as Blob });
    uploads = new Uploads(wires.connections, store);
    uploads.request(1n, request(1));
    uploads.request(1n, request(2));
    await settle(2);
    assert.deepEqual(wires.refusals(), [
      [1, RefuseReason.NOT_HELD],
      [2, RefuseReason.NOT_HELD],
    ]);
  });

  it('does not send what was cancelled, nor to a peer that is gone', async () => {
    wires.full.add(1n);
    for (const id of [1, 2, 3]) uploads.request(1n, request(id));
    uploads.cancel(1n, 2);
    wires.full.delete(1n);
    uploads.writable(1n);
    await settle(2);
    assert.deepEqual(
      [1, 2, 3].map((id) => wires.bytes(1n, id).length),
      [1000, 0, 1000],
    );
    uploads.request(2n, request(1));
    uploads.closed(2n);
    wires.gone.add(3n);
    uploads.request(3n, request(1));
    await settle(2);
    assert.equal(wires.bytes(2n, 1).length + wires.bytes(3n, 1).length, 0);
    assert.equal(uploads.bytes, 2000);
  });

  it('refuses more open requests than one peer may have, and an id that is open', async () => {
    wires.full.add(1n);
    for (let id = 1; id <= MAX_OPEN_REQUESTS + 1; id++) assert.ok(uploads.request(1n, request(id)));
    assert.deepEqual(wires.refusals(), [[MAX_OPEN_REQUESTS + 1, RefuseReason.BUSY]]);
    assert.equal(uploads.request(1n, request(1)), false);
  });
});

import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { Request } from '@zauberflote/proto';
import { contentKey, HashAlgorithm, RefuseReason } from '@zauberflote/proto';
import { BlobReader } from './blob-reader.ts';
import { TestUplink } from './test-uplink.ts';
import { MAX_BUSY, MAX_COMING, MIN_COPIES, QUIET_MS } from './upload-queue.ts';
import type { Servable, UploadOptions } from './uploads.ts';
import {
  COMING_MS,
  EARLY_BYTES,
  FAST_FRAGMENT_BYTES,
  FIRST_FRAGMENT_BYTES,
  FRAGMENT_BYTES,
  MAX_OPEN_REQUESTS,
  MIN_FRAGMENT_BYTES,
  Uploads,
} from './uploads.ts';

const CONTENT = { algorithm: HashAlgorithm.SHA1, digest: new Uint8Array(20).fill(7) };
const KEY = `1:${'07'.repeat(20)}`;
const SIZE = 200_000;

describe('Uploads', () => {
  const file = Uint8Array.from({ length: SIZE }, (_, i) => (i * 31 + (i >> 8)) & 255);
  const whole: Servable = {
    size: SIZE,
    read: (offset, length) => file.slice(offset, offset + length),
  };
  let line: TestUplink;
  let uploads: Uploads;

  const start = (servable: Servable = whole, options?: UploadOptions, ours = KEY) => {
    line = new TestUplink();
    uploads = new Uploads(
      line.connections,
      (key) => (key === ours ? servable : undefined),
      line.platform,
      options,
    );
    line.onWritable = () => uploads.writable();
    line.onReceived = (peer, bytes) => uploads.received(peer, bytes);
  };

  beforeEach(() => start());

  const request = (requestId: number, offset = 0, length = 1000): Request => ({
    requestId,
    content: CONTENT,
    offset: BigInt(offset),
    length,
  });

  const sizes = () =>
    line.sent.map(({ body }) => body?.case === 'fragment' && body.value.data?.length);

  it('sends the range that was asked for, in small fragments on a slow uplink', async () => {
    assert.ok(uploads.request(1n, request(5, 500, 60_000)));
    await line.run(1_000);
    assert.deepEqual(line.bytes(1n, 5), file.subarray(500, 60_500));
    const full = FRAGMENT_BYTES;
    assert.deepEqual(sizes(), [FIRST_FRAGMENT_BYTES, full, full, full, 6_752]);
    assert.equal(uploads.bytes, 60_000);
    assert.equal(line.timers, 0, 'nothing is left to wait for');
  });

  it('begins with a small fragment on every new connection, and on no other', async () => {
    for (const [peer, id] of [
      [1n, 1],
      [1n, 2],
      [2n, 3],
    ] as const) {
      uploads.request(peer, request(id, 0, 20_000));
      await line.run(100);
    }
    uploads.closed(1n);
    uploads.request(1n, request(4, 0, 20_000));
    await line.run(100);
    const small = [FIRST_FRAGMENT_BYTES, 20_000 - FIRST_FRAGMENT_BYTES];
    const usual = [FRAGMENT_BYTES, 20_000 - FRAGMENT_BYTES];
    assert.deepEqual(sizes(), [small, usual, small, small].flat());
  });

  it('sends longer fragments on a fast uplink', async () => {
    for (const windowBytes of [0, Number.POSITIVE_INFINITY]) {
      start();
      line.windowBytes = windowBytes;
      line.rate = 6_000;
      for (let id = 1; id <= 25; id++) uploads.request(1n, request(id, 0, SIZE));
      await line.run(1_050); // 833 ms is what 5 MB take.
      assert.ok(Buffer.from(file).equals(line.bytes(1n, 25)));
      assert.ok(sizes().includes(FAST_FRAGMENT_BYTES));
    }
  });

  it('sends small ones where those would take long, or does when the uplink becomes so slow', async () => {
    for (const windowBytes of [0, Number.POSITIVE_INFINITY])
      for (const [rate, isFast] of [
        [1_500, false],
        [3_000, true],
        [500, false],
      ] as const) {
        start();
        line.windowBytes = windowBytes;
        line.rate = rate === 500 ? 3_000 : rate;
        for (let id = 1; id <= 200; id++) uploads.request(1n, request(id, 0, SIZE));
        await line.run(1_000);
        line.rate = rate;
        if (rate === 500) await line.run(6_000);
        line.sent.length = 0;
        await line.run(500);
        const largest = Math.max(...sizes().map(Number));
        assert.equal(largest, isFast ? FAST_FRAGMENT_BYTES : FRAGMENT_BYTES, `${rate} KB/s`);
        uploads.closed(1n);
      }
  });

  it('keeps to what the peer can take in one message', async () => {
    line.maxFragment = 1200;
    uploads.request(1n, request(1, 0, 3000));
    await line.run(100);
    assert.deepEqual(sizes(), [1200, 1200, 600]);
    assert.deepEqual(line.bytes(1n, 1), file.subarray(0, 3000));
  });

  it('serves Blobs', async () => {
    start(new BlobReader().servable(new Blob([file])));
    uploads.request(1n, request(1, 70_000, 70_000));
    while (line.arrived.length < 5) {
      await line.run(5);
      await pause(1);
    }
    assert.deepEqual(line.bytes(1n, 1), file.subarray(70_000, 140_000));
  });

  it('serves the parts it has of a content whose size it does not know, and refuses the others', async () => {
    start({
      size: undefined,
      read: (offset, length) =>
        offset + length <= 100_000 ? file.slice(offset, offset + length) : undefined,
    });
    uploads.request(1n, request(1, 99_000, 1_001));
    uploads.request(1n, request(2, 2 ** 50, 1));
    uploads.request(1n, request(3, 99_000, 1_000));
    await line.run(100);
    assert.deepEqual(line.refusals(), [
      [1, RefuseReason.NOT_HELD],
      [2, RefuseReason.NOT_HELD],
    ]);
    assert.deepEqual(line.bytes(1n, 3), file.subarray(99_000, 100_000));
  });

  it('refuses at once what it does not hold, and ranges beyond the end', () => {
    const other = { algorithm: HashAlgorithm.SHA256, digest: new Uint8Array(32) };
    uploads.request(1n, { requestId: 1, content: other, offset: 0n, length: 1 });
    uploads.request(1n, request(2, SIZE - 10, 11));
    uploads.request(1n, request(3, SIZE - 10, 10));
    assert.deepEqual(line.refusals(), [
      [1, RefuseReason.NOT_HELD],
      [2, RefuseReason.OUT_OF_RANGE],
    ]);
    assert.deepEqual(sizes().at(-1), 10);
  });

  it('refuses what its store cannot read any more, and goes on with the rest', async () => {
    let reads = 0;
    const read = (offset: number, length: number) =>
      ++reads < 3 ? Promise.reject(new Error('gone')) : whole.read(offset, length);
    start({ size: SIZE, read });
    for (const id of [1, 2, 3]) uploads.request(1n, request(id));
    await line.run(100);
    assert.deepEqual(line.refusals(), [
      [1, RefuseReason.NOT_HELD],
      [2, RefuseReason.NOT_HELD],
    ]);
    assert.deepEqual(line.bytes(1n, 3), file.subarray(0, 1000));
  });

  it('refuses what lies beyond a content that has become shorter, and goes on with the rest', async () => {
    let servable: Servable = { ...whole, size: 4 * SIZE };
    start({
      get size() {
        return servable.size;
      },
      read: (offset, length) => servable.read(offset, length),
    });
    const { isWritable } = line.connections;
    Object.assign(line.connections, { isWritable: () => false });
    uploads.request(1n, request(1, SIZE, 1_000));
    uploads.request(1n, request(2, SIZE - 500, 1_000));
    uploads.request(1n, request(3, 0, 1_000));
    Object.assign(line.connections, { isWritable });
    servable = whole;
    uploads.writable();
    await line.run(100);
    assert.deepEqual(line.refusals(), [
      [1, RefuseReason.NOT_HELD],
      [2, RefuseReason.NOT_HELD],
    ]);
    assert.deepEqual(line.bytes(1n, 3), file.subarray(0, 1_000));
  });

  it('sends a little of a short request first on a slow uplink, so that its receiver can tell others', async () => {
    const content = { algorithm: HashAlgorithm.MANIFEST_SHA256, digest: new Uint8Array(32) };
    // First to know how fast the uplink is.
    const ask = async (rate: number, others: readonly bigint[] = []) => {
      start(whole, undefined, contentKey(content));
      line.rate = rate;
      for (const peer of others) uploads.request(peer, { ...request(1, 0, 1), content });
      for (const id of [1, 2, 3, 4]) uploads.request(1n, { ...request(id, 0, SIZE - id), content });
      uploads.request(1n, { ...request(5, 0, FRAGMENT_BYTES), content });
      uploads.request(1n, { ...request(6, 0, 100), content });
      await line.run(5_000);
      assert.deepEqual(line.bytes(1n, 5), file.subarray(0, FRAGMENT_BYTES));
      return sizes();
    };
    const early = [EARLY_BYTES, FRAGMENT_BYTES - EARLY_BYTES, 100];
    assert.deepEqual((await ask(250)).slice(-3), early);
    assert.deepEqual((await ask(1_500)).slice(-2), [FRAGMENT_BYTES, 100], 'it has nobody to tell');
    assert.deepEqual((await ask(1_500, [2n])).slice(-3), early);
    start();
    uploads.request(1n, request(1, 0, 60_000));
    uploads.request(1n, request(2, 0, FRAGMENT_BYTES));
    await line.run(1_000);
    assert.equal(sizes().at(-1), FRAGMENT_BYTES, 'a whole file is verified as such');
  });

  it('lets requests wait for what is coming, and serves others meanwhile', async () => {
    let isHere = false;
    const read = (offset: number, length: number) =>
      offset === 0 && !isHere ? 'coming' : whole.read(offset, length);
    start({ size: SIZE, read });
    uploads.request(1n, request(1));
    uploads.request(1n, request(2, 7));
    assert.equal(uploads.request(1n, request(1, 5)), false, 'its id is open');
    for (const peer of [2n, 3n]) uploads.request(peer, request(3, 0, 60_000));
    uploads.request(4n, request(4, 7, 60_000));
    uploads.cancel(3n, 3);
    await line.run(COMING_MS - 100);
    assert.deepEqual(line.bytes(1n, 2), file.subarray(7, 1_007));
    assert.deepEqual(line.bytes(4n, 4), file.subarray(7, 60_007));
    assert.equal(line.bytes(1n, 1).length + line.bytes(2n, 3).length, 0);
    isHere = true;
    uploads.ready();
    await line.run(1_000);
    assert.deepEqual(line.bytes(1n, 1), file.subarray(0, 1_000));
    assert.deepEqual(line.bytes(2n, 3), file.subarray(0, 60_000));
    assert.equal(line.bytes(3n, 3).length, 0);
    assert.deepEqual(line.refusals(), []);
    assert.equal(line.timers, 0);
  });

  it('serves what waited so in the order in which it was asked for', async () => {
    let isHere = false;
    const read = (offset: number, length: number) =>
      offset === 0 && !isHere ? 'coming' : whole.read(offset, length);
    start({ size: SIZE, read });
    for (let id = 1; id < 20; id++) uploads.request(1n, request(id, (id - 1) * 8_000, 8_000));
    await line.run(100);
    isHere = true;
    uploads.ready();
    await line.run(2_000);
    const order = line.arrived.map(({ requestId }) => requestId);
    assert.ok(order.indexOf(1) < order.indexOf(15), `${order}`);
  });

  it('answers what waits so when it serves nobody any more, and not who has gone', async () => {
    start({ size: SIZE, read: () => 'coming' });
    for (const peer of [1n, 2n]) uploads.request(peer, request(1));
    uploads.closed(2n);
    Object.assign(line.network, { type: 'cellular' });
    line.network.dispatchEvent(new Event('change'));
    assert.deepEqual(line.refusals(), [[1, RefuseReason.NOT_SERVING]]);
    await line.run(2 * COMING_MS);
    assert.deepEqual([line.refusals().length, line.timers], [1, 0]);
  });

  it('refuses it in time also when it may send little', async () => {
    const read = (offset: number, length: number) =>
      offset === 7 ? 'coming' : whole.read(offset, length);
    start({ size: SIZE, read }, { maxUploadBytesPerSecond: 1_000 });
    uploads.request(1n, request(1, 7));
    // After its first fragment nothing may be sent for 3 s.
    uploads.request(2n, request(2, 0, 60_000));
    await line.run(2 * COMING_MS + 5);
    assert.deepEqual(line.refusals(), [[1, RefuseReason.BUSY]]);
  });

  it('lets few requests of one peer wait so', () => {
    start({ size: SIZE, read: () => 'coming' });
    for (let id = 1; id <= MAX_COMING + 3; id++) uploads.request(1n, request(id, id));
    const late = [1, 2, 3].map((n) => [MAX_COMING + n, RefuseReason.BUSY]);
    assert.deepEqual(line.refusals(), late);
    uploads.ready();
    assert.deepEqual(line.refusals(), late);
  });

  it('refuses what does not come soon as busy, and what is not coming at once', async () => {
    let state: 'coming' | 'busy' | undefined = 'coming';
    start({ size: SIZE, read: () => state });
    uploads.request(1n, request(1));
    await line.run(COMING_MS / 2);
    uploads.ready();
    await line.run(COMING_MS / 2 - 5);
    assert.deepEqual(line.refusals(), []);
    await line.run(COMING_MS + 5);
    uploads.request(1n, request(2));
    state = 'busy';
    uploads.ready();
    uploads.request(2n, request(3));
    state = undefined;
    uploads.request(3n, request(4));
    const { BUSY, NOT_HELD } = RefuseReason;
    const refusals = [BUSY, BUSY, BUSY, NOT_HELD].map((reason, i) => [i + 1, reason]);
    assert.deepEqual(line.refusals(), refusals);
    await line.run(COMING_MS);
    assert.equal(line.timers, 0);
  });

  describe('while others wait for a range of a manifest', () => {
    const content = { algorithm: HashAlgorithm.MANIFEST_SHA256, digest: new Uint8Array(32) };
    let lastId = 0;
    const ask = (peer: bigint, offset: number, length = 60_000) => {
      uploads.request(peer, { ...request(++lastId, offset, length), content });
      return lastId;
    };

    beforeEach(async () => {
      start(whole, undefined, contentKey(content));
      lastId = 0;
      for (const peer of [1n, 2n, 3n, 4n, 5n]) ask(peer, 0);
      assert.deepEqual(line.refusals(), [], 'it is not known yet how long they wait');
      await line.run(QUIET_MS / 2);
    });

    it('sends peers elsewhere, but not for ever', async () => {
      const ids = [1n, 2n, 3n, 4n].map((peer) => ask(peer, 16_384, 65_536));
      const refused = ids.slice(MIN_COPIES).map((id) => [id, RefuseReason.BUSY]);
      assert.deepEqual(line.refusals(), refused);
      ask(3n, 500, 65_536);
      for (let n = 1; n < MAX_BUSY; n++) ask(4n, 16_384, 65_536);
      const count = refused.length + MAX_BUSY - 1;
      assert.equal(line.refusals().length, count, 'another range is another matter');
      const waits = ask(4n, 16_384, 65_536);
      await line.run(5_000);
      assert.equal(line.refusals().length, count);
      for (const [peer, id] of [
        [1n, ids[0]],
        [2n, ids[1]],
        [4n, waits],
      ] as const)
        assert.deepEqual(line.bytes(peer, id as number), file.subarray(16_384, 16_384 + 65_536));
    });

    it('lets in all of a long chunk that is asked for in parts, in the end', () => {
      const parts = (peer: bigint) => [0, 60_000, 120_000].map((offset) => ask(peer, offset));
      for (const peer of [1n, 2n]) parts(peer);
      let tries = 0;
      for (let before = -1; before !== line.refusals().length && tries < 10; tries++) {
        before = line.refusals().length;
        // As the engine does when any part is refused.
        for (const id of parts(3n)) if (before !== line.refusals().length) uploads.cancel(3n, id);
      }
      assert.ok(tries > 1 && tries <= MAX_BUSY + 1, `${tries} tries`);
    });

    it('does not for what one asks for in advance, or one that takes nothing', async () => {
      line.line(4n).rate = line.line(5n).rate = 0;
      for (const peer of [4n, 5n]) ask(peer, 8);
      await line.run(3_000);
      for (const peer of [4n, 5n]) ask(peer, 9);
      for (let n = 1; n < 64; n++) ask(1n, n);
      const ids = (
        [
          [2n, 9],
          [2n, 40],
          [3n, 40],
          [6n, 40],
        ] as const
      ).map(([peer, offset]) => ask(peer, offset));
      assert.deepEqual(line.refusals(), [[ids[3], RefuseReason.BUSY]], 'two wait for it');
    });

    it('sends nobody elsewhere for what is verified as a whole', () => {
      start();
      for (let peer = 1n; peer < 20n; peer++) uploads.request(peer, request(1, 0, 60_000));
      assert.deepEqual(line.refusals(), []);
    });
  });

  it('does not serve a peer that takes tiny messages only', () => {
    line.maxFragment = MIN_FRAGMENT_BYTES - 1;
    uploads.request(1n, request(1));
    assert.deepEqual(line.refusals(), [[1, RefuseReason.NOT_SERVING]]);
  });

  it('refuses more open requests than one peer may have, and an id that is open', () => {
    line.line(1n).rate = 0;
    uploads.request(1n, request(1, 0, SIZE));
    for (let id = 2; id <= MAX_OPEN_REQUESTS + 1; id++) assert.ok(uploads.request(1n, request(id)));
    assert.deepEqual(line.refusals(), [[MAX_OPEN_REQUESTS + 1, RefuseReason.BUSY]]);
    assert.equal(uploads.request(1n, request(1)), false);
    assert.equal(uploads.request(1n, request(MAX_OPEN_REQUESTS)), false);
  });

  it('does not send what was cancelled while it waited, was read, or was under way', async () => {
    let finish = () => {};
    start({
      size: SIZE,
      read: (offset, length) =>
        offset === 7
          ? new Promise((resolve) => {
              finish = () => resolve(file.slice(7, 7 + length));
            })
          : whole.read(offset, length),
    });
    uploads.request(1n, request(1, 0, SIZE));
    uploads.request(1n, request(2));
    uploads.request(1n, request(3));
    uploads.cancel(1n, 2);
    uploads.cancel(1n, 77);
    await line.run(200);
    uploads.cancel(1n, 1);
    const before = sizes().length;
    await line.run(2_000);
    assert.deepEqual(sizes().slice(before), [1000], 'nothing but request 3');
    assert.equal(line.bytes(1n, 3).length, 1000);
    uploads.request(1n, request(4, 7));
    uploads.request(1n, request(5));
    uploads.cancel(1n, 4);
    finish();
    await line.run(100);
    assert.equal(line.bytes(1n, 4).length, 0);
    assert.equal(line.bytes(1n, 5).length, 1000);
  });

  it('sends nothing more to a peer that is gone, and goes on with the others', async () => {
    for (const peer of [1n, 2n, 3n]) uploads.request(peer, request(1, 0, SIZE));
    line.gone.add(1n);
    uploads.closed(2n);
    const before = line.sent.length;
    await line.run(2_000);
    assert.deepEqual(line.bytes(3n, 1), file);
    assert.ok(line.sent.slice(before).every(({ peer }) => peer === 3n));
  });

  it('keeps to its upload limit', async () => {
    start(whole, { maxUploadBytesPerSecond: 20_000 });
    for (const peer of [1n, 2n]) uploads.request(peer, request(1, 0, SIZE));
    for (let second = 1; second <= 18; second++) {
      await line.run(1_000);
      const most = 20_000 * (second + 1) + FRAGMENT_BYTES;
      assert.ok(uploads.bytes <= most, `${uploads.bytes} bytes after ${second} s`);
      assert.ok(uploads.bytes >= 20_000 * second, `${uploads.bytes} bytes after ${second} s`);
    }
    await line.run(5_000);
    assert.equal(uploads.bytes, 2 * SIZE);
  });

  it('serves nobody on mobile data, from the moment the visitor changes to it', async () => {
    const told: boolean[] = [];
    start(whole, { onServing: (serving) => told.push(serving) });
    const become = (type: string) => {
      Object.assign(line.network, { type });
      line.network.dispatchEvent(new Event('change'));
    };
    assert.equal(uploads.serving, true);
    uploads.request(1n, request(1, 0, SIZE));
    uploads.request(1n, request(2));
    become('cellular');
    assert.equal(uploads.serving, false);
    await line.run(1_000);
    uploads.request(1n, request(3));
    assert.deepEqual(
      line.refusals(),
      [1, 2, 3].map((id) => [id, RefuseReason.NOT_SERVING]),
    );
    become('bluetooth');
    become('wifi');
    uploads.request(1n, request(4));
    await line.run(100);
    assert.equal(line.bytes(1n, 4).length, 1000);
    assert.deepEqual(told, [false, true]);
    uploads.close();
    become('cellular');
    assert.deepEqual(told, [false, true]);
  });
});

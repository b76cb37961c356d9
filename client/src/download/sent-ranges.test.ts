import assert from 'node:assert/strict';
import type { ContentId } from '@zauberflote/proto';
import { contentKey, HashAlgorithm, MAX_REQUEST_BYTES } from '@zauberflote/proto';
import { MAX_COUNTED_RANGES, SentRanges } from './sent-ranges.ts';
import { TestUplink } from './test-uplink.ts';
import { Uploads } from './uploads.ts';

const MANIFEST: ContentId = {
  algorithm: HashAlgorithm.MANIFEST_SHA256,
  digest: new Uint8Array(32),
};
const WHOLE: ContentId = { algorithm: HashAlgorithm.SHA256, digest: new Uint8Array(32) };
const OTHER: ContentId = { ...MANIFEST, digest: new Uint8Array(32).fill(1) };
const LENGTH = 16_384;
const PEERS = [1n, 2n, 3n, 4n];
const CHUNKS = 8;

describe('SentRanges', () => {
  const range = (content: ContentId, chunk: number, length: number) => ({
    requestId: chunk + 1,
    content,
    offset: BigInt(chunk * length),
    length,
  });

  /** One who has everything, on 250 KB/s. */
  const seed = () => {
    const line = new TestUplink();
    const file = { size: 2 ** 30, read: (_: number, length: number) => new Uint8Array(length) };
    const uploads = new Uploads(line.connections, () => file, line.platform);
    line.onWritable = () => uploads.writable();
    line.onReceived = (peer, bytes) => uploads.received(peer, bytes);
    let requestId = 0;
    const ask = (peer: bigint, content: ContentId, chunk: number) => {
      uploads.request(peer, { ...range(content, chunk, LENGTH), requestId: ++requestId });
      return requestId;
    };
    return { line, uploads, ask };
  };

  /** Who gets which chunk, in the order in which they are sent, when all ask for all in the same order. */
  const served = async (content: ContentId, length: number) => {
    const line = new TestUplink();
    line.rate = length / 50;
    const size = CHUNKS * length;
    const uploads = new Uploads(
      line.connections,
      (key) =>
        key === contentKey(content) ? { size, read: () => new Uint8Array(length) } : undefined,
      line.platform,
    );
    line.onWritable = () => uploads.writable();
    line.onReceived = (peer, bytes) => uploads.received(peer, bytes);
    for (const peer of PEERS)
      for (let chunk = 0; chunk < CHUNKS; chunk++)
        uploads.request(peer, range(content, chunk, length));
    await line.run(60 * CHUNKS * PEERS.length);
    uploads.close();
    return line.sent.flatMap(({ peer, body }) =>
      body?.case === 'fragment' && !body.value.offset
        ? [{ peer, chunk: body.value.requestId! - 1 }]
        : [],
    );
  };

  it('send first what went out least, so that all of it is soon among those who ask', async () => {
    const sent = await served(MANIFEST, 16_384);
    // The first of each was the only one that it had asked for then.
    const first = sent.slice(0, PEERS.length + CHUNKS - 1);
    assert.equal(new Set(first.map(({ chunk }) => chunk)).size, CHUNKS);
    assert.equal(sent.length, PEERS.length * CHUNKS, 'all get all');
  });

  it('keep to the order of the requests for what is of use as a whole only', async () => {
    for (const [content, length] of [
      [WHOLE, 16_384],
      [MANIFEST, MAX_REQUEST_BYTES],
    ] as const) {
      const sent = await served(content, length);
      for (const peer of PEERS)
        assert.deepEqual(
          sent.filter((one) => one.peer === peer).map(({ chunk }) => chunk),
          Array.from({ length: CHUNKS }, (_, chunk) => chunk),
        );
    }
  });

  it('are forgotten, the oldest first, when there are too many, as nobody need ask for chunks', () => {
    const ranges = new SentRanges();
    const of = (chunk: number) => ranges.of('key', range(MANIFEST, chunk, 1));
    const [first, second] = [of(0), of(1)];
    for (let chunk = 2; chunk < MAX_COUNTED_RANGES; chunk++) of(chunk);
    assert.equal(of(0), first);
    of(MAX_COUNTED_RANGES);
    assert.equal(of(1), second);
    assert.notEqual(of(0), first);
  });

  it('let no request wait for ever, whatever else its peer asks for', async () => {
    for (const [mine, others, wasSent] of [
      [MANIFEST, MANIFEST, true],
      [MANIFEST, MANIFEST, false],
      [MANIFEST, OTHER, true],
      [MANIFEST, WHOLE, true],
      [WHOLE, MANIFEST, true],
    ] as const) {
      const { line, uploads, ask } = seed();
      if (wasSent) ask(1n, mine, 0);
      await line.run(1_000);
      let next = 1;
      const more = () => ask(2n, others, next++);
      for (let n = 0; n < 4; n++) more();
      const waits = ask(2n, mine, 0);
      const before = () => line.sent.filter(({ body }) => body?.case === 'fragment').length;
      const from = before();
      // Two others are asked for while one is sent.
      for (let passed = 0; line.bytes(2n, waits).length === 0; passed++) {
        assert.ok(passed < 40, `${before() - from} fragments of others`);
        for (let n = 0; n < 2; n++) more();
        await line.run(LENGTH / line.rate);
      }
      uploads.close();
    }
  });

  it('are chosen from the content that was asked for first', async () => {
    const { line, uploads, ask } = seed();
    ask(1n, MANIFEST, 0);
    await line.run(1_000);
    for (let chunk = 1; chunk < 5; chunk++) ask(2n, OTHER, chunk);
    const first = ask(2n, MANIFEST, 0);
    const second = ask(2n, OTHER, 9);
    await line.run(5_000);
    const came = line.arrived.map(({ requestId }) => requestId);
    assert.ok(came.indexOf(first) < came.indexOf(second), 'though it was sent before');
    uploads.close();
  });

  it('count what was sent, not what was asked for, taken back, or only begins there', async () => {
    const { line, uploads, ask } = seed();
    uploads.request(3n, { ...range(MANIFEST, 0, LENGTH), requestId: 99, length: 1 });
    // Of these the last do not have their turn yet.
    const asked = [20, 21, 22, 23, 24, 2].map((chunk) => ask(4n, MANIFEST, chunk));
    for (const id of asked) uploads.cancel(4n, id);
    await line.run(1_000);
    ask(1n, MANIFEST, 5);
    await line.run(1_000);
    // The first go out at once, the others by what was sent.
    const ids = [9, 10, 11, 12, 5, 0, 2].map((chunk) => ask(2n, MANIFEST, chunk));
    await line.run(5_000);
    const begun = line.sent.flatMap(({ peer, body }) =>
      peer === 2n && body?.case === 'fragment' && !body.value.offset ? [body.value.requestId] : [],
    );
    assert.deepEqual(new Set(begun), new Set(ids));
    assert.equal(begun.at(-1), ids[4], 'the one that was sent comes last');
    uploads.close();
  });
});

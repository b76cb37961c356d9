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
const PEERS = [1n, 2n, 3n, 4n];
const CHUNKS = 8;

describe('SentRanges', () => {
  const range = (content: ContentId, chunk: number, length: number) => ({
    requestId: chunk + 1,
    content,
    offset: BigInt(chunk * length),
    length,
  });

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

  it('are forgotten when there are too many, as nobody need ask for chunks', () => {
    const ranges = new SentRanges();
    const first = ranges.of(range(MANIFEST, 0, 1));
    first.copies++;
    for (let chunk = 1; chunk < MAX_COUNTED_RANGES; chunk++) ranges.of(range(MANIFEST, chunk, 1));
    assert.equal(ranges.of(range(MANIFEST, 0, 1)), first);
    ranges.of(range(MANIFEST, MAX_COUNTED_RANGES, 1));
    assert.equal(ranges.of(range(MANIFEST, 0, 1)).copies, 0);
  });
});

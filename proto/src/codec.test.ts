import assert from 'node:assert/strict';
import type { SessionRequestBody } from './index.ts';
import {
  checkContentId,
  decodeNodeMessage,
  decodePeerMessage,
  decodeSessionRequest,
  decodeSessionResponse,
  ErrorCode,
  encodePeerMessage,
  encodeSessionRequest,
  encodeSessionResponse,
  HashAlgorithm,
  MAX_CHUNK_BYTES,
  MAX_CHUNKS,
  MAX_CHUNKS_PER_GOT,
  MAX_FRAGMENT_BYTES,
  MAX_HOLDERS_PER_SWARM,
  MAX_IDS_PER_MESSAGE,
  MAX_NODE_MESSAGE_BYTES,
  MAX_PEER_MESSAGE_BYTES,
  MAX_RAW_SDP_BYTES,
  MAX_REQUEST_BYTES,
  MAX_SESSION_MESSAGE_BYTES,
  MAX_SESSION_RESPONSE_BYTES,
  ProtocolError,
} from './index.ts';

/** The `n`th content id with the longest digest. */
function longId(n: number) {
  const digest = new Uint8Array(64);
  new DataView(digest.buffer).setUint32(0, n);
  return { algorithm: HashAlgorithm.SHA512, digest };
}

function refuses(code: ErrorCode, message: RegExp, call: () => unknown): void {
  assert.throws(call, (error) => {
    assert(error instanceof ProtocolError);
    assert.equal(error.name, 'ProtocolError');
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });
}

const offer = (rawSdp: string): SessionRequestBody => ({
  case: 'signal',
  value: { peerId: 1n, attempt: 1, body: { case: 'offer', value: { rawSdp } } },
});

describe('codec', () => {
  it('reads what it writes', () => {
    const want = decodeSessionRequest(
      encodeSessionRequest({ case: 'want', value: { contents: [longId(1)], maxPeers: 3 } }),
    );
    assert(want.body.case === 'want');
    assert.equal(want.body.value.maxPeers, 3);
    assert.deepEqual(want.body.value.contents[0]?.digest, longId(1).digest);

    const welcome = decodeSessionResponse(
      encodeSessionResponse({ case: 'welcome', value: { peerId: 2n ** 64n - 1n } }),
    );
    assert(welcome.body.case === 'welcome');
    assert.equal(welcome.body.value.peerId, 2n ** 64n - 1n);

    const cancel = decodePeerMessage(
      encodePeerMessage({ case: 'cancel', value: { requestId: 9 } }),
    );
    assert(cancel.body.case === 'cancel');
    assert.equal(cancel.body.value.requestId, 9);
  });

  it('keeps the largest fragment within a peer message, and its data a view on the frame', () => {
    const data = new Uint8Array(MAX_FRAGMENT_BYTES).map((_, i) => i);
    const frame = encodePeerMessage({
      case: 'fragment',
      value: { requestId: 2 ** 32 - 1, offset: MAX_REQUEST_BYTES - data.length, data },
    });
    assert(frame.length <= MAX_PEER_MESSAGE_BYTES);
    const { body } = decodePeerMessage(frame);
    assert(body.case === 'fragment');
    assert.deepEqual(body.value.data, data);
    assert.equal(body.value.data.buffer, frame.buffer);
    frame[frame.length - 1]! ^= 0xff;
    assert.equal(body.value.data.at(-1), frame.at(-1));
  });

  it('reads a frame that is itself a view, and nothing around it', () => {
    const frame = encodePeerMessage({
      case: 'fragment',
      value: { requestId: 1, data: Uint8Array.of(1, 2, 3) },
    });
    const memory = new Uint8Array(frame.length + 20).fill(0xff);
    memory.set(frame, 10);
    const { body } = decodePeerMessage(memory.subarray(10, 10 + frame.length));
    assert(body.case === 'fragment');
    assert.deepEqual([...body.value.data], [1, 2, 3]);
    assert.equal(body.value.data.buffer, memory.buffer);
    for (let length = 1; length < frame.length; length++)
      refuses(ErrorCode.MALFORMED, /./, () => decodePeerMessage(memory.subarray(10, 10 + length)));
  });

  it('has room for as many ids, holders and SDP as are allowed', () => {
    const ids = Array.from({ length: MAX_IDS_PER_MESSAGE }, (_, i) => longId(i));
    const have = encodeSessionRequest({
      case: 'have',
      value: { holdings: ids.map((content) => ({ content, size: 2n ** 53n - 1n })) },
    });
    assert(have.length <= MAX_SESSION_MESSAGE_BYTES);
    decodeSessionRequest(have);

    const holders = Array.from({ length: MAX_HOLDERS_PER_SWARM }, (_, i) => ({
      peerId: 2n ** 64n - 1n - BigInt(i),
      size: 2n ** 53n - 1n,
      partial: true,
    }));
    const total = 2 ** 32 - 1;
    const swarms = ids.map((content) => ({
      content,
      holders,
      totalHolders: total,
      totalPartial: total,
    }));
    const peers = encodeSessionResponse({ case: 'peers', value: { swarms } });
    assert(peers.length > MAX_SESSION_MESSAGE_BYTES, 'a limit of requests would not do');
    assert(peers.length <= MAX_SESSION_RESPONSE_BYTES);
    decodeSessionResponse(peers);

    decodeSessionRequest(encodeSessionRequest(offer('v'.repeat(MAX_RAW_SDP_BYTES))));
  });

  it('has room for as many chunks as are allowed', () => {
    const content = longId(1);
    const bitfield = new Uint8Array(MAX_CHUNKS / 8).fill(255);
    const chunks = Array.from({ length: MAX_CHUNKS_PER_GOT }, (_, i) => MAX_CHUNKS - 1 - i);
    for (const body of [
      { case: 'holdings', value: { content, bitfield } },
      { case: 'got', value: { content, chunks } },
      { case: 'coming', value: { content, chunks } },
    ] as const)
      assert.equal(decodePeerMessage(encodePeerMessage(body)).body.case, body.case);
    // A lease may name what is needed, and that it has fetched a quarter of it since.
    const fetched = Array.from({ length: MAX_CHUNKS / 4 }, (_, i) => i * 4);
    const value = { content, unitBytes: MAX_CHUNK_BYTES, needed: bitfield, fetched };
    decodeSessionRequest(encodeSessionRequest({ case: 'lease', value }));
  });

  it('says which rule of chunks and leases was broken', () => {
    const content = longId(1);
    const lease = (changes: object) => () =>
      decodeSessionRequest(
        encodeSessionRequest({ case: 'lease', value: { content, unitBytes: 1, ...changes } }),
      );
    lease({})();
    refuses(ErrorCode.MALFORMED, /^unit_bytes 0 is not within 1 to/, lease({ unitBytes: 0 }));
    refuses(ErrorCode.MALFORMED, /^more than 65536 units/, lease({ wanted: MAX_CHUNKS + 1 }));
    refuses(ErrorCode.MALFORMED, /^more than 65536 units/, lease({ units: MAX_CHUNKS + 1 }));
    refuses(ErrorCode.MALFORMED, /^chunk 65536 is beyond/, lease({ returned: [MAX_CHUNKS] }));
    const needed = new Uint8Array(MAX_CHUNKS / 8 + 1);
    refuses(ErrorCode.MALFORMED, /^a bitfield of 8193 bytes/, lease({ needed }));
    refuses(ErrorCode.MALFORMED, /^0 chunks in a got/, () =>
      decodePeerMessage(encodePeerMessage({ case: 'got', value: { content } })),
    );
    refuses(ErrorCode.MALFORMED, /^a grant ends beyond/, () =>
      decodeSessionResponse(
        encodeSessionResponse({ case: 'grant', value: { content, first: MAX_CHUNKS, count: 1 } }),
      ),
    );
  });

  it('counts a raw SDP in bytes, not in characters', () => {
    decodeSessionRequest(encodeSessionRequest(offer('ä'.repeat(MAX_RAW_SDP_BYTES / 2))));
    refuses(ErrorCode.MALFORMED, /raw_sdp has more than 16384 bytes/, () =>
      decodeSessionRequest(encodeSessionRequest(offer(`${'ä'.repeat(MAX_RAW_SDP_BYTES / 2)}v`))),
    );
  });

  it('refuses a frame that is too large before it looks at it', () => {
    const decoders = [
      [decodeSessionRequest, MAX_SESSION_MESSAGE_BYTES],
      [decodeSessionResponse, MAX_SESSION_RESPONSE_BYTES],
      [decodePeerMessage, MAX_PEER_MESSAGE_BYTES],
      [decodeNodeMessage, MAX_NODE_MESSAGE_BYTES],
    ] as const;
    for (const [decode, limit] of decoders) {
      refuses(ErrorCode.TOO_LARGE, new RegExp(`${limit + 1} bytes.*${limit}`), () =>
        decode(new Uint8Array(limit + 1)),
      );
      refuses(ErrorCode.MALFORMED, /not a tag/, () => decode(new Uint8Array(limit)));
    }
  });

  it('refuses deeply nested groups without running out of stack', () => {
    const frame = new Uint8Array(MAX_SESSION_MESSAGE_BYTES).fill(0x7b);
    refuses(ErrorCode.MALFORMED, /wire type 3/, () => decodeSessionRequest(frame));
  });

  it('reads repeated numbers packed and one by one, as many as a frame holds', () => {
    const units = Array.from({ length: 20_000 }, (_, unit) => unit);
    const content = { algorithm: HashAlgorithm.SHA1, digest: new Uint8Array(20) };
    const value = { content, unitBytes: 1, fetched: units, returned: [7] };
    const packed = encodeSessionRequest({ case: 'lease', value });
    const { body } = decodeSessionRequest(packed);
    assert(body.case === 'lease');
    assert.deepEqual(body.value.fetched, units);
    // Fields of a later lease are added: 7 once more by itself, as protobuf 2 wrote it.
    const again = decodeSessionRequest(Uint8Array.of(...packed, 0x2a, 2, 0x38, 7));
    assert(again.body.case === 'lease');
    assert.deepEqual(again.body.value.returned, [7, 7]);
  });

  it('refuses fields of another wire type', () => {
    const chunksAsFixed32 = Uint8Array.of(0x32, 0x05, 0x15, 1, 0, 0, 0);
    refuses(ErrorCode.MALFORMED, /chunks has wire type 5/, () =>
      decodePeerMessage(chunksAsFixed32),
    );
    const cancelWithFixed32 = Uint8Array.of(0x12, 0x05, 0x0d, 1, 0, 0, 0);
    refuses(ErrorCode.MALFORMED, /requestId has wire type 5/, () =>
      decodePeerMessage(cancelWithFixed32),
    );
  });

  it('finds no body in unknown fields', () => {
    const message = decodeSessionRequest(Uint8Array.of(0xf8, 0x07, 1));
    assert.equal(message.body.case, undefined);
  });

  it('refuses to write what is no number of 64 bits', () => {
    for (const size of [-1n, 2n ** 64n])
      assert.throws(
        () => encodeSessionRequest({ case: 'have', value: { holdings: [{ size }] } }),
        RangeError,
      );
  });

  it('names the cause and the bound or the cure in its errors', () => {
    refuses(ErrorCode.MALFORMED, /^an empty message; set a body$/, () =>
      decodePeerMessage(new Uint8Array()),
    );
    const signal = (value: object) => () =>
      decodeSessionRequest(encodeSessionRequest({ case: 'signal', value }));
    const to = { peerId: 1n, attempt: 1 };
    refuses(ErrorCode.MALFORMED, /^peer_id is 0; it names the other peer$/, signal({}));
    refuses(ErrorCode.MALFORMED, /^attempt is 0; it counts from 1$/, signal({ peerId: 1n }));
    refuses(ErrorCode.MALFORMED, /without offer, answer, candidates or decline$/, signal(to));
    refuses(ErrorCode.MALFORMED, /^0 offers in a deposit, 1 to 4 are allowed$/, () =>
      decodeSessionRequest(encodeSessionRequest({ case: 'deposit', value: { offers: [] } })),
    );
    refuses(ErrorCode.MALFORMED, /^a content id is repeated; name each once$/, () =>
      decodeSessionRequest(
        encodeSessionRequest({ case: 'drop', value: { contents: [longId(1), longId(1)] } }),
      ),
    );
    refuses(ErrorCode.LIMIT_EXCEEDED, /^65 ids in one message, at most 64 are allowed$/, () =>
      decodeSessionRequest(
        encodeSessionRequest({
          case: 'drop',
          value: { contents: Array.from({ length: 65 }, (_, i) => longId(i)) },
        }),
      ),
    );
    const id = { algorithm: HashAlgorithm.SHA1, digest: new Uint8Array(32) };
    refuses(ErrorCode.MALFORMED, /^digest has 32 bytes instead of 20$/, () => {
      checkContentId(id);
      return id;
    });
    refuses(ErrorCode.MALFORMED, /^a content id is missing; content has to be set$/, () => {
      checkContentId(undefined);
      return undefined;
    });
  });
});

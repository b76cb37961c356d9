import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { SessionRequest } from '@zauberflote/proto';
import {
  contentKey,
  decodeSessionRequest,
  ErrorCode,
  encodeSessionRequest,
  MAX_SESSION_MESSAGE_BYTES,
  ProtocolError,
} from '@zauberflote/proto';
import fc from 'fast-check';
import { seeded } from '../../demo/random.ts';
import { anyBytes, fieldNoise, mutatedFrame, validFrame } from '../test-support/arbitraries.ts';
import { Client, openRaw } from '../test-support/client.ts';
import { FakeSocket } from '../test-support/fake-socket.ts';
import { have, want } from '../test-support/messages.ts';
import { SILENT } from '../test-support/silent.ts';
import { startTracker } from '../test-support/tracker.ts';
import { Counters } from './counters.ts';
import * as limits from './limits.ts';
import { Registry } from './registry/registry.ts';
import type { RunningTracker } from './server.ts';
import type { Socket } from './sessions.ts';
import { isCongested, Sessions } from './sessions.ts';

const random = seeded(20150101);
const registry = new Registry<Socket>({ isCongested });
const sessions = new Sessions({
  registry,
  random,
  counters: new Counters(),
  // Rates are not what is tried here.
  rates: { messagesPerSecond: 1e9, bytesPerSecond: 1e9, contentsPerSecond: 1e9 },
  now: () => 0,
  log: SILENT,
  onFault: (error) => {
    throw error;
  },
});
const join = () => {
  const socket = new FakeSocket();
  sessions.open(socket);
  const [welcome] = socket.take();
  assert.ok(welcome?.case === 'welcome');
  return { socket, id: welcome.value.peerId };
};
// Two that behave: contents 0 to 9 are held by one, and the other was told.
const holder = join();
const asker = join();
const ids = Array.from({ length: 10 }, (_, n) => n);
sessions.receive(holder.socket, encodeSessionRequest(have(ids)), true);
sessions.receive(asker.socket, encodeSessionRequest(want(ids)), true);
asker.socket.take();
const PEERS = [holder.id, asker.id, 1n];

/** What the codec, apart from any server, says about a frame. */
function judge(frame: Uint8Array): SessionRequest | number {
  try {
    return decodeSessionRequest(frame);
  } catch (error) {
    assert.ok(error instanceof ProtocolError, `the codec failed with ${error}`);
    return error.code;
  }
}

/** Sends frames from a new client; each must be handled as its verdict says. */
function handles(frames: readonly Uint8Array[]): void {
  const { socket, id } = join();
  let ended = false;
  for (const frame of frames) {
    const verdict = judge(frame);
    sessions.receive(socket, frame, true);
    const seen = socket.take();
    if (ended) {
      assert.deepEqual(seen, [], 'answered after its end');
    } else if (typeof verdict === 'number') {
      ended = true;
      const [error, ...rest] = seen;
      assert.ok(error?.case === 'error' && rest.length === 0);
      assert.equal(error.value.code, verdict);
      assert.deepEqual(socket.closedWith, { code: 4000 + verdict, reason: error.value.message });
    } else {
      assert.equal(socket.closedWith, undefined);
      checkReply(verdict, seen);
    }
  }
  // Those that behave hear of it only what may be relayed to them.
  for (const { socket } of [holder, asker])
    for (const heard of socket.take())
      assert.ok(heard.case === 'signal' && heard.value.peerId === id);
  sessions.closed(socket);
}

function checkReply({ body }: SessionRequest, seen: ReturnType<FakeSocket['take']>): void {
  if (body.case === 'want') {
    const [reply, ...rest] = seen;
    assert.ok(reply?.case === 'peers' && rest.length === 0);
    assert.deepEqual(
      reply.value.swarms.map(({ content }) => contentKey(content!)),
      body.value.contents.map((content) => contentKey(content)),
    );
  } else if (body.case === 'lease' && body.value.wanted > 0) {
    const [reply, ...rest] = seen;
    assert.ok(reply?.case === 'grant' && rest.length === 0);
    assert.equal(contentKey(reply.value.content!), contentKey(body.value.content!));
    assert.ok(reply.value.count <= body.value.wanted);
  } else if (body.case === 'signal') {
    // Relayed, or answered with Undeliverable.
    assert.ok(seen.every((reply) => reply.case === 'undeliverable') && seen.length <= 1);
  } else assert.deepEqual(seen, []);
}

/** That the two are as they were, and nothing of anybody else is kept. */
function undisturbed(): void {
  sessions.receive(asker.socket, encodeSessionRequest(want(ids)), true);
  const [reply] = asker.socket.take();
  assert.ok(reply?.case === 'peers');
  for (const swarm of reply.value.swarms)
    assert.deepEqual(
      swarm.holders.map(({ peerId }) => peerId),
      [holder.id],
    );
  assert.deepEqual(registry.stats(), {
    peers: 2,
    swarms: 10,
    holdings: 10,
    introductions: 1,
    attempts: 0,
    leases: 0,
    strangers: 0,
    guests: 0,
  });
}

describe('bad input: frames', () => {
  for (const { what, frame, numRuns } of [
    { what: 'random bytes', frame: anyBytes, numRuns: 15_000 },
    { what: 'noise in the shape of fields', frame: fieldNoise, numRuns: 20_000 },
    { what: 'mutated messages', frame: mutatedFrame(PEERS), numRuns: 25_000 },
  ])
    it(`${what} end the session that sends them with a code, or are valid; others go on`, () => {
      let bad = 0;
      fc.assert(
        fc.property(frame, (bytes) => {
          if (typeof judge(bytes) === 'number') bad++;
          handles([bytes]);
        }),
        { numRuns },
      );
      assert.ok(bad > numRuns / 4, `only ${bad} of ${numRuns} frames were bad`);
      undisturbed();
    });

  it('whole conversations of valid and invalid messages are handled the same way', () => {
    const frame = fc.oneof(
      { weight: 12, arbitrary: validFrame(PEERS) },
      { weight: 1, arbitrary: mutatedFrame(PEERS) },
    );
    fc.assert(fc.property(fc.array(frame, { maxLength: 12 }), handles), { numRuns: 2_000 });
    undisturbed();
  });

  it('a client that never stops announcing costs no more than its limits', () => {
    const { socket } = join();
    let next = 1_000;
    while (!socket.closedWith) {
      const frame = encodeSessionRequest(have(Array.from({ length: 64 }, () => next++)));
      sessions.receive(socket, frame, true);
      const { holdings } = registry.stats();
      assert.ok(holdings <= ids.length + limits.MAX_HOLDINGS_PER_PEER);
    }
    assert.equal(socket.closedWith.code, 4003);
    undisturbed();
  });
});

describe('bad input: real sockets', () => {
  let tracker: RunningTracker;
  let witness: Client;
  before(async () => {
    tracker = await startTracker({ port: 0, host: '127.0.0.1' });
    witness = await Client.open(tracker.url);
    witness.send(have(ids));
  });
  after(() => tracker.close());
  // The witness is served, and soon nothing but it is left.
  afterEach(async () => {
    do assert.equal((await witness.ask(want(ids))).case, 'peers');
    while (tracker.stats().peers > 1);
    assert.equal(tracker.stats().swarms, ids.length);
  });

  it('frames end their connection with a coded reason, or are valid', async () => {
    const frame = fc.oneof(anyBytes, fieldNoise, mutatedFrame(PEERS));
    await fc.assert(
      fc.asyncProperty(frame, fc.boolean(), async (bytes, binary) => {
        const client = await Client.open(tracker.url);
        const text = Buffer.from(bytes).toString('latin1');
        client.socket.send(binary ? bytes : text, { binary });
        // As UTF-8 it may be twice as long.
        const isTooLong = Buffer.byteLength(text) > MAX_SESSION_MESSAGE_BYTES;
        const ofText = isTooLong ? ErrorCode.TOO_LARGE : ErrorCode.MALFORMED;
        const verdict = binary ? judge(bytes) : ofText;
        if (typeof verdict === 'number') {
          assert.equal((await client.ended()).code, verdict);
        } else {
          // Still served: what comes next is the reply to this, or to what was valid before it.
          const last = await client.ask(want([77]));
          assert.notEqual(last.case, 'error');
          await client.leave();
        }
      }),
      {
        numRuns: 300,
        examples: [[new Uint8Array(40_000).fill(0x80), false]],
      },
    );
  });

  for (const { what, open } of [
    { what: 'in place of frames', open: () => openRaw(tracker.port) },
    {
      what: 'in place of a request',
      open: async () => {
        const socket = connect(tracker.port, '127.0.0.1');
        socket.on('error', () => {});
        await once(socket, 'connect');
        return socket;
      },
    },
  ])
    it(`bytes ${what} end their connection`, async () => {
      await fc.assert(
        fc.asyncProperty(anyBytes, async (bytes) => {
          const socket = await open();
          const closed = new Promise((resolve) => socket.once('close', resolve));
          socket.resume();
          socket.write(bytes);
          socket.end();
          await closed;
        }),
        { numRuns: 200 },
      );
    });
});

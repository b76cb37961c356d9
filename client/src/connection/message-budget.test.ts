import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import type { PeerMessageBody } from '@zauberflote/proto';
import { decodePeerMessage, encodePeerMessage, HashAlgorithm } from '@zauberflote/proto';
import {
  FAIR_FRAGMENT_BYTES,
  FLOOD_PAUSE_MS,
  HOLDINGS_COST,
  MessageBudget,
  SMALL_BURST,
  SMALL_PER_SECOND,
} from './message-budget.ts';
import { closeNodeWebRtc, nodePlatform } from './node-webrtc.ts';
import { TestNet } from './test-net.ts';

const content = { algorithm: HashAlgorithm.SHA1, digest: new Uint8Array(20) };
const fragment = (bytes: number): PeerMessageBody => ({
  case: 'fragment',
  value: { requestId: 1, offset: 0, data: new Uint8Array(bytes) },
});
const got: PeerMessageBody = { case: 'got', value: { content, chunks: [1] } };
const holdings: PeerMessageBody = {
  case: 'holdings',
  value: { content, size: 65_536n, chunkSize: 16_384, bitfield: Uint8Array.of(0x80) },
};
const request: PeerMessageBody = {
  case: 'request',
  value: { requestId: 1, content, offset: 0n, length: 16_384 },
};
const said = (bytes: number): PeerMessageBody => ({ case: 'received', value: { bytes } });
const received = (body: PeerMessageBody) => decodePeerMessage(encodePeerMessage(body));

/** How many of them are taken until one is too much; at most `most`. */
function taken(budget: MessageBudget, body: PeerMessageBody, now: number, most: number): number {
  const message = received(body);
  for (let count = 0; count < most; count++) if (!budget.take(message, now)) return count;
  return most;
}

describe('MessageBudget', () => {
  const plenty = 10 * SMALL_BURST;

  it('ends with a burst, and grows with time, up to another one', () => {
    const budget = new MessageBudget(1000);
    assert.equal(taken(budget, got, 1000, plenty), SMALL_BURST);
    assert.equal(taken(budget, got, 3000, plenty), 2 * SMALL_PER_SECOND - 1);
    assert.equal(taken(budget, got, 1e9, plenty), SMALL_BURST);
  });

  it('counts Holdings for more', () => {
    assert.equal(taken(new MessageBudget(0), holdings, 0, plenty), SMALL_BURST / HOLDINGS_COST);
  });

  it('counts fragments for less, the more they carry, and fair ones for nothing', () => {
    const count = (bytes: number) => {
      const budget = new MessageBudget(0);
      budget.sent({ case: 'request', value: { length: plenty * bytes } });
      return taken(budget, fragment(bytes), 0, plenty);
    };
    assert.equal(count(1), SMALL_BURST + 2);
    assert.equal(count(FAIR_FRAGMENT_BYTES / 2), 2 * SMALL_BURST);
    assert.equal(count(FAIR_FRAGMENT_BYTES), plenty);
    assert.equal(count(4 * FAIR_FRAGMENT_BYTES), plenty);
  });

  it('ends with more bytes than were asked for, on the whole', () => {
    const budget = new MessageBudget(0);
    for (let n = 0; n < 3; n++) budget.sent(request);
    assert.equal(taken(budget, fragment(8_192), 0, plenty), 6);
    assert.equal(taken(new MessageBudget(0), fragment(1), 0, plenty), 0);
  });

  it('is not used up by who asks for chunks and is given them', () => {
    const budget = new MessageBudget(0);
    for (let n = 0; n < plenty; n++) {
      assert.ok(budget.take(received(request), 0));
      budget.sent(fragment(16_384));
    }
  });

  it('is not used up by who sends what was asked for in small parts', () => {
    const budget = new MessageBudget(0);
    for (let n = 0; n < plenty; n++) {
      budget.sent(request);
      assert.ok(budget.take(received(fragment(1)), 0));
    }
  });

  it('is not used up by who says what came, as it should', () => {
    const budget = new MessageBudget(0);
    // It may come late, and all of it at once.
    for (let n = 0; n < plenty; n++) budget.sent(fragment(FAIR_FRAGMENT_BYTES));
    assert.equal(taken(budget, said(FAIR_FRAGMENT_BYTES), 0, plenty), plenty);
    assert.equal(taken(budget, said(FAIR_FRAGMENT_BYTES), 0, plenty), SMALL_BURST);
  });

  it('is used up by who says what cannot have come', () => {
    for (const bytes of [0, 1, FAIR_FRAGMENT_BYTES, 0xffff_ffff])
      assert.equal(taken(new MessageBudget(0), said(bytes), 0, plenty), SMALL_BURST);
  });

  it('is used up by who says it a byte at a time, or more than once', () => {
    for (const bytes of [1, 0xffff_ffff]) {
      const budget = new MessageBudget(0);
      budget.sent(fragment(65_536));
      const most = SMALL_BURST + 65_536 / FAIR_FRAGMENT_BYTES;
      const count = taken(budget, said(bytes), 0, plenty);
      assert.ok(count >= SMALL_BURST && count <= most, `${count} of ${most}`);
    }
  });

  it('is no larger for who says much at once', () => {
    const budget = new MessageBudget(0);
    for (let n = 0; n < plenty; n++) budget.sent(fragment(FAIR_FRAGMENT_BYTES));
    assert.ok(budget.take(received(said(0xffff_ffff)), 0));
    assert.equal(taken(budget, got, 0, plenty), SMALL_BURST);
  });

  it('is used up by who asks for a byte at a time', () => {
    const budget = new MessageBudget(0);
    const [asked, byte] = [received(request), fragment(1)];
    let count = 0;
    while (count < plenty && budget.take(asked, 0)) {
      budget.sent(byte);
      count++;
    }
    assert.equal(count, SMALL_BURST + 2);
  });

  it('is not larger for who was given much', () => {
    const budget = new MessageBudget(0);
    for (let n = 0; n < plenty; n++) budget.sent(fragment(FAIR_FRAGMENT_BYTES));
    assert.equal(taken(budget, got, 0, plenty), SMALL_BURST);
  });
});

describe('a peer that floods, over real WebRTC', () => {
  const [A, B] = [100n, 50n];
  let net: TestNet;
  /** A's clock. */
  let now: number;

  beforeEach(() => {
    now = 0;
    net = new TestNet();
  });
  afterEach(() => net.close());
  after(() => closeNodeWebRtc());

  /** B sends so many to A, whose clock stands still. */
  async function flood(body: PeerMessageBody, count: number) {
    const a = net.peer(A, {}, { ...nodePlatform(), now: () => now });
    const b = net.peer(B);
    b.connections.connect(A);
    await Promise.all([a.opened(B), b.opened(A)]);
    let heard = 0;
    a.onMessage = () => heard++;
    // Not all at once: the sender would be cut off by its own limit of what may wait.
    for (let sent = 0; sent < count && b.connections.isOpen(A); sent++) {
      b.connections.send(A, body);
      if (sent % 64 === 0) await turn();
    }
    await a.until(() => heard >= count || !a.connections.isOpen(B));
    return { isOpen: a.connections.isOpen(B), heard, a, b };
  }

  const floods = { 'fragments nobody asked for': fragment(4_096), Holdings: holdings, Got: got };
  for (const [name, body] of Object.entries(floods))
    it(`with ${name} is disconnected, and may come again when it has saved that up`, async () => {
      const { heard, a, b } = await flood(body, 2 * SMALL_BURST);
      assert.deepEqual([await a.closed(B), await b.closed(A)], ['lost', 'lost']);
      assert.ok(heard <= SMALL_BURST + 2, `${heard} were handled`);
      a.told.length = b.told.length = 0;
      now += FLOOD_PAUSE_MS - 1;
      a.connections.connect(B);
      b.connections.connect(A);
      assert.deepEqual([await a.closed(B), await b.closed(A)], ['unreachable', 'busy']);
      now++;
      a.connections.connect(B);
      await a.opened(B);
    });
});

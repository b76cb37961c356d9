import assert from 'node:assert/strict';
import type { Signal } from '@zauberflote/proto';
import { DeclineReason, HashAlgorithm } from '@zauberflote/proto';
import type { Platform } from '../platform.ts';
import { DEPOSIT_GATHER_MS, DEPOSIT_MS, ICE_LOOK_MS } from './attempt.ts';
import { DEPOSITS, FILL_MS } from './deposits.ts';
import { DEPOSITED_MS, MAX_LEFT_OFFERS } from './left-offers.ts';
import { closeNodeWebRtc, nodePlatform } from './node-webrtc.ts';
import { manualTimers, TestNet, type TestPeer } from './test-net.ts';

const A = 100n;
const B = 50n;
const C = 70n;

describe('offers left with the tracker, over real WebRTC', () => {
  let net: TestNet;

  beforeEach(() => {
    net = new TestNet();
  });
  afterEach(() => net.close());
  after(() => closeNodeWebRtc());

  const leftBy = (id: bigint) => net.deposits.filter(({ from }) => from === id).length;

  /** Has its offers made at once: tests do not wait. */
  function hurried(): Platform {
    const platform = nodePlatform();
    const { setTimer } = platform;
    return { ...platform, setTimer: (ms, run) => setTimer(ms === FILL_MS ? 0 : ms, run) };
  }

  /** Connected once, so that it knows of peers, and waiting for newcomers. */
  async function holder(id: bigint, options = {}): Promise<TestPeer> {
    const peer = net.peer(id, options, hurried());
    const other = net.peer(1000n + id);
    other.connections.connect(id);
    await Promise.all([other.opened(id), peer.opened(1000n + id)]);
    other.connections.close();
    await peer.closed(1000n + id);
    peer.connections.welcome(true);
    await peer.until(() => leftBy(id) === DEPOSITS);
    return peer;
  }

  it('are none before a peer was heard of, nor where nobody is expected', async () => {
    const { platform, fire } = manualTimers(nodePlatform());
    const a = net.peer(A, {}, platform);
    a.connections.welcome(true);
    assert.ok(fire(FILL_MS));
    a.connections.welcome(false);
    net.peer(B).connections.connect(A);
    await a.opened(B);
    assert.ok(!fire(FILL_MS));
    assert.equal(a.pcs.length, 1);
    assert.equal(net.deposits.length, 0);
  });

  it('are not made while there is something better to do', async () => {
    const { platform, fire } = manualTimers(nodePlatform());
    const a = net.peer(A, {}, platform);
    net.peer(B).connections.connect(A);
    await a.opened(B);
    a.connections.welcome(true);
    a.connections.welcome(true);
    assert.equal(a.pcs.length, 1);
    assert.ok(fire(FILL_MS));
    assert.equal(a.pcs.length, 1 + DEPOSITS);
    a.connections.welcome(true);
    assert.ok(!fire(FILL_MS), 'none is missing');
    a.signaling.trackerState('waiting');
    a.connections.welcome(true);
    a.connections.welcome(false);
    assert.ok(!fire(FILL_MS), 'there is something to download');
    a.connections.welcome(true);
    a.connections.close();
    assert.ok(!fire(FILL_MS));
  });

  it('are answered together with a request, which is the first that the holder hears', async () => {
    const a = await holder(A);
    const b = net.peer(B);
    const content = { algorithm: HashAlgorithm.SHA1, digest: new Uint8Array(20) };
    const first = { requestId: 1, content, offset: 9n, length: 7 };
    b.first = first;
    assert.equal(net.give(b, A).description!.takesRequest, true);
    const opened = b.opened(A).then(() => {
      b.connections.send(A, { case: 'request', value: { ...first, requestId: 2 } });
    });
    b.connections.connect(A);
    await a.until(() => a.messages.length === 2);
    await opened;
    assert.deepEqual(
      a.messages.map(
        (body) => body.case === 'request' && [body.value.requestId, body.value.offset],
      ),
      [
        [1, 9n],
        [2, 9n],
      ],
    );
    assert.deepEqual(b.told, [{ is: 'open', peer: A, hasAsked: true }]);
    const data = Uint8Array.of(1, 2, 3, 4, 5, 6, 7);
    for (const requestId of [1, 2])
      assert.ok(a.connections.send(B, { case: 'fragment', value: { requestId, data } }));
    // Bytes that nobody asked for would end the connection.
    await b.until(() => b.messages.length === 2);
    assert.ok(b.connections.isOpen(A));
    assert.deepEqual(a.told.at(-1), { is: 'open', peer: B });
  });

  it('connect a newcomer with its answer alone, and are replaced', async () => {
    const a = await holder(A);
    const b = net.peer(B);
    const offer = net.give(b, A);
    assert.equal(offer.description!.candidates.length, 0, 'as with all offers of Node');
    b.connections.connect(A);
    await Promise.all([a.opened(B), b.opened(A)]);
    assert.deepEqual(net.sent(B), ['answer']);
    assert.ok(!net.sent(A).includes('offer'));
    await a.until(() => leftBy(A) === DEPOSITS);
    const attempts = net.deposits.map((deposit) => deposit.offer.attempt);
    assert.ok(
      attempts.every((attempt) => attempt !== offer.attempt),
      'each is used once',
    );
  });

  it('are not made anew when newcomers are no longer expected', async () => {
    const a = await holder(A);
    a.connections.welcome(false);
    const b = net.peer(B);
    net.give(b, A);
    b.connections.connect(A);
    await Promise.all([a.opened(B), b.opened(A)]);
    const made = a.pcs.length;
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(a.pcs.length, made);
  });

  it('of both sides at once become one connection', async () => {
    const a = await holder(A);
    const b = await holder(B);
    net.give(a, B);
    net.give(b, A);
    a.connections.connect(B);
    b.connections.connect(A);
    await Promise.all([a.opened(B), b.opened(A)]);
    a.connections.send(B, { case: 'cancel', value: { requestId: 1 } });
    await b.until(() => b.messages.length === 1);
    b.connections.send(A, { case: 'cancel', value: { requestId: 2 } });
    await a.until(() => a.messages.length === 1);
    for (const peer of [a, b])
      assert.ok(
        !peer.told.some((told) => told.is === 'close' && (told.peer === A || told.peer === B)),
      );
  });

  it('give way to an offer that was sent meanwhile', async () => {
    const a = await holder(A);
    const b = net.peer(B);
    net.give(b, A);
    a.connections.connect(B);
    b.connections.connect(A);
    await Promise.all([a.opened(B), b.opened(A)]);
    a.connections.send(B, { case: 'cancel', value: { requestId: 1 } });
    await b.until(() => b.messages.length === 1);
  });

  it('are declined when there is no room, and the newcomer hears of it', async () => {
    const a = await holder(A, { maxIncoming: 1 });
    const c = net.peer(C);
    c.connections.connect(A);
    await a.opened(C);
    const b = net.peer(B);
    net.give(b, A);
    b.connections.connect(A);
    assert.equal(await b.closed(A), 'busy');
  });

  it('are not made by who has no room', async () => {
    const a = await holder(A, { maxIncoming: 1 });
    net.deposits.length = 0;
    const b = net.peer(B);
    b.connections.connect(A);
    await a.opened(B);
    a.signaling.trackerState('waiting');
    const before = a.pcs.length;
    a.connections.welcome(true);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(a.pcs.length, before);
  });

  it('are made when there is room again', async () => {
    const { platform, fire } = manualTimers(nodePlatform());
    const a = net.peer(A, { maxIncoming: 1 }, platform);
    const b = net.peer(B);
    b.connections.connect(A);
    await a.opened(B);
    a.connections.welcome(true);
    assert.ok(fire(FILL_MS));
    assert.equal(a.pcs.length, 1, 'there is none');
    b.connections.disconnect(A, 'closed');
    await a.closed(B);
    assert.ok(fire(FILL_MS));
    assert.equal(a.pcs.length, 1 + DEPOSITS);
    a.connections.close();
    assert.ok(!fire(FILL_MS));
  });

  it('are not made while the tracker is away, but when it is back', async () => {
    const { platform, fire } = manualTimers(nodePlatform());
    const a = net.peer(A, {}, platform);
    net.peer(B).connections.connect(A);
    await a.opened(B);
    a.isAway = true;
    a.connections.welcome(true);
    assert.ok(fire(FILL_MS));
    assert.equal(a.pcs.length, 1);
    a.isAway = false;
    a.connections.welcome(true);
    assert.ok(fire(FILL_MS));
    assert.equal(a.pcs.length, 1 + DEPOSITS);
  });

  it('that their maker has given up are declined at once', async () => {
    const a = await holder(A);
    const b = net.peer(B);
    net.give(b, A);
    a.signaling.trackerState('waiting');
    b.connections.connect(A);
    assert.equal(await b.closed(A), 'declined');
    const { body } = net.signals.at(-1)!.signal;
    // Its maker does serve.
    assert.equal(body.case === 'decline' && body.value.reason, DeclineReason.UNSPECIFIED);
  });

  for (const waited of [DEPOSITED_MS - 1, DEPOSITED_MS])
    for (const ageMs of [0, 1_000])
      it(`are answered for ten seconds: ${waited} ms, heard of after ${ageMs}`, async () => {
        await holder(A);
        let now = 0;
        const b = net.peer(B, {}, { ...nodePlatform(), now: () => now });
        net.give(b, A, ageMs);
        now = waited - ageMs;
        b.connections.connect(A);
        await b.opened(A);
        assert.deepEqual(net.steps(B), [waited < DEPOSITED_MS ? 'answer' : 'offer']);
      });

  for (const others of [MAX_LEFT_OFFERS - 1, MAX_LEFT_OFFERS])
    it(`are kept beside ${others} others, or forgotten where that is too many`, async () => {
      await holder(A);
      const b = net.peer(B);
      const { attempt, description } = net.give(b, A);
      for (let n = 1; n <= others; n++)
        b.signaling.deposited(2000n + BigInt(n), attempt, description!, 0);
      // Again of one that is there: it takes no more room.
      b.signaling.deposited(2001n, attempt, description!, 0);
      b.connections.connect(A);
      await b.opened(A);
      assert.deepEqual(net.steps(B), [others < MAX_LEFT_OFFERS ? 'answer' : 'offer']);
    });

  it('are closed when their time is up, or the tracker is gone', async () => {
    const { platform, fire } = manualTimers(nodePlatform());
    const a = net.peer(A, {}, platform);
    net.peer(B).connections.connect(A);
    await a.opened(B);
    a.connections.welcome(true);
    fire(FILL_MS);
    const ports = () => a.pcs.filter((pc) => pc.connectionState !== 'closed').length - 1;
    while (fire(DEPOSIT_GATHER_MS));
    await a.until(() => leftBy(A) === DEPOSITS);
    assert.equal(ports(), DEPOSITS);
    while (fire(DEPOSIT_MS));
    assert.equal(ports(), 0);
    a.connections.welcome(true);
    assert.ok(fire(FILL_MS));
    assert.equal(ports(), DEPOSITS);
    a.signaling.trackerState('waiting');
    assert.equal(ports(), 0);
  });

  it('lead nowhere, and soon, when their maker has left', async () => {
    const a = await holder(A);
    const b = net.peer(B);
    net.give(b, A);
    net.peers.delete(A);
    a.connections.close();
    b.connections.connect(A);
    assert.equal(await b.closed(A), 'unreachable');
  });

  /** Resolves when B has answered; neither that answer nor anything after it arrives. */
  const silenced = () =>
    new Promise<void>((resolve) => {
      net.route = (from, signal, pass) => {
        if (from !== B) pass();
        else if (signal.body.case === 'answer') resolve();
      };
    });

  it('are given up soon when nothing comes of the answer, and their maker is told', async () => {
    await holder(A);
    const { platform, fire } = manualTimers(nodePlatform());
    const b = net.peer(B, {}, platform);
    net.give(b, A);
    const answered = silenced();
    b.connections.connect(A);
    await answered;
    assert.ok(fire(ICE_LOOK_MS));
    assert.deepEqual(net.sent(B), ['answer'], 'a page that was busy has not heard of anything yet');
    assert.ok(fire(ICE_LOOK_MS));
    assert.equal(await b.closed(A), 'unreachable');
    assert.deepEqual(net.sent(B), ['answer', 'decline']);
  });

  it('are the only ones given up so soon', async () => {
    await holder(A);
    const { platform, fire } = manualTimers(nodePlatform());
    const b = net.peer(B, {}, platform);
    const offered = new Promise<void>((resolve) => {
      net.route = () => resolve();
    });
    b.connections.connect(A);
    await offered;
    assert.equal(fire(ICE_LOOK_MS), false);
  });

  it('that a newcomer declines are replaced', async () => {
    const a = await holder(A);
    const b = net.peer(B);
    const { attempt } = net.give(b, A);
    assert.equal(leftBy(A), DEPOSITS - 1);
    const ports = () => a.pcs.filter((pc) => pc.connectionState !== 'closed').length;
    assert.equal(ports(), DEPOSITS);
    b.signaling.sendDecline(A, attempt);
    await a.until(() => leftBy(A) === DEPOSITS);
    assert.equal(ports(), DEPOSITS);
    // A decline may be said once.
    b.signaling.sendDecline(A, attempt);
    const made = a.pcs.length;
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(a.pcs.length, made);
  });

  it('that one peer declines again and again are replaced no sooner', async () => {
    const { platform, fire } = manualTimers(nodePlatform());
    const a = net.peer(A, {}, platform);
    net.peer(B).connections.connect(A);
    await a.opened(B);
    a.connections.welcome(true);
    fire(FILL_MS);
    for (const round of [1, 2, 3]) {
      while (fire(DEPOSIT_GATHER_MS));
      await a.until(() => leftBy(A) === DEPOSITS);
      for (const { offer } of net.deposits.splice(0))
        a.signaling.receive({
          peerId: C,
          attempt: offer.attempt,
          body: { case: 'decline', value: { reason: 0 } },
        } as Signal);
      assert.equal(a.pcs.length, 1 + round * DEPOSITS);
      assert.ok(fire(FILL_MS));
      assert.ok(!fire(FILL_MS));
    }
  });
});

import assert from 'node:assert/strict';
import {
  DeclineReason,
  HashAlgorithm,
  MAX_FRAGMENT_BYTES,
  MAX_REQUEST_BYTES,
  type Signal,
  SUBPROTOCOL,
} from '@zauberflote/proto';
import { ATTEMPT_TIMEOUT_MS } from './attempt.ts';
import { GIVE_WAY_MS, IDLE_MS } from './connection-manager.ts';
import { closeNodeWebRtc, nodePlatform } from './node-webrtc.ts';
import { MAX_OFFERS_PER_MINUTE, OFFER_PAUSE_MS } from './offer-gate.ts';
import { HIGH_WATER_BYTES } from './open-connection.ts';
import { manualTimers, TestNet, type TestPeer } from './test-net.ts';

const A = 100n;
const B = 50n;

const request = (requestId: number) =>
  ({
    case: 'request',
    value: {
      requestId,
      content: { algorithm: HashAlgorithm.SHA1, digest: new Uint8Array(20) },
      offset: 0n,
      length: 10,
    },
  }) as const;

/** The pc's channels as the other side's protocol names them; the attempt keeps them to itself. */
function channelTo(peer: TestPeer, label: string): RTCDataChannel {
  const pc = peer.pcs.at(-1) as unknown as { created: RTCDataChannel[] };
  return pc.created.find((channel) => channel.label === label)!;
}

/** Remembers the channels that are created, so that a test can misuse them. */
function recordingPlatform() {
  const platform = nodePlatform();
  const Native = platform.RTCPeerConnection!;
  return {
    ...platform,
    RTCPeerConnection: class extends Native {
      created: RTCDataChannel[] = [];
      override createDataChannel(label: string, init?: RTCDataChannelInit): RTCDataChannel {
        const channel = super.createDataChannel(label, init);
        this.created.push(channel);
        return channel;
      }
    } as typeof RTCPeerConnection,
  };
}

describe('ConnectionManager over real WebRTC', () => {
  let net: TestNet;

  beforeEach(() => {
    net = new TestNet();
  });
  afterEach(() => net.close());
  after(() => closeNodeWebRtc());

  /** Two connected peers; A offered. `later` turns their clocks. */
  async function connected(): Promise<[TestPeer, TestPeer, later: (ms: number) => void]> {
    let now = 0;
    const platform = () => ({ ...recordingPlatform(), now: () => now });
    const a = net.peer(A, {}, platform());
    const b = net.peer(B, {}, platform());
    a.connections.connect(B);
    await Promise.all([a.opened(B), b.opened(A)]);
    const later = (ms: number) => {
      now += ms;
    };
    return [a, b, later];
  }

  it('creates no RTCPeerConnection before a peer is named', () => {
    assert.equal(net.peer(A).pcs.length, 0);
  });

  it('opens both channels on both sides, with one offer and one answer', async () => {
    const [a, b] = await connected();
    assert.deepEqual(a.told, [{ is: 'open', peer: B }]);
    assert.deepEqual(b.told, [{ is: 'open', peer: A }]);
    // In Node, candidates of an offer follow its answer.
    assert.deepEqual(net.sent(A), ['offer', 'candidates']);
    assert.deepEqual(net.sent(B), ['answer']);
    const data = channelTo(a, 'data');
    assert.deepEqual([data.id, data.ordered, data.protocol], [1, false, SUBPROTOCOL]);
    const control = channelTo(a, 'control');
    assert.deepEqual([control.id, control.ordered, control.negotiated], [0, true, true]);
    a.connections.connect(B);
    assert.equal(a.pcs.length, 1);
    assert.equal(a.connections.maxFragmentBytes(B), MAX_FRAGMENT_BYTES);
  });

  it('carries requests both ways, in order', async () => {
    const [a, b] = await connected();
    for (let n = 1; n <= 100; n++) assert.ok(a.connections.send(B, request(n)));
    assert.ok(b.connections.send(A, { case: 'cancel', value: { requestId: 9 } }));
    await b.until(() => b.messages.length === 100);
    await a.until(() => a.messages.length === 1);
    assert.deepEqual(
      b.messages.map((body) => body.case === 'request' && body.value.requestId),
      Array.from({ length: 100 }, (_, n) => n + 1),
    );
    assert.equal(a.messages[0]!.case, 'cancel');
  });

  it('moves 10 MB of fragments without more than the high-water mark waiting', async () => {
    const [a, b] = await connected();
    const total = 160;
    const data = new Uint8Array(MAX_FRAGMENT_BYTES).map((_, n) => n % 251);
    const sum = { fragments: 0, bytes: 0, offsets: new Set<number>() };
    b.onMessage = (body) => {
      assert.ok(body.case === 'fragment');
      sum.fragments++;
      sum.bytes += body.value.data.length;
      sum.offsets.add(body.value.offset);
      assert.equal(body.value.data[250], data[250]);
    };
    const content = { algorithm: HashAlgorithm.SHA1, digest: new Uint8Array(20) };
    const whole = { content, offset: 0n, length: MAX_REQUEST_BYTES };
    for (
      let requestId = 1;
      requestId * MAX_REQUEST_BYTES <= total * MAX_FRAGMENT_BYTES;
      requestId++
    )
      b.connections.send(A, { case: 'request', value: { requestId, ...whole } });
    const channel = channelTo(a, 'data');
    let most = 0;
    for (let n = 0; n < total; n++) {
      if (!a.connections.isWritable(B)) {
        const count = a.told.length;
        await a.until(() => a.told.length > count && a.connections.isWritable(B));
        assert.deepEqual(a.told.at(-1), { is: 'writable', peer: B });
      }
      assert.ok(
        a.connections.send(B, { case: 'fragment', value: { requestId: 1, offset: n, data } }),
      );
      most = Math.max(most, channel.bufferedAmount);
    }
    await b.until(() => sum.fragments === total);
    assert.equal(sum.bytes, total * MAX_FRAGMENT_BYTES);
    assert.equal(sum.offsets.size, total);
    assert.ok(
      a.told.some((told) => told.is === 'writable'),
      'it never had to wait',
    );
    assert.ok(most <= HIGH_WATER_BYTES + MAX_FRAGMENT_BYTES + 64, `${most} bytes waited`);
  });

  it('connects once when both offer at the same time, by the offer of the greater id', async () => {
    const a = net.peer(A);
    const b = net.peer(B);
    // Both offers cross: none is delivered before the other is sent.
    const held: (() => void)[] = [];
    net.route = (_, signal, pass) => {
      if (signal.body.case !== 'offer') return pass();
      held.push(pass);
      if (held.length === 2) for (const go of held) go();
    };
    a.connections.connect(B);
    b.connections.connect(A);
    await Promise.all([a.opened(B), b.opened(A)]);
    assert.deepEqual(net.steps(A), ['offer']);
    assert.deepEqual(net.steps(B), ['offer', 'answer']);
    assert.deepEqual([a.told.length, b.told.length], [1, 1]);
  });

  it('reports an attempt that gave way to the offer of the other and then failed', async () => {
    const timers = manualTimers(nodePlatform());
    const b = net.peer(B, {}, timers.platform);
    const offer = await new Promise<Signal>((resolve) => {
      net.route = (_, signal) => resolve(signal);
      b.connections.connect(A);
    });
    const answered = new Promise<void>((resolve) => {
      net.route = (_, signal) => signal.body.case === 'answer' && resolve();
    });
    b.signaling.receive({ ...offer, peerId: A, attempt: 77 });
    await answered;
    assert.ok(timers.fire(ATTEMPT_TIMEOUT_MS));
    assert.equal(await b.closed(A), 'unreachable');
    assert.equal(b.told.length, 1);
  });

  it('declines offers beyond the cap, which counts incoming connections', async () => {
    const a = net.peer(A, { maxConnections: 1 });
    const [b, c] = [net.peer(B), net.peer(60n)];
    b.connections.connect(A);
    await a.opened(B);
    c.connections.connect(A);
    assert.equal(await c.closed(A), 'busy');
    const { body } = net.signals.at(-1)!.signal;
    assert.equal(body.case === 'decline' && body.value.reason, DeclineReason.BUSY);
    a.connections.connect(60n);
    assert.equal(await a.closed(60n), 'busy');
    assert.ok(a.connections.isOpen(B));
    a.connections.disconnect(B, 'closed');
    await b.closed(A);
    c.told.length = 0;
    c.connections.connect(A);
    await c.opened(A);
  });

  it('keeps the places beyond maxIncoming for those it wants itself', async () => {
    const a = net.peer(A, { maxConnections: 3, maxIncoming: 1 });
    const [b, c, d] = [net.peer(B), net.peer(60n), net.peer(70n)];
    b.connections.connect(A);
    await a.opened(B);
    c.connections.connect(A);
    assert.equal(await c.closed(A), 'busy');
    assert.deepEqual(declined(1), [DeclineReason.BUSY]);
    for (const other of [c, d]) {
      a.connections.connect(other.id);
      await a.opened(other.id);
    }
  });

  it('lets the longest idle connection give way to one it wants, if it was idle for a while', async () => {
    const timers = manualTimers(nodePlatform());
    const a = net.peer(A, { maxConnections: 2 }, timers.platform);
    const [b, c, d] = [net.peer(B), net.peer(60n), net.peer(70n)];
    b.connections.connect(A);
    await Promise.all([a.opened(B), b.opened(A)]);
    timers.advance(1);
    c.connections.connect(A);
    await Promise.all([a.opened(60n), c.opened(A)]);
    timers.advance(GIVE_WAY_MS - 2);
    a.connections.connect(d.id);
    assert.equal(await a.closed(d.id), 'busy');
    a.told.length = 0;
    timers.advance(2);
    a.connections.send(B, request(1));
    a.connections.connect(d.id);
    assert.equal(await a.closed(60n), 'closed');
    await a.opened(d.id);
    assert.equal(await c.closed(A), 'lost');
    assert.ok(a.connections.isOpen(B));
  });

  it('closes a connection when nothing came or went for a while, and no other', async () => {
    const timers = manualTimers(nodePlatform());
    const a = net.peer(A, {}, timers.platform);
    const [b, c] = [net.peer(B), net.peer(60n)];
    assert.equal(timers.fire(IDLE_MS), false, 'no timer without a connection');
    a.connections.connect(B);
    await Promise.all([a.opened(B), b.opened(A)]);
    timers.advance(10);
    c.connections.connect(A);
    await Promise.all([a.opened(60n), c.opened(A)]);
    timers.advance(IDLE_MS - 10);
    c.connections.send(A, request(1));
    await a.until(() => a.messages.length === 1);
    assert.ok(timers.fire(IDLE_MS));
    assert.equal(await a.closed(B), 'closed');
    assert.equal(await b.closed(A), 'lost');
    assert.equal(a.pcs[0]!.connectionState, 'closed');
    assert.ok(a.connections.isOpen(60n));
    timers.advance(IDLE_MS - 1);
    assert.ok(timers.fire(IDLE_MS), 'the time begins anew with what was received');
    assert.ok(a.connections.isOpen(60n));
    timers.advance(1);
    assert.ok(timers.fire(1));
    assert.equal(await a.closed(60n), 'closed');
    assert.equal(timers.fire(IDLE_MS), false);
    assert.equal(await c.closed(A), 'lost');
    c.connections.connect(A);
    await c.opened(A);
  });

  it('gives back the place of a connection that a restarted tracker made it forget', async () => {
    const timers = manualTimers(nodePlatform());
    const a = net.peer(A, {}, timers.platform);
    const b = net.peer(B);
    a.connections.connect(B);
    await Promise.all([a.opened(B), b.opened(A)]);
    net.restart((id) => id + 1n);
    a.connections.connect(B + 1n);
    await Promise.all([a.opened(B + 1n), b.opened(A + 1n)]);
    assert.ok(a.connections.isOpen(B), 'nobody knows that it is the same peer');
    timers.advance(IDLE_MS);
    a.connections.send(B + 1n, request(1));
    assert.ok(timers.fire(IDLE_MS));
    assert.equal(await a.closed(B), 'closed');
    assert.equal(await b.closed(A), 'lost');
    assert.ok(a.connections.isOpen(B + 1n) && b.connections.isOpen(A + 1n));
  });

  it('when suspended ends everything and begins nothing, until it is resumed', async () => {
    const [a, b, later] = await connected();
    a.connections.suspend();
    assert.equal(await a.closed(B), 'closed');
    assert.equal(await b.closed(A), 'lost');
    assert.ok(a.pcs.every((pc) => pc.connectionState === 'closed'));
    a.told.length = b.told.length = 0;
    a.connections.connect(B);
    assert.equal(await a.closed(B), 'closed');
    b.connections.connect(A);
    assert.equal(await b.closed(A), 'declined');
    assert.equal(a.pcs.length, 1);
    a.connections.resume();
    later(OFFER_PAUSE_MS);
    b.connections.connect(A);
    await Promise.all([a.opened(B), b.opened(A)]);
    a.connections.close();
    a.connections.suspend();
    a.connections.resume();
    a.told.length = 0;
    a.connections.connect(B);
    assert.equal(await a.closed(B), 'closed');
  });

  it('gives up an offer without an answer after a while, and tells the other peer', async () => {
    const timers = manualTimers(nodePlatform());
    const a = net.peer(A, {}, timers.platform);
    net.peer(B);
    const seen: (string | undefined)[] = [];
    const offered = new Promise<void>((resolve) => {
      net.route = (_, signal) => {
        seen.push(signal.body.case);
        resolve();
      };
    });
    a.connections.connect(B);
    await offered;
    assert.ok(timers.fire(ATTEMPT_TIMEOUT_MS));
    assert.equal(await a.closed(B), 'unreachable');
    assert.deepEqual(net.sent(A), ['offer', 'decline']);
    assert.equal(a.pcs[0]!.connectionState, 'closed');
    a.connections.connect(B);
    assert.equal(a.pcs.length, 2);
  });

  it('is unreachable at once if the tracker cannot deliver the offer, or goes away', async () => {
    const a = net.peer(A);
    a.connections.connect(999n);
    assert.equal(await a.closed(999n), 'unreachable');
    net.peer(B);
    const offered = new Promise<void>((resolve) => {
      net.route = () => resolve();
    });
    a.connections.connect(B);
    await offered;
    a.signaling.trackerState('waiting');
    assert.equal(await a.closed(B), 'unreachable');
  });

  it('keeps open connections when the tracker goes away', async () => {
    const [a, b] = await connected();
    a.signaling.trackerState('waiting');
    b.signaling.trackerState('waiting');
    assert.ok(a.connections.send(B, request(1)));
    await b.until(() => b.messages.length === 1);
    assert.ok(a.connections.isOpen(B));
  });

  it('notices that the other side is gone, and connects to it again', async () => {
    const [a, b, later] = await connected();
    b.pcs[0]!.close();
    assert.equal(await a.closed(B), 'lost');
    assert.equal(await b.closed(A), 'lost');
    assert.equal(a.connections.send(B, request(1)), false);
    assert.equal(a.connections.isWritable(B), false);
    assert.equal(a.connections.maxFragmentBytes(B), 0);
    later(OFFER_PAUSE_MS);
    a.connections.connect(B);
    await Promise.all([a.opened(B), b.opened(A)]);
  });

  it('takes a new offer of a connected peer as the end of the old connection', async () => {
    const [a, b] = await connected();
    // B lost it without A noticing.
    b.connections.disconnect(A, 'closed');
    b.connections.connect(A);
    await b.opened(A);
    await a.opened(B);
    assert.deepEqual(
      a.told.map((told) => told.is),
      ['open', 'close', 'open'],
    );
  });

  /** An offer as it is when it arrives, which no one has answered. */
  async function offerOf(peer: TestPeer, to: bigint): Promise<Signal> {
    const { route } = net;
    const offer = await new Promise<Signal>((resolve) => {
      net.route = (_, signal) => signal.body.case === 'offer' && resolve(signal);
      peer.connections.connect(to);
    });
    net.route = route;
    return offer;
  }

  /** Why the last `count` signals of A declined, if they did. */
  const declined = (count: number) =>
    net.signals
      .filter(({ from }) => from === A)
      .slice(-count)
      .map(({ signal: { body } }) => body.case === 'decline' && body.value.reason);

  it('makes no connection for offers that a peer repeats too soon', async () => {
    const timers = manualTimers(nodePlatform());
    const a = net.peer(A, {}, timers.platform);
    const offer = await offerOf(net.peer(B), A);
    const arrives = (attempt: number) => a.signaling.receive({ ...offer, peerId: B, attempt });
    for (let n = 1; n <= 1_000; n++) arrives(n);
    assert.equal(a.pcs.length, 1);
    assert.deepEqual(declined(999), Array(999).fill(DeclineReason.BUSY));
    timers.advance(OFFER_PAUSE_MS);
    arrives(1_001);
    assert.deepEqual(
      a.pcs.map((pc) => pc.connectionState === 'closed'),
      [true, false],
    );
  });

  it('makes no connection for more offers in a minute than a bound, whoever they are of', async () => {
    const timers = manualTimers(nodePlatform());
    const a = net.peer(A, {}, timers.platform);
    const offer = await offerOf(net.peer(B), A);
    const arrives = (peerId: bigint) => a.signaling.receive({ ...offer, peerId, attempt: 1 });
    // Strangers that offer and leave: each gives its place back at once.
    for (let n = 1n; n <= 1_000n; n++) {
      arrives(1_000n + n);
      a.signaling.receive({
        ...offer,
        peerId: 1_000n + n,
        attempt: 1,
        body: { case: 'decline', value: { $typeName: 'zauberflote.v1.Decline', reason: 0 } },
      } as Signal);
    }
    assert.equal(a.pcs.length, MAX_OFFERS_PER_MINUTE);
    assert.ok(a.pcs.every((pc) => pc.connectionState === 'closed'));
    timers.advance(59_999);
    arrives(B);
    assert.deepEqual(declined(1), [DeclineReason.BUSY]);
    timers.advance(1);
    arrives(B);
    assert.equal(a.pcs.length, MAX_OFFERS_PER_MINUTE + 1);
  });

  it('closes and bars a peer that sends garbage', async () => {
    const [a, b] = await connected();
    channelTo(b, 'control').send(new Uint8Array([255, 255, 255]));
    assert.equal(await a.closed(B), 'malformed');
    assert.equal(await b.closed(A), 'lost');
    a.told.length = b.told.length = 0;
    a.connections.connect(B);
    assert.equal(await a.closed(B), 'malformed');
    b.connections.connect(A);
    assert.equal(await b.closed(A), 'declined');
    assert.equal(a.pcs.length, 1);
  });

  it('closes and bars a peer that sends text', async () => {
    const [a, b] = await connected();
    channelTo(b, 'data').send('hello');
    assert.equal(await a.closed(B), 'malformed');
  });

  it('ignores messages of a newer peer', async () => {
    const [a, b] = await connected();
    channelTo(b, 'control').send(new Uint8Array([0xf2, 0x06, 0])); // field 110, empty
    b.connections.send(A, request(1));
    await a.until(() => a.messages.length === 1);
    assert.ok(a.connections.isOpen(B));
  });

  it('answers BAD_DESCRIPTION to an offer that cannot be used, and goes on', async () => {
    const a = net.peer(A);
    const b = net.peer(B);
    net.route = (_, signal, pass) => {
      if (signal.body.case === 'offer') signal.body.value.rawSdp = 'v=0\r\nm=audio 9 x 0\r\n';
      pass();
    };
    a.connections.connect(B);
    assert.equal(await a.closed(B), 'declined');
    const { body } = net.signals.at(-1)!.signal;
    assert.equal(body.case === 'decline' && body.value.reason, DeclineReason.BAD_DESCRIPTION);
    assert.deepEqual(b.told, []);
    net.route = (_, __, pass) => pass();
    b.connections.connect(A);
    await b.opened(A);
  });

  it('ignores signals of attempts it does not know', async () => {
    const a = net.peer(A);
    const b = net.peer(B);
    a.signaling.sendAnswer(B, 5, {
      iceUfrag: 'abcd',
      icePwd: 'a'.repeat(22),
      fingerprintSha256: new Uint8Array(32),
      setup: 2,
    });
    a.signaling.sendCandidates(B, 5, []);
    a.signaling.sendDecline(B, 5);
    b.connections.connect(A);
    await b.opened(A);
    assert.equal(b.told.length, 1);
  });

  it('without WebRTC is unreachable, later, and declines offers', async () => {
    const Broken = class {
      constructor() {
        throw new DOMException('switched off', 'NotAllowedError');
      }
    } as unknown as typeof RTCPeerConnection;
    const b = net.peer(B);
    for (const [id, RTCPeerConnection] of [
      [A, undefined],
      [101n, Broken],
    ] as const) {
      const a = net.peer(id, {}, { ...nodePlatform(), RTCPeerConnection });
      a.connections.connect(B);
      assert.deepEqual(a.told, [], 'not from within connect()');
      assert.equal(await a.closed(B), 'unreachable');
      b.connections.connect(id);
      assert.equal(await b.closed(id), 'declined');
      const { body } = net.signals.at(-1)!.signal;
      assert.equal(body.case === 'decline' && body.value.reason, DeclineReason.NOT_SERVING);
    }
  });

  it('hands ICE servers on, and with relayOnly lets nothing but relays be used', () => {
    const configurations: (RTCConfiguration | undefined)[] = [];
    const Recorder = class {
      constructor(configuration?: RTCConfiguration) {
        configurations.push(configuration);
        throw new Error('that was all');
      }
    } as unknown as typeof RTCPeerConnection;
    const platform = { ...nodePlatform(), RTCPeerConnection: Recorder };
    const iceServers = [{ urls: 'turn:192.0.2.1', username: 'u', credential: 'c' }];
    net.peer(A, { iceServers, relayOnly: true }, platform).connections.connect(B);
    net.peer(60n, {}, platform).connections.connect(B);
    assert.deepEqual(configurations, [
      { iceServers, iceTransportPolicy: 'relay' },
      { iceServers: [], iceTransportPolicy: 'all' },
    ]);
  });

  it('after close ends everything, once, and begins nothing', async () => {
    const [a, b] = await connected();
    a.connections.connect(70n);
    a.connections.close();
    assert.equal(await a.closed(B), 'closed');
    assert.equal(await a.closed(70n), 'closed');
    assert.equal(await b.closed(A), 'lost');
    a.told.length = b.told.length = 0;
    a.connections.connect(B);
    assert.equal(await a.closed(B), 'closed');
    b.connections.connect(A);
    assert.equal(await b.closed(A), 'declined');
    assert.equal(a.pcs.length, 2);
  });
});

import assert from 'node:assert/strict';
import type { Signal } from '@zauberflote/proto';
import { DeclineReason, HashAlgorithm } from '@zauberflote/proto';
import { ATTEMPT_TIMEOUT_MS } from './connection/attempt.ts';
import { closeNodeWebRtc, nodePlatform } from './connection/node-webrtc.ts';
import { TestNet } from './connection/test-net.ts';
import { say, TestTracker } from './tracker/test-tracker.ts';
import { MAX_CONNECTIONS, MAX_INCOMING, ZauberfloteCore } from './zauberflote.ts';

const never = () => Promise.reject(new Error('not needed'));

/** An offer as a tracker passes it on. */
async function anOffer(): Promise<Signal> {
  const net = new TestNet();
  const offer = await new Promise<Signal>((resolve) => {
    net.route = (_, signal) => signal.body.case === 'offer' && resolve(signal);
    net.peer(1n).connections.connect(2n);
  });
  net.close();
  return offer;
}

describe('One page, over real WebRTC', () => {
  const tracker = new TestTracker();
  const open = new Set<RTCPeerConnection>();
  let most = 0;
  let page: ZauberfloteCore;

  before(() => tracker.listen());
  beforeEach(() => {
    const platform = nodePlatform();
    class Counted extends (platform.RTCPeerConnection!) {
      constructor(config?: RTCConfiguration) {
        super(config);
        open.add(this);
        most = Math.max(most, open.size);
      }
      override close(): void {
        open.delete(this);
        super.close();
      }
    }
    const counted = {
      ...platform,
      RTCPeerConnection: Counted as typeof RTCPeerConnection,
      // However busy the machine is, no attempt times out.
      setTimer: (ms: number, run: () => void) =>
        ms < ATTEMPT_TIMEOUT_MS ? platform.setTimer(ms, run) : () => {},
    };
    page = new ZauberfloteCore(
      { tracker: tracker.url },
      { loadHashes: never, loadCss: never, platform: counted },
    );
  });
  afterEach(() => page.close());
  after(async () => {
    await tracker.close();
    await closeNodeWebRtc();
  });

  it('lets in so many that others begin, and has room for those of its own, within a bound', async () => {
    const own = MAX_CONNECTIONS - MAX_INCOMING;
    const digests = Array.from({ length: 2 * own }, (_, n) => Buffer.alloc(20, n));
    for (const digest of digests) page.download(digest.toString('hex')).catch(() => {});
    const socket = await tracker.sockets.next();
    say(socket, { case: 'welcome', value: { peerId: 1_000_000n } });
    const offer = await anOffer();
    const come = (peerId: number) =>
      say(socket, { case: 'signal', value: { ...offer, peerId: BigInt(peerId) } });
    /** The next signals, by what they are. */
    const signals = async (count: number) => {
      const kinds = { answer: 0, offer: 0, decline: [] as (number | undefined)[] };
      for (let found = 0; found < count; ) {
        const message = await tracker.requests.next();
        if (message?.case !== 'signal' || message.value.body.case === 'candidates') continue;
        const { body } = message.value;
        found++;
        if (body.case === 'decline') kinds.decline.push(body.value.reason);
        else if (body.case) kinds[body.case]++;
      }
      return kinds;
    };
    const busy = [DeclineReason.BUSY];
    for (let n = 1; n <= MAX_INCOMING + 1; n++) come(n);
    const answers = { answer: MAX_INCOMING, offer: 0, decline: busy };
    assert.deepEqual(await signals(MAX_INCOMING + 1), answers);
    assert.equal(most, MAX_INCOMING);
    // Each wants to connect to one at once, which is twice as many as there is room for.
    const swarms = digests.map((digest, n) => ({
      content: { algorithm: HashAlgorithm.SHA1, digest },
      holders: [{ peerId: BigInt(1_000 + n), size: 1_000_000n }],
      totalHolders: 1,
    }));
    say(socket, { case: 'peers', value: { swarms } });
    assert.deepEqual(await signals(own), { answer: 0, offer: own, decline: [] });
    come(2_000);
    assert.deepEqual(await signals(1), { answer: 0, offer: 0, decline: busy });
    assert.equal(most, MAX_CONNECTIONS);
  });
});

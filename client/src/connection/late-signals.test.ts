import assert from 'node:assert/strict';
import { type Signal, UndeliverableReason } from '@zauberflote/proto';
import { closeNodeWebRtc } from './node-webrtc.ts';
import { TestNet } from './test-net.ts';

const A = 100n;
const B = 50n;

describe('signals that come late or not at all, over real WebRTC', () => {
  let net: TestNet;

  beforeEach(() => {
    net = new TestNet();
  });
  afterEach(() => net.close());
  after(() => closeNodeWebRtc());

  /** Holds the first signal of this kind back, which is returned; all others pass. */
  function held(kind: Signal['body']['case']) {
    return new Promise<{ from: bigint; signal: Signal; pass: () => void }>((resolve) => {
      let isHeld = false;
      net.route = (from, signal, pass) => {
        if (isHeld || signal.body.case !== kind) return pass();
        isHeld = true;
        resolve({ from, signal, pass });
      };
    });
  }

  it('an answer that was not delivered ends the attempt at once, and the offerer hears of it', async () => {
    const [a, b] = [net.peer(A), net.peer(B)];
    const answer = held('answer');
    a.connections.connect(B);
    b.connections.connect(A);
    const { signal } = await answer;
    b.signaling.undeliverable(A, signal.attempt, UndeliverableReason.CONGESTED);
    assert.equal(await b.closed(A), 'unreachable');
    assert.equal(await a.closed(B), 'declined');
    b.connections.connect(A);
    await Promise.all([a.opened(B), b.opened(A)]);
  });

  it('a late decline of an attempt of the other side does not end one of this side', async () => {
    const [a, b] = [net.peer(A), net.peer(B)];
    const offer = held('offer');
    a.connections.connect(B);
    await offer;
    const decline = held('decline');
    a.connections.disconnect(B, 'closed');
    const late = await decline;
    const own = held('offer');
    b.connections.connect(A);
    const { pass } = await own;
    late.pass();
    pass();
    await b.until(() => b.told.length > 0);
    assert.deepEqual(b.told, [{ is: 'open', peer: A }]);
    await a.opened(B);
  });
});

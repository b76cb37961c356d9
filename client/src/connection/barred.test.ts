import assert from 'node:assert/strict';
import { DeclineReason } from '@zauberflote/proto';
import { closeNodeWebRtc } from './node-webrtc.ts';
import { TestNet } from './test-net.ts';

const A = 100n;
const B = 50n;

describe('a peer that is disconnected, over real WebRTC', () => {
  let net: TestNet;

  beforeEach(() => {
    net = new TestNet();
  });
  afterEach(() => net.close());
  after(() => closeNodeWebRtc());

  const disconnected = async (reason: 'closed' | 'malformed') => {
    const [a, b] = [net.peer(A), net.peer(B)];
    a.connections.connect(B);
    await Promise.all([a.opened(B), b.opened(A)]);
    a.connections.disconnect(B, reason);
    assert.equal(await a.closed(B), reason);
    assert.equal(await b.closed(A), 'lost');
    a.told.length = b.told.length = 0;
    return [a, b] as const;
  };

  it('is not connected to any more, nor let in, where it broke the protocol', async () => {
    const [a, b] = await disconnected('malformed');
    a.connections.connect(B);
    assert.equal(await a.closed(B), 'malformed');
    b.connections.connect(A);
    assert.equal(await b.closed(A), 'declined');
    const { body } = net.signals.at(-1)!.signal;
    assert.ok(body.case === 'decline');
    assert.equal(body.value.reason, DeclineReason.NOT_SERVING);
    assert.equal(a.pcs.length, 1);
  });

  it('may come again where it did not', async () => {
    const [a, b] = await disconnected('closed');
    b.connections.connect(A);
    await Promise.all([a.opened(B), b.opened(A)]);
  });
});

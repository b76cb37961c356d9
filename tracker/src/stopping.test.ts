import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { ErrorCode } from '@zauberflote/proto';
import { WebSocket } from 'ws';
import { Client, openPair, openRaw } from '../test-support/client.ts';
import { want } from '../test-support/messages.ts';
import { startTracker } from '../test-support/tracker.ts';
import type { RunningTracker, TrackerOptions } from './server.ts';

describe('how a tracker tells that it is well, and how it ends', () => {
  let tracker: RunningTracker;
  const start = async (options: TrackerOptions = {}) => {
    tracker = await startTracker({ port: 0, host: '127.0.0.1', ...options });
  };
  beforeEach(() => start());
  afterEach(() => tracker.close());

  const open = () => Client.open(tracker.url);
  const pair = () => openPair(tracker.url);

  it('sends its clients away when it stops, and takes no more', async () => {
    const { holder, asker } = await pair();
    const stopped = tracker.close();
    for (const client of [holder, asker])
      assert.equal((await client.ended()).code, ErrorCode.GOING_AWAY);
    await stopped;
    const late = connect(tracker.port, '127.0.0.1');
    const [error] = await once(late, 'error');
    assert.equal(error.code, 'ECONNREFUSED');
  });

  it('is not ready while it drains, but goes on serving those it has', async () => {
    await tracker.close();
    const waited: number[] = [];
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    await start({
      drainSeconds: 600,
      wait(ms) {
        waited.push(ms);
        return over;
      },
    });
    const { asker } = await pair();
    const ready = () => fetch(`http://127.0.0.1:${tracker.port}/readyz`);
    assert.equal((await ready()).status, 200);
    const stopped = tracker.close();
    try {
      const drained = await ready();
      assert.deepEqual([drained.status, await drained.json()], [503, { status: 'draining' }]);
      const late = new WebSocket(tracker.url, 'zauberflote.v1');
      const [request, response] = await once(late, 'unexpected-response');
      assert.equal(response.statusCode, 503);
      assert.ok(response.headers['retry-after']);
      request.destroy();
      assert.equal((await asker.ask(want([1]))).case, 'peers');
      assert.deepEqual(waited, [600_000]);
    } finally {
      end();
    }
    assert.equal((await asker.ended()).code, ErrorCode.GOING_AWAY);
    await stopped;
  });

  it('is not ready while it is full', async () => {
    await tracker.close();
    await start({ maxPeers: 1 });
    await open();
    const response = await fetch(`http://127.0.0.1:${tracker.port}/readyz`);
    assert.deepEqual([response.status, await response.json()], [503, { status: 'full' }]);
  });

  it('tells Prometheus what it has and does, on a port of its own', async () => {
    await tracker.close();
    await start({ adminPort: 0, allowOrigin: ['example.com'] });
    const { holder } = await pair();
    const spoiler = await open();
    spoiler.socket.send('text');
    await spoiler.ended();
    const refused = new WebSocket(tracker.url, 'zauberflote.v1', { origin: 'https://other.test' });
    const [request] = await once(refused, 'unexpected-response');
    request.destroy();
    await holder.ask(want([3]));
    const base = `http://127.0.0.1:${tracker.adminPort}`;
    const text = await (await fetch(`${base}/metrics`)).text();
    for (const line of [
      'zauberflote_peers 2',
      'zauberflote_swarms 1',
      'zauberflote_holdings 1',
      'zauberflote_introductions 1',
      'zauberflote_sessions_total 3',
      // Have and three wants; a text frame.
      'zauberflote_received_messages_total 5',
      // Three greetings, three replies, an error.
      'zauberflote_sent_messages_total 7',
      'zauberflote_sessions_ended_total{code="MALFORMED"} 1',
      'zauberflote_refused_total{status="403"} 1',
      'zauberflote_holds_total 0',
    ])
      assert.ok(text.split('\n').includes(line), `${line} is not in\n${text}`);
    assert.match(text, /^process_resident_memory_bytes \d/m);
    assert.equal((await fetch(`${base}/healthz`)).status, 200);
    assert.equal((await fetch(`http://127.0.0.1:${tracker.port}/metrics`)).status, 404);
  });

  it('stops although a client does not close', async () => {
    const socket = await openRaw(tracker.port);
    socket.resume();
    const closed = once(socket, 'close');
    await tracker.close();
    await closed;
  });

  it('says why it cannot listen', async () => {
    const { port } = tracker;
    await assert.rejects(startTracker({ port, host: '127.0.0.1' }), { code: 'EADDRINUSE' });
  });
});

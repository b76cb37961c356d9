import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { mock } from 'node:test';
import type { WebSocket } from 'ws';
import { Client, openPair } from '../test-support/client.ts';
import { signal } from '../test-support/messages.ts';
import { until } from '../test-support/redis.ts';
import { clockAhead, pass, timersByHand } from '../test-support/timers.ts';
import { startTracker } from '../test-support/tracker.ts';
import { Addresses } from './abuse/addresses.ts';
import { Heartbeat } from './heartbeat.ts';
import { ADDRESS_BURST_SECONDS, ATTEMPT_TTL_MS, HEARTBEAT_MS, HEARTBEAT_SLICES } from './limits.ts';
import type { RunningTracker } from './server.ts';

const SOCKETS = 4 * HEARTBEAT_SLICES;
const INTERVAL_MS = 2 * HEARTBEAT_SLICES;

describe('heartbeat', () => {
  it('pings each socket once a beat, a part of them at a time, and reports who does not answer', async () => {
    const dead = new Set<number>();
    const pings = Array<number>(SOCKETS).fill(0);
    const turns: number[] = [];
    let beats = 0;
    let beaten = () => {};
    let open = false;
    const heartbeat = new Heartbeat<WebSocket & { number: number }>(
      INTERVAL_MS,
      ({ number }) => dead.add(number),
      () => {
        beats++;
        beaten();
      },
    );
    for (let number = 0; number < SOCKETS; number++) {
      const socket = Object.assign(new EventEmitter(), {
        number,
        ping() {
          pings[number]!++;
          if (!open) {
            open = true;
            turns.push(0);
            // Timers that are late go off one after the other, each in a turn of microtasks of its own.
            queueMicrotask(() => {
              open = false;
            });
          }
          turns[turns.length - 1]!++;
          if (number % 2 === 0) socket.emit('pong');
        },
      });
      heartbeat.watch(socket as unknown as WebSocket & { number: number });
    }
    while (beats < 2)
      await new Promise<void>((resolve) => {
        beaten = resolve;
      });
    heartbeat.stop();
    assert.deepEqual(
      pings,
      Array.from({ length: SOCKETS }, (_, number) => (number % 2 === 0 ? 2 : 1)),
    );
    assert.deepEqual(
      [...dead].sort((a, b) => a - b),
      Array.from({ length: SOCKETS / 2 }, (_, n) => 2 * n + 1),
    );
    assert.equal(Math.max(...turns), SOCKETS / HEARTBEAT_SLICES);
  });

  it('forgets a socket that closes', async () => {
    let beaten = () => {};
    const heartbeat = new Heartbeat<WebSocket>(
      HEARTBEAT_SLICES,
      () => assert.fail('reported'),
      () => beaten(),
    );
    const socket = Object.assign(new EventEmitter(), { ping: () => assert.fail('pinged') });
    heartbeat.watch(socket as unknown as WebSocket);
    socket.emit('close');
    await new Promise<void>((resolve) => {
      beaten = resolve;
    });
    heartbeat.stop();
  });
});

describe('the beat of a tracker', () => {
  timersByHand('setInterval');
  let tracker: RunningTracker;
  let putRight = () => {};
  const ahead = (ms: number) => {
    putRight = clockAhead(ms);
  };
  beforeEach(async () => {
    tracker = await startTracker({ port: 0, host: '127.0.0.1' });
  });
  afterEach(async () => {
    putRight();
    await tracker.close();
  });

  it('has attempts forgotten that are over, though their peers stay', async () => {
    const { holder, asker } = await openPair(tracker.url);
    asker.send(signal('offer', holder.id, 1));
    await holder.next();
    assert.equal(tracker.stats().attempts, 1);
    ahead(ATTEMPT_TTL_MS + 1);
    pass(HEARTBEAT_MS);
    const { peers, attempts } = tracker.stats();
    assert.deepEqual({ peers, attempts }, { peers: 2, attempts: 0 });
  });

  it('has addresses forgotten that nobody comes from any more', async () => {
    const tick = mock.method(Addresses.prototype, 'tick');
    try {
      const remembered = () => {
        pass(HEARTBEAT_MS);
        return (tick.mock.calls.at(-1)?.this as Addresses | undefined)?.size;
      };
      const headers = { 'X-Forwarded-For': '198.51.100.1' };
      const client = await Client.open(tracker.url, { headers });
      assert.equal(remembered(), 1);
      await client.leave();
      ahead(ADDRESS_BURST_SECONDS * 1_000);
      await until('none is remembered', async () => remembered() === 0);
    } finally {
      tick.mock.restore();
    }
  });
});

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { WebSocket } from 'ws';
import { Heartbeat } from './heartbeat.ts';
import { HEARTBEAT_SLICES } from './limits.ts';

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

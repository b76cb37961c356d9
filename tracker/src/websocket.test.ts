import assert from 'node:assert/strict';
import { once } from 'node:events';
import { ErrorCode } from '@zauberflote/proto';
import { openRaw } from '../test-support/client.ts';
import { pass, timersByHand } from '../test-support/timers.ts';
import { startTracker } from '../test-support/tracker.ts';
import { CLOSE_TIMEOUT_MS } from './limits.ts';

describe('a WebSocket that is closed', () => {
  timersByHand();

  it('is cut off where its client never closes it in turn, and not before it had time to', async () => {
    const tracker = await startTracker({ port: 0, host: '127.0.0.1' });
    const socket = await openRaw(tracker.port);
    const received: Buffer[] = [];
    let isOpen = true;
    socket.on('data', (data) => received.push(data));
    socket.on('close', () => {
      isOpen = false;
    });
    // No message, masked by zeros.
    socket.write(Buffer.of(0x82, 0x81, 0, 0, 0, 0, 0xff));
    const code = 4000 + ErrorCode.MALFORMED;
    while (!Buffer.concat(received).includes(Buffer.of(code >> 8, code & 255)))
      await once(socket, 'data');
    pass(CLOSE_TIMEOUT_MS - 1);
    // Its answer comes after what was done before.
    await fetch(`http://127.0.0.1:${tracker.port}/healthz`);
    assert.ok(isOpen);
    pass(1);
    await once(socket, 'close');
    await tracker.close();
  });
});

import assert from 'node:assert/strict';
import { CLOSE_CODE_BASE, ErrorCode, encodeSessionResponse } from '@zauberflote/proto';
import { StreamSocket } from './stream-socket.ts';

const MESSAGE = encodeSessionResponse({ case: 'welcome', value: { peerId: 1n } });

describe('StreamSocket', () => {
  it('says how much of what was sent was not taken yet', async () => {
    const socket = new StreamSocket();
    for (const times of [1, 2, 3]) {
      socket.send(MESSAGE);
      assert.equal(socket.bufferedAmount, times * MESSAGE.length);
    }
    const sent = socket.sent();
    for (const left of [2, 1, 0]) {
      assert.equal((await sent.next()).value?.body.case, 'welcome');
      assert.equal(socket.bufferedAmount, left * MESSAGE.length);
    }
  });

  it('tells once that it has ended, whoever ended it, and sends what it was given before', async () => {
    for (const first of ['close', 'leave'] as const) {
      let ends = 0;
      const socket = new StreamSocket(() => ends++);
      const close = () => socket.close(CLOSE_CODE_BASE + ErrorCode.SLOW_CONSUMER, 'read');
      socket.send(MESSAGE);
      if (first === 'close') close();
      else socket.leave();
      close();
      socket.leave();
      socket.send(MESSAGE);
      assert.equal(ends, 1);
      const sent = socket.sent();
      assert.equal((await sent.next()).done, false);
      if (first === 'close') await assert.rejects(sent.next(), /read/);
      else assert.equal((await sent.next()).done, true);
    }
  });
});

import assert from 'node:assert/strict';
import { ErrorCode, encodeSessionRequest } from '@zauberflote/proto';
import { seeded } from '../../demo/random.ts';
import { FakeSocket } from '../test-support/fake-socket.ts';
import type { Body } from '../test-support/messages.ts';
import { have, signal, want } from '../test-support/messages.ts';
import * as limits from './limits.ts';
import type { RegistryOptions } from './registry/registry.ts';
import { Registry } from './registry/registry.ts';
import type { Socket } from './sessions.ts';
import { isCongested, Sessions } from './sessions.ts';

function setUp(options: RegistryOptions<Socket> = { isCongested }) {
  const registry = new Registry(options);
  const faults: unknown[] = [];
  const sessions = new Sessions({
    registry,
    now: () => 0,
    random: seeded(1),
    onFault: (error) => faults.push(error),
  });
  const open = () => {
    const socket = new FakeSocket();
    sessions.open(socket);
    const [welcome] = socket.take();
    return { socket, id: welcome?.case === 'welcome' ? welcome.value.peerId : 0n };
  };
  const receive = (socket: Socket, body: Body) =>
    sessions.receive(socket, encodeSessionRequest(body), true);
  return { registry, faults, sessions, open, receive };
}

/** The Error a socket was sent last, after checking that the close agrees with it. */
function errorOf(socket: FakeSocket) {
  const last = socket.take().at(-1);
  assert.ok(last?.case === 'error');
  const { code, message } = last.value;
  assert.deepEqual(socket.closedWith, { code: 4000 + code, reason: message });
  return last.value;
}

describe('sessions', () => {
  it('ends a session that does not read, and forgets it at once', () => {
    const { registry, open, receive } = setUp();
    const { socket } = open();
    socket.bufferedAmount = limits.MAX_BUFFERED_BYTES;
    receive(socket, want([1]));
    assert.equal(socket.closedWith, undefined);
    socket.bufferedAmount++;
    receive(socket, want([1]));
    assert.equal(errorOf(socket).code, ErrorCode.SLOW_CONSUMER);
    assert.equal(registry.counts().peers, 0);
    receive(socket, want([1]));
    assert.deepEqual(socket.take(), [], 'answered after its end');
  });

  it('relays nothing to a session that is behind with reading', () => {
    const { open, receive } = setUp();
    const holder = open();
    const asker = open();
    receive(holder.socket, have([1]));
    receive(asker.socket, want([1]));
    asker.socket.take();
    holder.socket.bufferedAmount = limits.CONGESTED_BYTES + 1;
    receive(asker.socket, signal('offer', holder.id, 1));
    const [reply] = asker.socket.take();
    assert.ok(reply?.case === 'undeliverable');
    assert.equal(reply.value.reason, 3);
    assert.deepEqual(holder.socket.take(), []);
  });

  it('turns a session away when the registry is full', () => {
    const { sessions, open } = setUp({ maxPeers: 1 });
    open();
    const socket = new FakeSocket();
    sessions.open(socket);
    const { code, retryAfterMs } = errorOf(socket);
    assert.equal(code, ErrorCode.OVERLOADED);
    assert.ok(retryAfterMs > 0);
    assert.equal(sessions.sockets.has(socket), false);
  });

  it('ends only the session whose message met a fault of the tracker', () => {
    const { registry, faults, open, receive } = setUp();
    const victim = open().socket;
    const other = open().socket;
    const fault = new Error('a fault');
    const original = registry.receive.bind(registry);
    registry.receive = (connection, ...rest) => {
      if (connection === victim) throw fault;
      return original(connection, ...rest);
    };
    receive(victim, want([1]));
    assert.equal(errorOf(victim).code, ErrorCode.INTERNAL);
    assert.deepEqual(faults, [fault]);
    assert.equal(registry.counts().peers, 1);
    receive(other, want([1]));
    assert.equal(other.take()[0]?.case, 'peers');
  });

  it('keeps messages of errors within what a close frame holds, whole characters only', () => {
    const { sessions, open } = setUp();
    const { socket } = open();
    sessions.end(socket, ErrorCode.INTERNAL, 'x'.repeat(118) + 'ö'.repeat(9));
    assert.equal(errorOf(socket).message, `${'x'.repeat(118)}ö`);
  });

  it('asks all to come back when it stops, spread over a while', () => {
    const { registry, sessions, open } = setUp();
    const sockets = Array.from({ length: 200 }, () => open().socket);
    sessions.endAll();
    const waits = sockets.map((socket) => {
      const { code, retryAfterMs } = errorOf(socket);
      assert.equal(code, ErrorCode.GOING_AWAY);
      return retryAfterMs;
    });
    assert.ok(Math.max(...waits) <= limits.GOING_AWAY_RETRY_MS);
    assert.ok(new Set(waits).size > 150, 'all come back at once');
    assert.equal(registry.counts().peers, 0);
  });
});

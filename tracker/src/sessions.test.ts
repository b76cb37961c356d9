import assert from 'node:assert/strict';
import { ErrorCode, encodeSessionRequest } from '@zauberflote/proto';
import { seeded } from '../../demo/random.ts';
import { FakeSocket } from '../test-support/fake-socket.ts';
import type { Body } from '../test-support/messages.ts';
import { have, lease, signal, want } from '../test-support/messages.ts';
import { SILENT } from '../test-support/silent.ts';
import { DEFAULTS } from './config/settings.ts';
import { Counters } from './counters.ts';
import * as limits from './limits.ts';
import type { RegistryOptions } from './registry/options.ts';
import { Registry } from './registry/registry.ts';
import type { Socket } from './sessions.ts';
import { isCongested, Sessions } from './sessions.ts';

function setUp(options: RegistryOptions<Socket> = { isCongested }) {
  const registry = new Registry(options);
  const faults: unknown[] = [];
  const clock = { now: 0 };
  const sessions = new Sessions({
    registry,
    rates: DEFAULTS,
    counters: new Counters(),
    now: () => clock.now,
    random: seeded(1),
    log: SILENT,
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
  return { registry, faults, sessions, open, receive, clock };
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

  const flood = {
    messages: { body: want([1]), burst: limits.MESSAGES_PER_SECOND * limits.BURST_SECONDS },
    contents: {
      body: have(Array.from({ length: 64 }, (_, n) => n)),
      burst: Math.floor((limits.CONTENTS_PER_SECOND * limits.BURST_SECONDS) / 64),
    },
    leases: {
      body: lease(1, { wanted: 1 }),
      burst: Math.floor(
        (limits.CONTENTS_PER_SECOND * limits.BURST_SECONDS) / limits.CONTENTS_PER_LEASE,
      ),
    },
  };
  for (const [what, { body, burst }] of Object.entries(flood))
    it(`holds a session that sends too many ${what}, then ends it, and leaves others alone`, () => {
      const { open, receive, clock } = setUp();
      const { socket } = open();
      for (let i = 0; i < burst; i++) receive(socket, body);
      assert.equal(socket.heldMs, 0, 'held although it may send this much');
      receive(socket, body);
      assert.ok(socket.heldMs > 0, 'not held');
      clock.now += socket.heldMs;
      socket.heldMs = 0;
      for (let i = 0; i < burst && !socket.heldMs; i++) receive(socket, body);
      assert.ok(socket.heldMs > 0, 'not held again');
      assert.equal(socket.closedWith, undefined);
      for (let i = 0; i <= 2 * burst && !socket.closedWith; i++) receive(socket, body);
      const { code, retryAfterMs } = errorOf(socket);
      assert.equal(code, ErrorCode.LIMIT_EXCEEDED);
      assert.ok(retryAfterMs > limits.MAX_HOLD_MS);
      const other = open().socket;
      receive(other, want([1]));
      assert.equal(other.take()[0]?.case, 'peers');
      assert.equal(other.heldMs, 0);
    });

  it('holds a session that owes both bytes and contents for the longer of the two', () => {
    const { open, receive } = setUp();
    const { socket } = open();
    const { body, burst } = flood.contents;
    for (let i = 0; i <= burst; i++) receive(socket, body);
    const offer = { case: 'offer', value: { rawSdp: 'v'.repeat(16_000) } } as const;
    const large = { case: 'signal', value: { peerId: 1n, attempt: 1, body: offer } } as const;
    for (socket.heldMs = 0; socket.heldMs < limits.MAX_HOLD_MS / 2; ) receive(socket, large);
    const long = socket.heldMs;
    receive(socket, want([1]));
    assert.ok(socket.heldMs >= long, `${socket.heldMs} ms after ${long} ms`);
  });

  it('turns a session away when the registry is full', () => {
    const { sessions, open } = setUp({ maxPeers: 1 });
    open();
    const socket = new FakeSocket();
    sessions.open(socket);
    const { code, retryAfterMs } = errorOf(socket);
    assert.equal(code, ErrorCode.OVERLOADED);
    assert.ok(retryAfterMs > 0);
    assert.equal(sessions.has(socket), false);
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

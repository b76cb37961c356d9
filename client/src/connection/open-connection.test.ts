import assert from 'node:assert/strict';
import {
  encodePeerMessage,
  HashAlgorithm,
  MAX_FRAGMENT_BYTES,
  type PeerMessage,
  type PeerMessageBody,
} from '@zauberflote/proto';
import fc from 'fast-check';
import { browserPlatform } from '../platform.ts';
import { SAY_BYTES } from './arrivals.ts';
import {
  DISCONNECTED_GRACE_MS,
  FRAGMENT_HEADER_BYTES,
  LOW_WATER_BYTES,
  MAX_CONTROL_BYTES,
  OpenConnection,
} from './open-connection.ts';
import { manualTimers } from './test-net.ts';

/** As much of a data channel as a connection touches. */
class FakeChannel {
  bufferedAmount = 0;
  bufferedAmountLowThreshold = 0;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  onbufferedamountlow: (() => void) | null = null;
  sent: Uint8Array[] = [];
  error: Error | undefined;
  send(data: Uint8Array): void {
    if (this.error) throw this.error;
    this.sent.push(data);
    this.bufferedAmount += data.length;
  }
}

function setUp() {
  const timers = manualTimers(browserPlatform());
  const pc = {
    connectionState: 'connected',
    sctp: { maxMessageSize: 262_144 } as { maxMessageSize: number | null } | null,
    closed: 0,
    onconnectionstatechange: null as (() => void) | null,
    close() {
      this.closed++;
    },
    become(state: string) {
      this.connectionState = state;
      this.onconnectionstatechange?.();
    },
  };
  const [control, data] = [new FakeChannel(), new FakeChannel()];
  const told: string[] = [];
  const messages: PeerMessage['body'][] = [];
  const connection = new OpenConnection({ pc, control, data } as never, timers.platform, {
    onMessage: (message) => messages.push(message.body),
    onWritable: () => told.push('writable'),
    onEnd: (reason) => told.push(reason),
  });
  return { connection, pc, control, data, told, messages, timers };
}

const fragment = (bytes: number): PeerMessageBody => ({
  case: 'fragment',
  value: { requestId: 0xffffffff, offset: 0xffffffff, data: new Uint8Array(bytes).fill(7) },
});
const cancel: PeerMessageBody = { case: 'cancel', value: { requestId: 1 } };

describe('OpenConnection', () => {
  it('sends fragments over the data channel and all else over control', () => {
    const { connection, control, data } = setUp();
    assert.ok(connection.send(fragment(10)));
    assert.ok(connection.send(cancel));
    assert.equal(data.sent.length, 1);
    assert.deepEqual(control.sent, [encodePeerMessage(cancel)]);
  });

  it('says what has come, so much at a time', () => {
    const { connection, control, messages } = setUp();
    const said = (bytes: number) => encodePeerMessage({ case: 'received', value: { bytes } });
    const arrive = (bytes: number) => {
      const value = { requestId: 1, offset: 0, data: new Uint8Array(bytes) };
      connection.receive(encodePeerMessage({ case: 'fragment', value }).buffer);
    };
    connection.send({ case: 'request', value: { requestId: 1, length: 3 * SAY_BYTES } });
    control.sent.length = 0;
    arrive(SAY_BYTES - 1);
    assert.deepEqual(control.sent, []);
    arrive(7);
    arrive(SAY_BYTES);
    arrive(1);
    assert.deepEqual(control.sent, [said(SAY_BYTES + 6), said(SAY_BYTES)]);
    assert.equal(messages.length, 4);
  });

  it('keeps fragments within what the other side takes', () => {
    const { connection, pc } = setUp();
    assert.equal(connection.maxFragmentBytes, MAX_FRAGMENT_BYTES);
    for (const sctp of [null, { maxMessageSize: null }, { maxMessageSize: 65_536 }]) {
      pc.sctp = sctp;
      assert.equal(connection.maxFragmentBytes, 65_536 - FRAGMENT_HEADER_BYTES);
    }
    pc.sctp = { maxMessageSize: 16_384 };
    const frame = encodePeerMessage(fragment(connection.maxFragmentBytes));
    assert.ok(frame.length <= 16_384);
  });

  it('says when half of the queue has drained, then half of the rest, to the end', () => {
    const { connection, data, told } = setUp();
    for (let n = 0; n < 16; n++) {
      assert.ok(connection.isWritable);
      connection.send(fragment(65_536));
    }
    assert.equal(connection.isWritable, false);
    assert.equal(connection.queuedBytes, data.bufferedAmount);
    assert.equal(data.bufferedAmountLowThreshold, LOW_WATER_BYTES);
    for (const [left, next] of [
      [LOW_WATER_BYTES, LOW_WATER_BYTES / 2],
      [100, 50],
      [1, 0],
    ] as const) {
      data.bufferedAmount = left;
      data.onbufferedamountlow!();
      assert.equal(data.bufferedAmountLowThreshold, next);
    }
    assert.deepEqual(told, ['writable', 'writable', 'writable']);
    assert.ok(connection.isWritable);
    data.bufferedAmount = 0;
    connection.send(fragment(10));
    assert.equal(data.bufferedAmountLowThreshold, data.bufferedAmount >> 1);
  });

  it('sets no threshold that the queue has passed meanwhile', () => {
    const { connection, data } = setUp();
    // As a channel whose queue is sent by another thread: with each look less is left.
    let left = 100_000;
    Object.defineProperty(data, 'bufferedAmount', {
      get: () => {
        left = Math.max(0, left - 30_000);
        return left;
      },
      set: () => {},
    });
    connection.send(fragment(10));
    assert.ok(left === 0 || data.bufferedAmountLowThreshold < left);
  });

  it('is idle since something last came, went or drained from the queue', () => {
    const { connection, control, data, timers } = setUp();
    const idle = () => {
      timers.advance(10);
      return connection.idleMs();
    };
    assert.deepEqual([idle(), idle()], [10, 20]);
    connection.send(cancel);
    assert.equal(idle(), 10);
    control.onmessage!({ data: encodePeerMessage(cancel).buffer });
    assert.equal(idle(), 10);
    connection.send(fragment(1_000));
    assert.deepEqual([idle(), idle()], [10, 20], 'a queue that does not move');
    data.bufferedAmount -= 500;
    assert.deepEqual([idle(), idle()], [0, 10]);
    data.bufferedAmount = 0;
    assert.deepEqual([idle(), idle()], [0, 10]);
  });

  it('is lost, and does not throw, when a queue is full', () => {
    const { connection, pc, data, told } = setUp();
    data.error = new DOMException('send queue is full', 'OperationError');
    assert.equal(connection.send(fragment(10)), false);
    assert.equal(connection.send(cancel), false);
    assert.deepEqual(told, ['lost']);
    assert.equal(pc.closed, 1);
  });

  it('is lost when the other side does not read the control channel', () => {
    const { connection, control, told } = setUp();
    while (connection.send(cancel)) assert.ok(control.bufferedAmount <= MAX_CONTROL_BYTES);
    assert.deepEqual(told, ['lost']);
  });

  it('is lost when ICE has failed, or a channel closes, but only once', () => {
    for (const end of ['failed', 'closed'])
      for (const channel of ['control', 'data'] as const) {
        const test = setUp();
        const { onclose } = test[channel];
        test.pc.become(end);
        onclose!();
        assert.deepEqual(test.told, ['lost']);
        const other = setUp();
        other[channel].onclose!();
        assert.deepEqual(other.told, ['lost']);
      }
  });

  it('survives a short disconnection, not a long one', () => {
    const { pc, told, timers } = setUp();
    pc.become('disconnected');
    pc.become('connected');
    assert.equal(timers.fire(DISCONNECTED_GRACE_MS), false);
    pc.become('disconnected');
    assert.deepEqual(told, []);
    assert.ok(timers.fire(DISCONNECTED_GRACE_MS));
    assert.deepEqual(told, ['lost']);
  });

  it('says nothing after end(), and leaves no timer', () => {
    const { connection, pc, control, told, messages, timers } = setUp();
    const { onmessage } = control;
    pc.become('disconnected');
    connection.end();
    onmessage!({ data: encodePeerMessage(cancel).buffer });
    assert.equal(timers.fire(DISCONNECTED_GRACE_MS), false);
    assert.deepEqual([told, messages], [[], []]);
  });

  it('handles, ignores or ends as malformed whatever arrives: 40 000 random and mutated frames', () => {
    const id = { algorithm: HashAlgorithm.SHA256, digest: new Uint8Array(32).fill(9) };
    const value = { requestId: 3, content: id, offset: 77n, length: 1000 };
    const valid = [
      encodePeerMessage({ case: 'request', value }),
      encodePeerMessage(cancel),
      encodePeerMessage({ case: 'refuse', value: { requestId: 1, reason: 2 } }),
      encodePeerMessage(fragment(100)),
    ];
    const mutated = fc
      .tuple(
        fc.constantFrom(...valid),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
        fc.option(fc.nat(200), { nil: undefined }),
        fc.uint8Array({ maxLength: 8 }),
      )
      .map(([frame, changes, length, tail]) => {
        const copy = Uint8Array.from([...frame.subarray(0, length), ...tail]);
        for (const [at, byte] of changes) if (copy.length > 0) copy[at % copy.length] = byte;
        return copy.buffer;
      });
    const random = fc.uint8Array({ maxLength: 300 }).map((bytes) => bytes.slice().buffer);
    const huge = fc.nat(200_000).map((bytes) => new ArrayBuffer(bytes));
    const other = fc.constantFrom('text', '', undefined, null, 5, new Uint8Array(3));
    const frames = fc.oneof(
      { weight: 60, arbitrary: mutated },
      { weight: 30, arbitrary: random },
      { weight: 1, arbitrary: huge },
      { weight: 1, arbitrary: other },
    );
    const outcomes = { handled: 0, ignored: 0, malformed: 0 };
    const before = process.memoryUsage();
    fc.assert(
      fc.property(frames, (frame) => {
        const { control, pc, told, messages } = setUp();
        control.onmessage!({ data: frame });
        if (told.length > 0) {
          assert.deepEqual([told, messages.length, pc.closed], [['malformed'], 0, 1]);
          outcomes.malformed++;
        } else if (messages.length > 0) {
          assert.equal(messages.length, 1);
          assert.ok(messages[0]!.case);
          outcomes.handled++;
        } else outcomes.ignored++;
      }),
      { numRuns: 40_000, seed: 20150629 },
    );
    for (const [outcome, count] of Object.entries(outcomes)) assert.ok(count > 50, outcome);
    const after = process.memoryUsage();
    const grown = after.arrayBuffers + after.heapUsed - before.arrayBuffers - before.heapUsed;
    assert.ok(grown < 256 * 1024 * 1024, `${grown} bytes more are in use`);
  });
});

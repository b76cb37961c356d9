import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import {
  CLOSE_CODE_BASE,
  decodeSessionResponse,
  ErrorCode,
  encodeSessionRequest,
  FIRST_PREFIX,
  MAX_FIRST_CHARACTERS,
  MAX_SESSION_MESSAGE_BYTES,
} from '@zauberflote/proto';
import { WebSocket } from 'ws';
import { Client, openPair, openRaw } from '../test-support/client.ts';
import { drop, have, SIGNAL_KINDS, signal, want } from '../test-support/messages.ts';
import { startTracker } from '../test-support/tracker.ts';
import type { RunningTracker, TrackerOptions } from './server.ts';

describe('tracker over real sockets', () => {
  let tracker: RunningTracker;
  const start = async (options: TrackerOptions = {}) => {
    tracker = await startTracker({ port: 0, host: '127.0.0.1', ...options });
  };
  beforeEach(() => start());
  afterEach(() => tracker.close());

  const open = () => Client.open(tracker.url);
  const pair = () => openPair(tracker.url);

  it('introduces an asker to a holder', async () => {
    const { holder, asker, reply } = await pair();
    assert.notEqual(holder.id, asker.id);
    assert.ok(reply.case === 'peers');
    assert.deepEqual(
      reply.value.swarms.map(({ holders, totalHolders }) => ({
        totalHolders,
        holders: holders.map(({ peerId, size }) => ({ peerId, size })),
      })),
      [{ totalHolders: 1, holders: [{ peerId: holder.id, size: 786_432n }] }],
    );
    assert.deepEqual(tracker.stats(), {
      peers: 2,
      swarms: 1,
      holdings: 1,
      introductions: 1,
      attempts: 0,
      leases: 0,
      strangers: 0,
      guests: 0,
    });
  });

  it('takes first frames from the subprotocols, and answers them in order, after Welcome', async () => {
    const holder = await open();
    holder.send(have([1], 5n));
    await holder.ask(want([2]));
    const first = [want([1]), want([2])].map(
      (body) => `${FIRST_PREFIX}${Buffer.from(encodeSessionRequest(body)).toString('base64url')}`,
    );
    const socket = new WebSocket(tracker.url, ['zauberflote.v1', ...first]);
    const replies: string[] = [];
    await new Promise<void>((resolve) => {
      socket.on('message', (data) => {
        const { body } = decodeSessionResponse(data as Buffer);
        replies.push(
          body.case === 'peers' ? `${body.value.swarms[0]?.holders.length}` : `${body.case}`,
        );
        if (replies.length === 3) resolve();
      });
    });
    assert.equal(socket.protocol, 'zauberflote.v1');
    assert.deepEqual(replies, ['welcome', '1', '0']);
    socket.close();
  });

  it('ends a session whose first frame is none', async () => {
    const socket = new WebSocket(tracker.url, ['zauberflote.v1', `${FIRST_PREFIX}AAAA`]);
    const [code] = await once(socket, 'close');
    assert.equal(code, CLOSE_CODE_BASE + ErrorCode.MALFORMED);
  });

  for (const [what, names] of [
    ['is ordinary base64', 'zauberflote.v1, first.Cg+/'],
    ['is padded', 'zauberflote.v1, first.CgA='],
    ['is no base64', 'zauberflote.v1, first.!!!'],
    ['is empty', 'zauberflote.v1, first.'],
    ['is there twice', 'zauberflote.v1, first.CgA, first.CgA'],
  ] as const)
    it(`refuses a first frame that ${what}, and says what one is`, async () => {
      const request = get({
        port: tracker.port,
        host: '127.0.0.1',
        headers: {
          connection: 'Upgrade',
          upgrade: 'websocket',
          'sec-websocket-version': '13',
          'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
          'sec-websocket-protocol': names,
        },
      });
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      assert.equal(response.statusCode, 400);
      assert.match(
        await text(response),
        /^First frames are first\. and .* in base64url without padding/,
      );
    });

  it('tells who sends JSON what to send', async () => {
    const client = await open();
    client.socket.send(Buffer.from('{"want":{}}'));
    const { code, message } = await client.ended();
    assert.equal(code, ErrorCode.MALFORMED);
    assert.match(message, /looks like JSON; send a SessionRequest/);
  });

  it('tells who puts the prefix of gRPC before a message to send it without', async () => {
    const client = await open();
    client.socket.send(Buffer.from([0, 0, 0, 0, 2, 0x0a, 0]));
    const { code, message } = await client.ended();
    assert.equal(code, ErrorCode.MALFORMED);
    assert.match(message, /gRPC puts before a message; send a SessionRequest encoded as protobuf$/);
  });

  it('refuses more first frames than a header should carry', async () => {
    const socket = new WebSocket(tracker.url, [
      'zauberflote.v1',
      `${FIRST_PREFIX}${'A'.repeat(MAX_FIRST_CHARACTERS)}`,
    ]);
    const [error] = await once(socket, 'error');
    assert.match(String(error), /431/);
  });

  it('answers messages that were sent before Welcome arrived', async () => {
    const socket = new WebSocket(tracker.url, 'zauberflote.v1');
    const replies: (string | undefined)[] = [];
    socket.once('open', () => socket.send(encodeSessionRequest(want([1]))));
    await new Promise<void>((resolve) => {
      socket.on('message', (data: Buffer) => {
        if (replies.push(decodeSessionResponse(data).body.case) === 2) resolve();
      });
    });
    assert.deepEqual(replies, ['welcome', 'peers']);
    socket.close();
    await once(socket, 'close');
  });

  it('relays every kind of signal with the id of its sender', async () => {
    const { holder, asker } = await pair();
    for (const kind of SIGNAL_KINDS) {
      const [from, to] = kind === 'answer' ? [holder, asker] : [asker, holder];
      from.send(signal(kind, to.id, 3));
      const relayed = await to.next();
      assert.ok(relayed.case === 'signal');
      assert.equal(relayed.value.peerId, from.id);
      assert.equal(relayed.value.attempt, 3);
      assert.equal(relayed.value.body.case, kind);
    }
  });

  it('forgets a peer that disconnects', async () => {
    const { holder, asker } = await pair();
    holder.socket.terminate();
    for (;;) {
      const reply = await asker.ask(want([1]));
      assert.ok(reply.case === 'peers');
      if (reply.value.swarms[0]?.totalHolders === 0) break;
    }
    const reply = await asker.ask(signal('offer', holder.id, 1));
    assert.ok(reply.case === 'undeliverable');
    assert.equal(reply.value.reason, 1);
    assert.deepEqual(tracker.stats(), {
      peers: 1,
      swarms: 0,
      holdings: 0,
      introductions: 0,
      attempts: 0,
      leases: 0,
      strangers: 0,
      guests: 0,
    });
  });

  it('forgets a peer that says it closes, though its connection has not ended', async () => {
    const socket = await openRaw(tracker.port);
    socket.allowHalfOpen = true;
    // Under 126 bytes, and a mask of zeros.
    const write = (opcode: number, payload: Uint8Array) =>
      socket.write(Buffer.of(0x80 | opcode, 0x80 | payload.length, 0, 0, 0, 0, ...payload));
    write(2, encodeSessionRequest(have([1])));
    const asker = await open();
    const named = async () => {
      const reply = await asker.ask(want([1]));
      assert.ok(reply.case === 'peers');
      return reply.value.swarms[0]!.holders;
    };
    let holders = await named();
    while (holders.length === 0) holders = await named();
    write(8, new Uint8Array());
    const received: Buffer[] = [];
    socket.on('data', (data) => received.push(data));
    await once(socket, 'end');
    assert.ok(Buffer.concat(received).subarray(-2).equals(Buffer.of(0x88, 0)));
    const reply = await asker.ask(signal('offer', holders[0]!.peerId, 1));
    assert.ok(reply.case === 'undeliverable');
    assert.equal(reply.value.reason, 1);
    assert.equal(tracker.stats().peers, 1);
    socket.end();
  });

  it('takes a message of the largest size', async () => {
    const client = await open();
    const body = encodeSessionRequest(want([1]));
    // The rest is one field that no version knows yet: number 100, of three bytes of length.
    const padding = MAX_SESSION_MESSAGE_BYTES - body.length - 5;
    const header = [
      0xa2,
      0x06,
      (padding & 0x7f) | 0x80,
      ((padding >> 7) & 0x7f) | 0x80,
      padding >> 14,
    ];
    client.socket.send(Buffer.concat([body, Buffer.from(header), Buffer.alloc(padding)]));
    assert.equal((await client.next()).case, 'peers');
  });

  for (const { what, code, send } of [
    { what: 'a text frame', code: ErrorCode.MALFORMED, send: (s: WebSocket) => s.send('hello') },
    {
      what: 'an empty frame',
      code: ErrorCode.MALFORMED,
      send: (s: WebSocket) => s.send(Buffer.of()),
    },
    { what: 'nonsense', code: ErrorCode.MALFORMED, send: (s: WebSocket) => s.send(Buffer.of(255)) },
    {
      what: 'a message that is too large',
      code: ErrorCode.TOO_LARGE,
      send: (s: WebSocket) => s.send(Buffer.alloc(MAX_SESSION_MESSAGE_BYTES + 1)),
    },
    {
      what: 'a message in parts that are too large together',
      code: ErrorCode.TOO_LARGE,
      send: (s: WebSocket) => {
        s.send(Buffer.alloc(MAX_SESSION_MESSAGE_BYTES), { fin: false });
        s.send(Buffer.alloc(1), { fin: true });
      },
    },
  ])
    it(`ends a client that sends ${what}, and no other`, async () => {
      const bystander = await open();
      const client = await open();
      send(client.socket);
      assert.equal((await client.ended()).code, code);
      assert.equal(tracker.stats().peers, 1);
      assert.equal((await bystander.ask(want([1]))).case, 'peers');
    });

  for (const { what, bytes, code } of [
    { what: 'a reserved opcode', bytes: [0x83, 0x80, 0, 0, 0, 0], code: 1002 },
    { what: 'an unmasked frame', bytes: [0x82, 0x01, 0x00], code: 1002 },
    { what: 'text that is no UTF-8', bytes: [0x81, 0x81, 0, 0, 0, 0, 0xff], code: 1007 },
  ])
    it(`closes a connection with ${what} by the code of RFC 6455`, async () => {
      const bystander = await open();
      const socket = await openRaw(tracker.port);
      const received: Buffer[] = [];
      socket.on('data', (data) => received.push(data));
      socket.write(Buffer.from(bytes));
      while (!Buffer.concat(received).includes(Buffer.of(0x88, 0x02, code >> 8, code & 255)))
        await once(socket, 'data');
      socket.end();
      await once(socket, 'close');
      assert.equal((await bystander.ask(want([1]))).case, 'peers');
      assert.equal(tracker.stats().peers, 1);
    });

  it('ends a client that does not read what it asks for', async () => {
    await tracker.close();
    await start({ messagesPerSecond: 1e6, bytesPerSecond: 1e9, contentsPerSecond: 1e6 });
    const { asker, holder } = await pair();
    const ids = Array.from({ length: 64 }, (_, n) => n);
    asker.socket.pause();
    // Its requests make replies several times their size, which fill the buffers in between.
    while (tracker.stats().peers === 2) {
      // No more than the tracker reads: it takes one of them in a turn of the event loop.
      if (asker.socket.bufferedAmount === 0) asker.send(want(ids));
      await new Promise(setImmediate);
    }
    asker.socket.resume();
    assert.equal((await asker.closed).code, 4000 + ErrorCode.SLOW_CONSUMER);
    assert.equal((await holder.ask(want([1]))).case, 'peers');
  });

  it('reads slowly from a client that sends too much, and ends one that sends far more', async () => {
    const contentsPerSecond = 64;
    await tracker.close();
    await start({ contentsPerSecond });
    const bystander = await open();
    const eager = await open();
    const flooder = await open();
    // Each is a second's worth.
    const ids = Array.from({ length: 64 }, (_, n) => n);
    for (let n = 0; n < 7; n++) eager.send(want(ids));
    const from = performance.now();
    for (let n = 0; n < 200; n++) flooder.send(want(ids));
    let replies = 0;
    for (;;) {
      const reply = await flooder.next();
      if (reply.case === 'peers') replies++;
      else {
        assert.ok(reply.case === 'error');
        assert.equal(reply.value.code, ErrorCode.LIMIT_EXCEEDED);
        assert.ok(reply.value.retryAfterMs > 0);
        break;
      }
    }
    assert.equal((await flooder.closed).code, 4000 + ErrorCode.LIMIT_EXCEEDED);
    // One more for each second that a busy machine takes for them.
    const most = 2 * 5 + 1 + Math.floor((performance.now() - from) / 1_000);
    assert.ok(replies >= 5 && replies <= most, `${replies} were answered`);
    for (let n = 0; n < 7; n++) assert.equal((await eager.next()).case, 'peers');
    assert.equal((await eager.ask(want([1]))).case, 'peers');
    assert.equal((await bystander.ask(want([1]))).case, 'peers');
  });

  it('finds a half-open connection by its missing pong', async () => {
    await tracker.close();
    await start({ heartbeatMs: 1_000 });
    const alive = await open();
    const dead = await openRaw(tracker.port);
    const closed = once(dead, 'close');
    const received: Buffer[] = [];
    dead.on('data', (data) => received.push(data));
    await closed;
    assert.ok(Buffer.concat(received).includes(Buffer.of(0x89, 0)), 'it was never pinged');
    assert.ok(Buffer.concat(received).includes(Buffer.of(4004 >> 8, 4004 & 255)));
    assert.equal(alive.socket.readyState, WebSocket.OPEN);
    assert.equal(tracker.stats().peers, 1);
  });

  it('tells how it is, and what it is', async () => {
    const { asker } = await pair();
    const base = tracker.url.replace('ws:', 'http:');
    const health = await fetch(`${base}healthz?verbose`);
    assert.equal(health.status, 200);
    assert.deepEqual(await health.json(), { status: 'ok', peers: 2, swarms: 1 });
    asker.send(drop([1]));
    const root = await fetch(base);
    assert.equal(root.status, 426);
    assert.match(await root.text(), /WebSocket with subprotocol zauberflote\.v1/);
    assert.equal((await fetch(`${base}elsewhere`)).status, 404);
    assert.equal((await fetch(`${base}healthz`, { method: 'POST' })).status, 405);
    assert.equal((await fetch(`${base}healthz`, { method: 'HEAD' })).status, 200);
  });

  it('answers a request that offers HTTP/2 in passing', async () => {
    const socket = connect(tracker.port, '127.0.0.1');
    socket.write(
      'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n',
    );
    const [data] = (await once(socket, 'data')) as [Buffer];
    assert.match(data.toString(), /^HTTP\/1\.1 200 /);
    socket.destroy();
  });

  for (const { what, path, protocols, status, text } of [
    {
      what: 'without a subprotocol',
      path: '',
      protocols: [],
      status: 400,
      text: /zauberflote\.v1/,
    },
    { what: 'with another', path: '', protocols: ['mqtt'], status: 400, text: /zauberflote\.v1/ },
    {
      what: 'to another path',
      path: 'chat',
      protocols: ['zauberflote.v1'],
      status: 404,
      text: /\//,
    },
  ])
    it(`refuses a WebSocket ${what}`, async () => {
      const socket = new WebSocket(tracker.url + path, protocols);
      const [request, response] = await once(socket, 'unexpected-response');
      assert.equal(response.statusCode, status);
      assert.match((await response.toArray()).join(''), text);
      request.destroy();
      assert.equal(tracker.stats().peers, 0);
    });

  it('picks its subprotocol among several', async () => {
    const socket = new WebSocket(tracker.url, ['zauberflote.v2', 'zauberflote.v1']);
    await once(socket, 'open');
    assert.equal(socket.protocol, 'zauberflote.v1');
    socket.close();
    await once(socket, 'close');
  });
});

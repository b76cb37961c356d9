import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import type { Client as RpcClient } from '@connectrpc/connect';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { MAX_SESSION_MESSAGE_BYTES } from '@zauberflote/proto';
import type { SessionRequest, SessionResponse } from '@zauberflote/proto/full';
import { SessionRequestSchema, TrackerService } from '@zauberflote/proto/full';
import { Client } from '../../test-support/client.ts';
import { content, have, signal, want } from '../../test-support/messages.ts';
import { startTracker } from '../../test-support/tracker.ts';
import type { RunningTracker, TrackerOptions } from '../server.ts';

type Body = MessageInitShape<typeof SessionRequestSchema>['body'];

/** A client of the gRPC service, which sends what it is told and takes what comes. */
class GrpcPeer {
  #queue: SessionRequest[] = [];
  #wake: () => void = () => {};
  #done = false;
  readonly #replies: AsyncIterator<SessionResponse>;
  readonly #abort = new AbortController();
  id = 0n;

  constructor(rpc: RpcClient<typeof TrackerService>, headers: Record<string, string> = {}) {
    this.#replies = rpc
      .session(this.#requests(), { signal: this.#abort.signal, headers })
      [Symbol.asyncIterator]();
  }

  static async open(
    rpc: RpcClient<typeof TrackerService>,
    headers?: Record<string, string>,
  ): Promise<GrpcPeer> {
    const peer = new GrpcPeer(rpc, headers);
    const welcome = await peer.next();
    assert.ok(welcome.case === 'welcome');
    peer.id = welcome.value.peerId;
    return peer;
  }

  async *#requests(): AsyncGenerator<SessionRequest> {
    for (;;) {
      const next = this.#queue.shift();
      if (next) yield next;
      else if (this.#done) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }

  send(body: unknown): void {
    this.#queue.push(create(SessionRequestSchema, { body: body as Body }));
    this.#wake();
  }

  async next(): Promise<SessionResponse['body']> {
    const { value, done } = await this.#replies.next();
    assert.ok(!done, 'the stream ended while a message was awaited');
    return value.body;
  }

  async ask(body: unknown): Promise<SessionResponse['body']> {
    this.send(body);
    return this.next();
  }

  /** The error that the stream ends with. */
  async failure(): Promise<ConnectError> {
    try {
      await this.#replies.next();
    } catch (error) {
      this.#end();
      return ConnectError.from(error);
    }
    return assert.fail('the stream did not end with an error');
  }

  /** Ends its side and waits for the other. */
  async leave(): Promise<void> {
    this.#end();
    assert.equal((await this.#replies.next()).done, true);
  }

  #end(): void {
    this.#done = true;
    this.#wake();
  }

  abort(): void {
    this.#abort.abort();
  }
}

describe('gRPC and Connect beside WebSocket, on one port', () => {
  let tracker: RunningTracker;
  let base: string;
  let rpc: RpcClient<typeof TrackerService>;

  async function start(options: TrackerOptions = {}): Promise<void> {
    tracker = await startTracker({ port: 0, ...options });
    base = `http://localhost:${tracker.port}`;
    rpc = createClient(TrackerService, createGrpcTransport({ baseUrl: base }));
  }
  afterEach(() => tracker.close());

  const gone = async (peers: number) => {
    while (tracker.stats().peers > peers) await new Promise((resolve) => setTimeout(resolve, 10));
  };

  for (const transport of ['WebSocket', 'gRPC'] as const)
    it(`prefers holders that came by the version of IP of an asker over ${transport}`, async () => {
      await start({ messagesPerSecond: 10_000 });
      const from = (address: string) => ({ 'X-Forwarded-For': address });
      const holders: Client[] = [];
      for (const address of ['192.0.2.1', '2001:db8::1']) {
        const holder = await Client.open(tracker.url, { headers: from(address) });
        await holder.ask(want([9]));
        holder.send(have([1]));
        await holder.ask(want([9]));
        holders.push(holder);
      }
      for (const [address, preferred] of [
        ['2001:db8::2', holders[1]],
        ['192.0.2.2', holders[0]],
      ] as const) {
        const asker =
          transport === 'gRPC'
            ? await GrpcPeer.open(rpc, from(address))
            : await Client.open(tracker.url, { headers: from(address) });
        let named = 0;
        for (let round = 0; round < 1_600; round++) {
          const peers = await asker.ask(want([1], 1));
          assert.ok(peers.case === 'peers');
          if (peers.value.swarms[0]!.holders[0]!.peerId === preferred?.id) named++;
        }
        // 1,000 as it should be, 800 without a preference: five standard deviations to either side.
        assert.ok(named > 900, `${named} of 1,600`);
      }
    });

  for (const seeder of ['WebSocket', 'gRPC'] as const)
    it(`lets a ${seeder} seeder and a leecher of the other transport meet`, async () => {
      await start();
      const webSocket = await Client.open(tracker.url);
      const grpc = await GrpcPeer.open(rpc);
      const [holder, comer] = seeder === 'WebSocket' ? [webSocket, grpc] : [grpc, webSocket];
      holder.send(have([1]));
      // What was sent before has been handled when this is answered.
      await holder.ask(want([9]));
      const peers = await comer.ask(want([1]));
      assert.ok(peers.case === 'peers');
      assert.deepEqual(
        peers.value.swarms[0]?.holders.map(({ peerId }) => peerId),
        [holder.id],
      );
      comer.send(signal('offer', holder.id, 1));
      const offer = await holder.next();
      assert.ok(offer.case === 'signal' && offer.value.body.case === 'offer');
      assert.equal(offer.value.peerId, comer.id);
      assert.equal(offer.value.body.value.iceUfrag, 'frag1');
      holder.send(signal('answer', comer.id, 1));
      const answer = await comer.next();
      assert.ok(answer.case === 'signal' && answer.value.body.case === 'answer');
      assert.equal(answer.value.peerId, holder.id);
      comer.send(signal('candidates', holder.id, 1));
      const candidates = await holder.next();
      assert.ok(candidates.case === 'signal' && candidates.value.body.case === 'candidates');
      await webSocket.leave();
      await grpc.leave();
      await gone(0);
    });

  it('refuses a signal to somebody who was not named, as over WebSocket', async () => {
    await start();
    const webSocket = await Client.open(tracker.url);
    const grpc = await GrpcPeer.open(rpc);
    const refused = await grpc.ask(signal('offer', webSocket.id, 1));
    assert.ok(refused.case === 'undeliverable');
    await grpc.leave();
    await webSocket.leave();
  });

  it('forgets a peer whose call is cancelled', async () => {
    await start();
    const grpc = await GrpcPeer.open(rpc);
    grpc.send(have([1]));
    await grpc.ask(want([9]));
    assert.equal(tracker.stats().holdings, 1);
    grpc.abort();
    await gone(0);
    assert.equal(tracker.stats().holdings, 0);
  });

  it('ends a stream that breaks the protocol with an Error, and then the status of it', async () => {
    await start();
    const grpc = await GrpcPeer.open(rpc);
    const error = await grpc.ask({ case: 'want', value: { contents: [] } });
    assert.ok(error.case === 'error');
    assert.equal(error.value.code, 1);
    assert.equal((await grpc.failure()).code, Code.InvalidArgument);
    await gone(0);
  });

  it('ends a stream whose message is too large', async () => {
    await start();
    const grpc = await GrpcPeer.open(rpc);
    const description = { rawSdp: 'x'.repeat(MAX_SESSION_MESSAGE_BYTES) };
    const body = { case: 'offer', value: description };
    const error = await grpc.ask({ case: 'signal', value: { peerId: 5n, attempt: 1, body } });
    assert.ok(error.case === 'error');
    assert.equal(error.value.code, 2);
    assert.equal((await grpc.failure()).code, Code.ResourceExhausted);
  });

  it('reads slowly from a stream that sends too much, and answers all', async () => {
    await start({ messagesPerSecond: 20 });
    const grpc = await GrpcPeer.open(rpc);
    // The burst is 100; the rest takes a while, in which nothing is lost.
    for (let i = 0; i < 110; i++) grpc.send(want([i]));
    for (let i = 0; i < 110; i++) {
      const peers = await grpc.next();
      assert.ok(peers.case === 'peers');
      assert.deepEqual(peers.value.swarms[0]?.content?.digest, content(i).digest);
    }
    await grpc.leave();
  });

  it('turns away whom it has no room for', async () => {
    await start({ maxPeers: 1 });
    const first = await GrpcPeer.open(rpc);
    const second = new GrpcPeer(rpc);
    const error = await second.next();
    assert.ok(error.case === 'error');
    assert.ok(error.value.retryAfterMs > 0);
    assert.equal((await second.failure()).code, Code.Unavailable);
    await first.leave();
  });

  it('keeps to the limits of an address', async () => {
    await start({ trustedProxies: [], connectionsPerAddress: 1 });
    const first = await GrpcPeer.open(rpc);
    assert.equal((await new GrpcPeer(rpc).failure()).code, Code.Unavailable);
    await first.leave();
    // Its place is free again as soon as its stream has closed on the tracker's side.
    for (;;) {
      const again = new GrpcPeer(rpc);
      const welcome = await again.next().catch(() => undefined);
      if (welcome) break;
    }
  });

  it('ends streams when it stops', async () => {
    await start();
    const grpc = await GrpcPeer.open(rpc);
    const stopped = tracker.close();
    const error = await grpc.next();
    assert.ok(error.case === 'error');
    assert.equal(error.value.code, 6);
    assert.equal((await grpc.failure()).code, Code.Unavailable);
    await stopped;
  });

  it('counts a swarm over gRPC, and as JSON over HTTP/1.1, as curl asks', async () => {
    await start();
    const holder = await GrpcPeer.open(rpc);
    holder.send(have([1]));
    await holder.ask(want([9]));
    const { complete, partial } = await rpc.getSwarm({ content: content(1) });
    assert.deepEqual([complete, partial], [1, 0]);
    const ask = (body: string) =>
      fetch(`${base}/${TrackerService.typeName}/GetSwarm`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body,
      });
    const digest = Buffer.from(content(1).digest).toString('base64');
    const algorithm = 'HASH_ALGORITHM_MANIFEST_SHA256';
    const answer = await ask(JSON.stringify({ content: { algorithm, digest } }));
    assert.equal(answer.status, 200);
    assert.deepEqual(await answer.json(), { complete: 1, served: true });
    const wrong = await ask('{}');
    assert.equal(wrong.status, 400);
    assert.match(await wrong.text(), /invalid_argument.*content id is missing/);
    await holder.leave();
  });

  it('answers what is no call, over both versions of HTTP', async () => {
    await start();
    assert.equal((await fetch(`${base}/healthz`)).status, 200);
    const { connect } = await import('node:http2');
    const session = connect(base);
    for (const [path, status] of [
      ['/healthz', 200],
      ['/', 404],
    ] as const) {
      const stream = session.request({ ':path': path });
      const [headers] = await once(stream, 'response');
      assert.equal(headers[':status'], status);
      stream.resume();
      await once(stream, 'close');
    }
    session.close();
  });

  it('takes a preface that comes letter by letter, and ends who says nothing', async () => {
    await start();
    const slow = connectTcp(tracker.port, 'localhost');
    const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    for (const letter of 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n') slow.write(letter);
    slow.write(settings);
    const [frame] = (await once(slow, 'data')) as [Buffer];
    assert.equal(frame[3], 4, 'a SETTINGS frame');
    slow.destroy();
    await tracker.close();
    await start({ headersTimeoutMs: 500 });
    const silent = connectTcp(tracker.port, 'localhost');
    await once(silent, 'close');
  });

  it('is not held up in stopping by a connection that has said nothing', async () => {
    await start();
    const silent = connectTcp(tracker.port, 'localhost');
    await once(silent, 'connect');
    // Answered after the silent one was accepted.
    await fetch(`${base}/healthz`);
    const closed = once(silent, 'close');
    await tracker.close();
    await closed;
  });

  it('ends a connection of HTTP/2 that answers no ping', async () => {
    await start({ heartbeatMs: 200 });
    const dead = connectTcp(tracker.port, 'localhost');
    dead.on('error', () => {});
    dead.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    dead.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
    dead.resume();
    await once(dead, 'close');
  });
});

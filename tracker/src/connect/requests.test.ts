import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ClientHttp2Session, OutgoingHttpHeaders } from 'node:http2';
import { connect as connectHttp2 } from 'node:http2';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Code } from '@connectrpc/connect';
import { TrackerService } from '@zauberflote/proto/full';
import { ED25519, pem, token } from '../../test-support/tokens.ts';
import { startTracker } from '../../test-support/tracker.ts';
import type { RunningTracker, TrackerOptions } from '../server.ts';

const GET_SWARM = `/${TrackerService.typeName}/GetSwarm`;
const SESSION = `/${TrackerService.typeName}/Session`;

for (const access of ['without tokens', 'with tokens'] as const)
  describe(`requests over raw sockets, ${access}`, () => {
    let folder: string;
    let tracker: RunningTracker;
    let query = '';
    const start = async (options: TrackerOptions = {}) => {
      const all = { port: 0, host: '127.0.0.1', ...options };
      if (access === 'with tokens') {
        const tokenKeysFile = join(folder, 'keys');
        writeFileSync(tokenKeysFile, pem(ED25519.publicKey));
        query = `?token=${await token()}`;
        tracker = await startTracker({ ...all, tokenKeysFile });
      } else tracker = await startTracker(all);
    };
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'zf-requests-'));
    });
    afterEach(async () => {
      await tracker.close();
      rmSync(folder, { recursive: true });
    });
    const replyTo = async (text: string) => {
      const socket = connect(tracker.port, '127.0.0.1');
      socket.write(text);
      return (await socket.toArray()).join('');
    };
    const lives = async () =>
      assert.equal((await fetch(`http://127.0.0.1:${tracker.port}/healthz`)).status, 200);

    for (const { what, version, host } of [
      { what: 'without a Host (HTTP/1.0)', version: '1.0', host: '' },
      { what: 'with a Host that is none', version: '1.1', host: 'Host: a b:99999999\r\n' },
      { what: 'with an empty Host', version: '1.1', host: 'Host:\r\n' },
    ])
      it(`are answered with 400 ${what}, and the tracker lives on`, async () => {
        await start();
        const reply = await replyTo(
          `POST ${GET_SWARM}${query} HTTP/${version}\r\n${host}Connection: close\r\nContent-Length: 0\r\n\r\n`,
        );
        assert.match(reply, /^HTTP\/1\.1 400 /);
        assert.match(reply, /Name the host of the tracker/);
        await lives();
      });

    it('are answered with 400 over HTTP/2 with an authority that is none', async () => {
      await start();
      const session = connectHttp2(`http://127.0.0.1:${tracker.port}`);
      const stream = session.request({
        ':method': 'POST',
        ':path': `${GET_SWARM}${query}`,
        ':authority': 'a:99999999',
      });
      const [headers] = await once(stream, 'response');
      assert.equal(headers[':status'], 400);
      session.destroy();
      await lives();
    });

    const askSession = (session: ClientHttp2Session, headers: OutgoingHttpHeaders = {}) => {
      const stream = session.request({
        ':method': 'POST',
        ':path': `${SESSION}${query}`,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...headers,
      });
      stream.on('error', () => {});
      return stream;
    };
    /** A connection with a session of a peer, by an HTTP/2 client. */
    const opened = async () => {
      let socket: Socket | undefined;
      const session = connectHttp2(`http://127.0.0.1:${tracker.port}`, {
        createConnection() {
          socket = connect({ port: tracker.port, host: '127.0.0.1', allowHalfOpen: true });
          return socket;
        },
      });
      session.on('error', () => {});
      await once(askSession(session), 'data');
      assert.equal(tracker.stats().peers, 1);
      return { socket: socket as Socket, session };
    };
    const forgotten = async () => {
      while (tracker.stats().peers > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    };

    it('of HTTP/2 whose client vanishes leave no peer, well before a heartbeat', async () => {
      await start({ heartbeatMs: 3_600_000 });
      const { socket, session } = await opened();
      socket.end();
      await forgotten();
      session.destroy();
      const next = await opened();
      next.socket.resetAndDestroy();
      await forgotten();
    });

    it('of messages that cannot be read end with an Error that says why', async () => {
      await start();
      const session = connectHttp2(`http://127.0.0.1:${tracker.port}`);
      for (const [message, why] of [
        [[1, 0, 0, 0, 1, 0], /as protobuf, not compressed; .*compress/],
        [[0, 0, 0, 0, 1, 0xff], /as protobuf, not compressed; this could not be read: ./],
      ] as const) {
        const stream = askSession(session);
        stream.end(Buffer.from(message));
        const frames = Buffer.concat(await stream.toArray());
        assert.match(frames.toString(), why);
      }
      session.destroy();
    });

    it('are not taken compressed, in gRPC nor in Connect', async () => {
      await start();
      const message = gzipSync('{}');
      const path = `${GET_SWARM}${query}`;
      const answer = await fetch(`http://127.0.0.1:${tracker.port}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
        body: message,
      });
      assert.match(await answer.text(), /"unimplemented".*unknown compression/);
      const session = connectHttp2(`http://127.0.0.1:${tracker.port}`);
      const stream = session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc+json',
        'grpc-encoding': 'gzip',
        te: 'trailers',
      });
      stream.end(Buffer.concat([Buffer.of(1, 0, 0, 0, message.length), message]));
      stream.resume();
      const [trailers] = await once(stream, 'trailers');
      assert.equal(trailers['grpc-status'], `${Code.Unimplemented}`);
      session.destroy();
    });

    it('of sessions that have ended are cut off where the client does not read', async () => {
      await start();
      const settings = { initialWindowSize: 0 };
      const session = connectHttp2(`http://127.0.0.1:${tracker.port}`, { settings });
      const stream = askSession(session);
      while (tracker.stats().peers === 0) await new Promise((resolve) => setTimeout(resolve, 10));
      stream.write(Buffer.from([0, 0, 0, 0, 1, 0xff]));
      await once(stream, 'close');
      session.destroy();
    });

    it('of sessions that are refused are cut off where the client does not read', async () => {
      await start({ allowOrigin: ['example.com'] });
      const settings = { initialWindowSize: 0 };
      const session = connectHttp2(`http://127.0.0.1:${tracker.port}`, { settings });
      const stream = askSession(session, { origin: 'https://other.test' });
      const [{ ':status': status }] = await once(stream, 'response');
      assert.equal(status, 403);
      await once(stream, 'close');
      session.destroy();
    });

    it('that are no session are ended where they take too long, over both versions of HTTP', async () => {
      await start({ headersTimeoutMs: 500, requestTimeoutMs: 1_000 });
      const session = connectHttp2(`http://127.0.0.1:${tracker.port}`);
      const lasting = askSession(session);
      await once(lasting, 'data');
      const stalled = session.request({
        ':method': 'POST',
        ':path': `${GET_SWARM}${query}`,
        'content-type': 'application/json',
        'content-length': '100',
      });
      stalled.on('error', () => {});
      const reply = replyTo(
        `POST ${GET_SWARM}${query} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n`,
      );
      await Promise.all([once(stalled, 'close'), reply]);
      assert.match(await reply, /^HTTP\/1\.1 408 /);
      assert.equal(tracker.stats().peers, 1);
      session.destroy();
    });

    it('of HTTP/2 that are cancelled at once, or when they have begun, leave no peer', async () => {
      await start({ heartbeatMs: 3_600_000, adminPort: 0 });
      const session = connectHttp2(`http://127.0.0.1:${tracker.port}`);
      for (let round = 0; round < 50; round++) {
        const stream = askSession(session);
        if (round % 2 === 0) await once(stream, 'data');
        stream.close(8);
        await once(stream, 'close');
      }
      session.close();
      await once(session, 'close');
      await forgotten();
      const metrics = await fetch(`http://127.0.0.1:${tracker.adminPort}/metrics`);
      const [, sessions] = /^zauberflote_sessions_total (\d+)$/m.exec(await metrics.text()) ?? [];
      assert.ok(Number(sessions) >= 25, `${sessions} sessions`);
    });
  });

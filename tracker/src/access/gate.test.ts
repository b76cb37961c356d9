import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { decodeSessionResponse, encodeSessionRequest, FIRST_PREFIX } from '@zauberflote/proto';
import { TrackerService } from '@zauberflote/proto/full';
import { WebSocket } from 'ws';
import { content, want } from '../../test-support/messages.ts';
import { SILENT } from '../../test-support/silent.ts';
import { EC, ED25519, pem, token } from '../../test-support/tokens.ts';
import { startTracker } from '../../test-support/tracker.ts';
import { Admission } from '../admission.ts';
import { DEFAULTS } from '../config/settings.ts';
import { Counters } from '../counters.ts';
import type { Refusal } from '../http.ts';
import { MAX_PENDING_TOKENS } from '../limits.ts';
import type { RunningTracker, TrackerOptions } from '../server.ts';
import { Gate } from './gate.ts';
import { KeyError, readKeys } from './keys.ts';

const SITE = 'https://example.com';

describe('tokens over real sockets', () => {
  let folder: string;
  let path: string;
  let tracker: RunningTracker;
  const start = async (options: TrackerOptions = {}) => {
    path = join(folder, 'keys');
    writeFileSync(path, pem(ED25519.publicKey));
    const all = { port: 0, host: '127.0.0.1', adminPort: 0, tokenKeysFile: path, ...options };
    tracker = await startTracker(all);
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'zf-keys-'));
  });
  afterEach(async () => {
    await tracker?.close();
    rmSync(folder, { recursive: true });
  });

  const open = (given?: string, headers: Readonly<Record<string, string>> = {}) =>
    new WebSocket(
      `${tracker.url}${given === undefined ? '' : `?token=${given}`}`,
      'zauberflote.v1',
      {
        headers,
        origin: SITE,
      },
    );
  /** The status it gets, and what it is told. */
  const outcome = async (socket: WebSocket) => {
    const refused = once(socket, 'unexpected-response').then(async ([request, response]) => {
      const text = (await response.toArray()).join('');
      request.destroy();
      return { status: response.statusCode as number, text };
    });
    const opened = once(socket, 'open').then(() => ({ status: 101, text: '' }));
    for (const promise of [refused, opened]) promise.catch(() => {});
    return Promise.race([refused, opened]);
  };
  const metrics = async () => (await fetch(`http://127.0.0.1:${tracker.adminPort}/metrics`)).text();

  it('let a page in by its address, and a program by Authorization', async () => {
    await start();
    assert.equal((await outcome(open(await token()))).status, 101);
    const authorization = `Bearer ${await token()}`;
    assert.equal((await outcome(open(undefined, { authorization }))).status, 101);
    assert.equal(tracker.stats().peers, 2);
  });

  it('are asked for: who has none, or a bad one, gets 401, is told why, and is counted', async () => {
    await start();
    const seconds = Math.floor(Date.now() / 1_000);
    for (const { given, says } of [
      { given: undefined, says: /asks for a token.*\?token=/ },
      { given: 'nonsense', says: /no signed JWT/ },
      { given: await token({ exp: seconds - 100 }), says: /expired/ },
      { given: await token({ nbf: seconds + 1_000 }), says: /not valid yet/ },
      {
        given: await token({ site: 'other.test' }),
        says: /another site than "https:\/\/example\.com"/,
      },
      { given: await token({}, EC.privateKey, { alg: 'ES256' }), says: /a key for: EdDSA/ },
    ]) {
      const { status, text } = await outcome(open(given));
      assert.equal(status, 401);
      assert.match(text, says);
    }
    assert.equal(tracker.stats().peers, 0);
    const lines = (await metrics()).split('\n');
    for (const line of [
      'zauberflote_refused_total{status="401"} 6',
      'zauberflote_limit_hits_total{limit="token-keys-file"} 6',
      'zauberflote_token_refusals_total{problem="expired"} 1',
      'zauberflote_token_refusals_total{problem="site"} 1',
    ])
      assert.ok(lines.includes(line), line);
  });

  it('are never written to the log, whatever its level', async () => {
    const said: string[] = [];
    await start({ logLevel: 'debug', logTo: { write: (line) => said.push(line) } });
    const good = await token();
    await outcome(open(good));
    await outcome(open('nonsense'));
    const lines = said.join('');
    assert.match(lines, /"tokens are asked for"/);
    assert.match(lines, /"let in"/);
    assert.match(lines, /"refused: /);
    for (const secret of [good, good.split('.')[2]!, 'nonsense'])
      assert.ok(!lines.includes(secret), lines);
  });

  it('do not change the order of what came first', async () => {
    await start();
    const first = [1, 2].map(
      (n) => `${FIRST_PREFIX}${Buffer.from(encodeSessionRequest(want([n]))).toString('base64url')}`,
    );
    const socket = connect(tracker.port, '127.0.0.1');
    const frame = encodeSessionRequest(want([3]));
    // All at once: the frame is there before the token has been checked.
    socket.write(
      Buffer.concat([
        Buffer.from(
          [
            `GET /?token=${await token()} HTTP/1.1`,
            'Host: localhost',
            `Origin: ${SITE}`,
            'Connection: Upgrade',
            'Upgrade: websocket',
            'Sec-WebSocket-Version: 13',
            'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
            `Sec-WebSocket-Protocol: ${['zauberflote.v1', ...first].join(', ')}`,
            '\r\n',
          ].join('\r\n'),
        ),
        Buffer.from([0x82, 0x80 | frame.length, 0, 0, 0, 0]),
        frame,
      ]),
    );
    let bytes = Buffer.alloc(0);
    const replies: unknown[] = [];
    while (replies.length < 4) {
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      bytes = Buffer.concat([bytes, chunk]);
      replies.length = 0;
      let at = bytes.indexOf('\r\n\r\n') + 4;
      for (; at >= 4 && at + 1 < bytes.length; at += 2 + bytes[at + 1]!) {
        const message = bytes.subarray(at + 2, at + 2 + bytes[at + 1]!);
        if (message.length < bytes[at + 1]!) break;
        const { body } = decodeSessionResponse(message);
        replies.push(body.case === 'peers' ? body.value.swarms[0]?.content?.digest[3] : body.case);
      }
    }
    assert.deepEqual(replies, ['welcome', 1, 2, 3]);
    socket.destroy();
  });

  it('of connections that close meanwhile leave nothing behind', async () => {
    await start({ connectionsPerAddress: 10, connectRatePerAddress: 100_000, trustedProxies: [] });
    const head = [
      `GET /?token=${await token()} HTTP/1.1`,
      'Host: localhost',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Protocol: zauberflote.v1',
      '\r\n',
    ].join('\r\n');
    for (let round = 0; round < 20; round++)
      await Promise.all(
        Array.from({ length: 10 }, async () => {
          const socket = connect(tracker.port, '127.0.0.1');
          socket.on('error', () => {});
          socket.write(head, () => socket.resetAndDestroy());
          await once(socket, 'close');
        }),
      );
    // All places of the address are free again.
    while (tracker.stats().peers > 0) await new Promise(setImmediate);
    for (;;) {
      const given = await Promise.all(Array.from({ length: 10 }, () => token()));
      const sockets = given.map((one) => open(one));
      const outcomes = await Promise.all(sockets.map(outcome));
      if (outcomes.every(({ status }) => status === 101)) break;
      for (const { status } of outcomes) assert.ok(status === 101 || status === 429, `${status}`);
      // One of those before was still there. These are not to take the places of the next ten.
      for (const socket of sockets) socket.terminate();
      while (tracker.stats().peers > 0) await new Promise(setImmediate);
    }
  });

  it('are asked for by gRPC and Connect as well', async () => {
    await start();
    const url = `http://127.0.0.1:${tracker.port}`;
    const client = createClient(TrackerService, createGrpcTransport({ baseUrl: url }));
    const ask = { content: { ...content(1), $typeName: 'zauberflote.v1.ContentId' as const } };
    await assert.rejects(
      client.getSwarm(ask),
      (error) => error instanceof ConnectError && error.code === Code.Unauthenticated,
    );
    const authorization = `Bearer ${await token()}`;
    assert.equal((await client.getSwarm(ask, { headers: { authorization } })).complete, 0);
    const post = (query: string, headers: Readonly<Record<string, string>> = {}) =>
      fetch(`${url}/zauberflote.v1.TrackerService/GetSwarm${query}`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...headers },
        body: JSON.stringify({
          content: {
            algorithm: 'HASH_ALGORITHM_MANIFEST_SHA256',
            digest: Buffer.from(content(1).digest).toString('base64'),
          },
        }),
      });
    const refused = await post('');
    assert.equal(refused.status, 401);
    assert.equal(refused.headers.get('www-authenticate'), 'Bearer error="invalid_token"');
    assert.match(await refused.text(), /asks for a token/);
    assert.equal((await post('', { authorization })).status, 200);
    assert.equal((await post(`?token=${await token()}`)).status, 200);
  });

  it('may be of other keys as soon as the file has these; a file that is no good changes nothing', async () => {
    const said: string[] = [];
    await start({
      keyFilePollMs: 5,
      logLevel: 'info',
      logTo: { write: (line) => said.push(line) },
    });
    {
      const [old, young] = [await token(), await token({}, EC.privateKey, { alg: 'ES256' })];
      const before = open(old);
      await once(before, 'open');
      const until = async (given: string, status: number) => {
        while ((await outcome(open(given))).status !== status);
      };
      // As an operator should: else half of a file may be read, which counts as one more that is no good.
      const put = (content: string) => {
        writeFileSync(`${path}.new`, content);
        renameSync(`${path}.new`, path);
      };
      put(pem(EC.publicKey));
      await until(young, 101);
      assert.equal((await outcome(open(old))).status, 401);
      assert.equal(before.readyState, WebSocket.OPEN, 'an open session was ended');
      put('short');
      while (!/^zauberflote_token_key_failures_total 1$/m.test(await metrics()));
      assert.equal((await outcome(open(young))).status, 101);
      rmSync(path);
      while (!/^zauberflote_token_key_failures_total 2$/m.test(await metrics()));
      assert.equal((await outcome(open(young))).status, 101);
      put(pem(ED25519.publicKey));
      await until(old, 101);
    }
    // Not those on a machine with much to do, or on who was turned away.
    const lines = said
      .map((line) => JSON.parse(line))
      .filter(({ algorithms, msg }) => algorithms || msg.includes('stay as they were'));
    assert.deepEqual(
      lines.map(({ algorithms }) => algorithms),
      ['EdDSA', 'ES256', undefined, undefined, 'EdDSA'],
    );
    assert.match(lines[2].msg, /stay as they were: .*at least 32 bytes/);
    assert.match(lines[3].msg, /ENOENT/);
    assert.deepEqual([lines[1].level, lines[2].level], ['info', 'error']);
  });

  it('are not asked for of a file that cannot be used: it does not start', async () => {
    await start();
    for (const { at, says } of [
      { at: join(folder, 'none'), says: /ENOENT/ },
      { at: folder, says: /EISDIR/ },
    ])
      await assert.rejects(startTracker({ port: 0, tokenKeysFile: at }), (error) => {
        assert.ok(error instanceof KeyError);
        assert.match(error.message, says);
        return true;
      });
    writeFileSync(path, pem(ED25519.privateKey));
    await assert.rejects(
      startTracker({ port: 0, tokenKeysFile: path }),
      /--token-keys-file.*private key/,
    );
    writeFileSync(path, Buffer.alloc(65_537));
    await assert.rejects(startTracker({ port: 0, tokenKeysFile: path }), /larger than 65536/);
    writeFileSync(path, pem(ED25519.publicKey));
  });
});

describe('the gate', () => {
  class Line extends EventEmitter {
    readonly seen: ('admitted' | 'left' | number)[] = [];

    close(): void {
      this.emit('close');
    }
  }

  async function setUp(
    closed: () => Refusal | undefined = () => undefined,
    onFault: (error: unknown) => void = (error) => assert.fail(String(error)),
  ) {
    const keys = readKeys(Buffer.from(pem(ED25519.publicKey)), 'public');
    const left: number[] = [];
    const gate = new Gate({
      admission: Object.assign(new Admission(DEFAULTS), { admit: () => () => void left.push(1) }),
      counters: new Counters(),
      closed,
      keys: () => keys,
      tokenAudience: undefined,
      now: () => 0,
      onFault,
      log: SILENT,
    });
    const request = { url: `/?token=${await token()}`, headers: {}, socket: connect({ port: 1 }) };
    request.socket.on('error', () => {}).destroy();
    const enter = (admitted: () => void = () => {}) => {
      const line = new Line();
      const settled = new Promise<void>((resolve) => {
        const seen = (what: 'admitted' | number) => {
          line.seen.push(what);
          resolve();
        };
        gate.enter(
          request,
          line,
          () => {
            admitted();
            seen('admitted');
          },
          (refusal) => seen(refusal.status),
        );
      });
      return { line, settled };
    };
    return { enter, left };
  }

  it('checks so many tokens at once; who comes beyond is told to come back', async () => {
    const { enter } = await setUp();
    const entered = Array.from({ length: MAX_PENDING_TOKENS }, () => enter());
    const beyond = enter();
    assert.deepEqual(beyond.line.seen, [503]);
    for (const { line, settled } of entered) {
      await settled;
      assert.deepEqual(line.seen, ['admitted']);
    }
    const later = enter();
    await later.settled;
    assert.deepEqual(later.line.seen, ['admitted']);
  });

  it('forgets a connection that fails and closes while its token is checked', async () => {
    const { enter, left } = await setUp();
    const gone = enter();
    gone.line.emit('error', new Error('reset'));
    gone.line.close();
    const other = enter();
    await other.settled;
    assert.deepEqual(left, [1], 'its place is not free again');
    // Whatever came after the other one was settled would be seen by now.
    await new Promise(setImmediate);
    assert.deepEqual(gone.line.seen, []);
  });

  it('outlives what goes wrong with one that it admits', async () => {
    const faults: unknown[] = [];
    const { enter } = await setUp(undefined, (error) => void faults.push(error));
    const fault = new Error('not foreseen');
    const { line, settled } = enter(() => {
      throw fault;
    });
    await settled;
    assert.deepEqual(line.seen, [500]);
    assert.deepEqual(faults, [fault]);
  });

  it('lets nobody in who was still being checked when it closed', async () => {
    let refusal: Refusal | undefined;
    const { enter } = await setUp(() => refusal);
    const { line, settled } = enter();
    refusal = { status: 503, text: 'closed' };
    await settled;
    assert.deepEqual(line.seen, [503]);
  });
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ErrorCode, encodeSessionRequest, MAX_SESSION_MESSAGE_BYTES } from '@zauberflote/proto';
import { WebSocket } from 'ws';
import { Client } from '../test-support/client.ts';
import { have, want } from '../test-support/messages.ts';
import { publishTo } from '../test-support/publish.ts';
import { ED25519, pem, token } from '../test-support/tokens.ts';
import { startTracker } from '../test-support/tracker.ts';
import { optionName, SETTING_KEYS } from './config/settings.ts';
import type { LimitName } from './limits.ts';
import { LIMIT_NAMES, MAX_HOLDERS_PER_REPLY } from './limits.ts';
import type { RunningTracker, TrackerOptions } from './server.ts';

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe('limits over real sockets', () => {
  let folder: string;
  let tracker: RunningTracker;
  const start = async (options: TrackerOptions) => {
    tracker = await startTracker({ port: 0, host: '127.0.0.1', adminPort: 0, ...options });
  };
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'zf-limits-'));
  });
  after(() => rmSync(folder, { recursive: true }));
  afterEach(() => tracker.close());

  const open = () => Client.open(tracker.url);
  const connect = (origin?: string) =>
    new WebSocket(tracker.url, 'zauberflote.v1', { ...(origin && { origin }) });
  const statusOf = async (socket: WebSocket): Promise<number> => {
    const [request, response] = await once(socket, 'unexpected-response');
    request.destroy();
    return response.statusCode;
  };
  const metric = async (name: string): Promise<number> => {
    const text = await (await fetch(`http://127.0.0.1:${tracker.adminPort}/metrics`)).text();
    const line = text.split('\n').find((each) => each.startsWith(`zauberflote_${name} `));
    return line === undefined ? 0 : Number(line.split(' ').at(-1));
  };
  /** Sends as often, and waits until the tracker has held the client for it. */
  const heldFor = async (limit: LimitName, frame: Uint8Array, times: number) => {
    const client = await open();
    for (let n = 0; n < times; n++) client.socket.send(frame);
    while ((await metric(`limit_hits_total{limit="${limit}"}`)) === 0);
    assert.ok((await metric('holds_total')) > 0);
    client.socket.terminate();
  };
  /** Keeps this process from doing anything else for so long. */
  const block = (ms: number) => {
    for (const until = performance.now() + ms; performance.now() < until; );
  };
  const readiness = async () => {
    const response = await fetch(`http://127.0.0.1:${tracker.port}/readyz`);
    return `${response.status} ${((await response.json()) as { status: string }).status}`;
  };

  const startPublishing = (options: TrackerOptions) => {
    const publishKeysFile = join(folder, 'publish-key');
    writeFileSync(publishKeysFile, pem(ED25519.publicKey));
    const publishedFile = join(mkdtempSync(join(folder, 'published-')), 'db');
    return start({ publishKeysFile, publishedFile, ...options });
  };
  const publish = (given: string, ...contents: readonly number[]) =>
    publishTo(`http://127.0.0.1:${tracker.port}`, { token: given, contents });

  const hits: Readonly<Record<LimitName, () => Promise<void>>> = {
    async 'max-peers'() {
      await start({ maxPeers: 1 });
      await open();
      const [code] = await once(connect(), 'close');
      assert.equal(code, 4000 + ErrorCode.OVERLOADED);
    },
    async 'max-holdings'() {
      await start({ maxHoldings: 3 });
      const [seeder, visitor] = [await open(), await open()];
      seeder.send(have([1, 2, 3]));
      await seeder.ask(want([9]));
      visitor.send(have([4]));
      const { code, retryAfterMs } = await seeder.ended();
      assert.equal(code, ErrorCode.OVERLOADED);
      assert.ok(retryAfterMs > 0);
      const reply = await (await open()).ask(want([4]));
      assert.ok(reply.case === 'peers');
      assert.equal(reply.value.swarms[0]?.totalHolders, 1);
    },
    async 'holdings-per-peer'() {
      await start({ holdingsPerPeer: 2 });
      const client = await open();
      client.send(have([1, 2, 3]));
      const { code, message } = await client.ended();
      assert.equal(code, ErrorCode.LIMIT_EXCEEDED);
      assert.match(message, /more than 2 contents/);
    },
    async 'messages-per-second'() {
      await start({ messagesPerSecond: 1 });
      // One more than the burst; and some for the time that a busy machine takes to send them.
      await heldFor('messages-per-second', encodeSessionRequest(want([1])), 9);
    },
    async 'bytes-per-second'() {
      await start({ bytesPerSecond: 16_384 });
      // One unknown field, number 100, fills it.
      const frame = Buffer.alloc(60_000);
      const head = [0xa2, 0x06];
      const length = frame.length - 5;
      frame.set([...head, (length & 127) | 128, ((length >> 7) & 127) | 128, length >> 14]);
      await heldFor('bytes-per-second', frame, 2);
    },
    async 'contents-per-second'() {
      await start({ contentsPerSecond: 16 });
      await heldFor('contents-per-second', encodeSessionRequest(want(range(0, 64))), 2);
    },
    async 'connections-per-address'() {
      await start({ connectionsPerAddress: 1, trustedProxies: [] });
      await open();
      assert.equal(await statusOf(connect()), 429);
    },
    async 'connect-rate-per-address'() {
      await start({ connectRatePerAddress: 1, trustedProxies: [] });
      for (let refused = false; !refused; ) {
        const socket = connect();
        socket.on('error', () => {});
        refused = await Promise.race([
          statusOf(socket).then((status) => status === 429),
          once(socket, 'open').then(() => false),
        ]);
        socket.terminate();
      }
    },
    async 'allow-origin'() {
      await start({ allowOrigin: ['example.com'] });
      assert.equal(await statusOf(connect('https://other.test')), 403);
    },
    async 'token-keys-file'() {
      const path = join(folder, 'key');
      writeFileSync(path, pem(ED25519.publicKey));
      await start({ tokenKeysFile: path });
      assert.equal(await statusOf(connect()), 401);
    },
    async 'publish-keys-file'() {
      await startPublishing({});
      assert.equal((await publish('nonsense', 1)).status, 401);
    },
    async 'max-published'() {
      await startPublishing({ maxPublished: 2 });
      const given = await token();
      assert.equal((await publish(given, 1, 2)).status, 200);
      const refused = await publish(given, 2, 3);
      assert.equal(refused.status, 429);
      assert.match(
        await refused.text(),
        /2 publications at most, those that ended in the last hour included .*, and with these it would be 3/,
      );
      // What is there already may be said again.
      assert.equal((await publish(given, 1, 2)).status, 200);
    },
    async 'overload-delay-ms'() {
      await start({ overloadDelayMs: 150, overloadAfterMs: 1_000 });
      const client = await open();
      for (;;) {
        const ready = readiness();
        let answer: string | undefined;
        void ready.then((text) => {
          answer = text;
        });
        while (answer === undefined) {
          block(300);
          await new Promise(setImmediate);
        }
        if (answer !== '200 ready') {
          assert.equal(answer, '503 overloaded');
          break;
        }
      }
      assert.equal(await metric('overloaded'), 1);
      const [request, response] = await once(connect(), 'unexpected-response');
      request.destroy();
      assert.equal(response.statusCode, 503);
      assert.ok(Number(response.headers['retry-after']) > 0);
      assert.equal((await client.ask(want([1]))).case, 'peers', 'old sessions go on');
      while ((await readiness()) !== '200 ready');
      assert.equal(await metric('overloaded'), 0);
      await (await open()).leave();
    },
  };
  for (const limit of LIMIT_NAMES)
    it(`--${limit} is hit, and counted`, async () => {
      await hits[limit]();
      assert.ok((await metric(`limit_hits_total{limit="${limit}"}`)) > 0);
    });

  it('are counted under names of settings', async () => {
    await start({});
    const options = SETTING_KEYS.map(optionName);
    for (const name of LIMIT_NAMES) assert.ok(options.includes(name), name);
  });

  it('of the size of a message are counted by its close code', async () => {
    await start({});
    const client = await open();
    client.socket.send(Buffer.alloc(MAX_SESSION_MESSAGE_BYTES + 1));
    assert.equal((await client.ended()).code, ErrorCode.TOO_LARGE);
    assert.equal(await metric('sessions_ended_total{code="TOO_LARGE"}'), 1);
  });

  it('of holders named hold, and those named are counted', async () => {
    await start({ holdersPerContent: 2 });
    for (const client of [await open(), await open(), await open()]) {
      client.send(have([1]));
      await client.ask(want([9]));
    }
    const reply = await (await open()).ask(want([1], 64));
    assert.ok(reply.case === 'peers');
    assert.equal(reply.value.swarms[0]?.holders.length, 2);
    assert.equal(await metric('holders_named_total'), 2);
  });

  it('of all introductions hold, and those forgotten are counted', async () => {
    await start({ maxIntroductions: MAX_HOLDERS_PER_REPLY });
    for (const client of await Promise.all(range(0, 64).map(open))) {
      client.send(have([1]));
      await client.ask(want([9]));
    }
    for (const client of await Promise.all(range(0, 9).map(open))) await client.ask(want([1], 64));
    assert.ok((await metric('introductions')) <= MAX_HOLDERS_PER_REPLY);
    assert.ok((await metric('introductions_forgotten_total')) >= 64);
  });
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { contentKey, ErrorCode, HashAlgorithm } from '@zauberflote/proto';
import type { WebSocket as ServerSocket } from 'ws';
import type { Content } from '../integrity/content-id.ts';
import { browserPlatform, type Platform } from '../platform.ts';
import { Mailbox, say, TestTracker } from './test-tracker.ts';
import {
  FIRST_PAUSE_MS,
  HELD_UP_MS,
  MOVE_ON_MS,
  RESPONSE_TIMEOUT_MS,
  SHORT_SESSIONS,
  STABLE_MS,
  SUSPECT_MS,
} from './timing.ts';
import { TrackerClient } from './tracker-client.ts';
import type { TrackerState } from './types.ts';

const content = (n: number): Content => {
  const id = { algorithm: HashAlgorithm.SHA1, digest: new Uint8Array(20).fill(n) };
  return { ...id, key: contentKey(id) };
};

/** Real sockets and servers, but a clock and timers that only the test moves. */
describe('TrackerClient with several trackers', () => {
  let first: TestTracker;
  let second: TestTracker;
  let clients: TrackerClient[];
  let timers: { ms: number; callback: () => void }[];
  let states: Mailbox<TrackerState>;
  let now: number;
  let warnings: string[];
  const { warn } = console;

  beforeEach(async () => {
    first = new TestTracker();
    second = new TestTracker();
    await Promise.all([first.listen(), second.listen()]);
    clients = [];
    timers = [];
    states = new Mailbox();
    now = 0;
    warnings = [];
    console.warn = (text: string) => warnings.push(text);
  });

  afterEach(async () => {
    console.warn = warn;
    for (const client of clients) client.close();
    await Promise.all([first, second].map((tracker) => tracker.close().catch(() => {})));
  });

  const platform: Platform = {
    ...browserPlatform(),
    WebSocket: globalThis.WebSocket,
    RTCPeerConnection: undefined,
    now: () => now,
    random: () => 0.5,
    setTimer(ms, callback) {
      // There is no tab here in which anything could be remembered.
      if (ms === SUSPECT_MS) return () => {};
      const timer = { ms, callback };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
  };

  /** The only timer there is goes off; how long it took. */
  function elapse(): number {
    assert.equal(timers.length, 1);
    const [{ ms, callback }] = timers.splice(0) as [(typeof timers)[0]];
    now += ms;
    callback();
    return ms;
  }

  /** Wants content 1 and has content 2. */
  function connect(
    named: string | readonly string[] | undefined = `${first.url} ${second.url}`,
    changes: Partial<Platform> = {},
  ): TrackerClient {
    const client = new TrackerClient(
      named,
      { ...platform, ...changes },
      {
        onState: (state) => states.put(state),
        onPeers: () => {},
        onGrant: () => {},
        onDeposited: () => {},
        onSignal: () => {},
        onUndeliverable: () => {},
      },
    );
    clients.push(client);
    client.want([content(1)]);
    client.have(content(2), 10);
    return client;
  }

  async function state(expected: TrackerState): Promise<void> {
    for (let told = await states.next(); told !== expected; ) told = await states.next();
  }

  /** A session, in which the client says all that it wants and has. */
  async function session(tracker: TestTracker): Promise<ServerSocket> {
    const socket = await tracker.sockets.next();
    const want = await tracker.requests.next();
    assert.ok(want.case === 'want');
    const have = await tracker.requests.next();
    assert.ok(have.case === 'have');
    assert.deepEqual([want.value.contents.length, have.value.holdings[0]?.size], [1, 10n]);
    say(socket, { case: 'welcome', value: { peerId: 7n } });
    say(socket, { case: 'peers', value: { swarms: [{ content: content(1) }] } });
    await state('open');
    return socket;
  }

  /** Asks again, as downloads do. */
  const wantAgain = (client: TrackerClient) => client.want([content(1)]);

  const error = (socket: ServerSocket, code: ErrorCode, retryAfterMs: number) =>
    say(socket, { case: 'error', value: { code, message: 'go away', retryAfterMs } });

  it('uses the first alone, whether they are named in one text or in a list', async () => {
    for (const named of [`\n ${first.url}\t${second.url} `, [first.url, second.url]]) {
      connect(named);
      await session(first);
    }
    assert.deepEqual([second.sockets.size, warnings], [0, []]);
  });

  it('goes to the next at once when the first is down, and says it all with the request', async () => {
    const named = `${first.url} ${second.url}`;
    await first.close();
    connect(named);
    await session(second);
    assert.equal(second.first, 2);
    assert.deepEqual(timers, []);
  });

  it('tells that another one is asked, so that what is lost with the first is asked anew', async () => {
    const client = connect();
    const lost = once(await first.sockets.next(), 'close');
    assert.deepEqual([await states.next(), client.state], ['connecting', 'connecting']);
    await first.close();
    await lost;
    assert.equal(await states.next(), 'moving');
    assert.equal(client.lease(content(2), { unitBytes: 16_384, units: 0, wanted: 1 }), true);
    await session(second);
    assert.equal((await second.requests.next()).case, 'lease');
  });

  it('waits for one that does not answer only as long as there is another one to try', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const url = `ws://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
    const arrived = once(silent, 'connection');
    connect([url, second.url]);
    const [socket] = await arrived;
    assert.equal(elapse(), MOVE_ON_MS);
    const other = await second.sockets.next();
    assert.deepEqual(
      timers.map(({ ms }) => ms),
      [RESPONSE_TIMEOUT_MS],
    );
    other.terminate();
    socket.destroy();
    silent.close();
    await state('waiting');
  });

  it('gives an answer its whole time once there is a session', async () => {
    const client = connect();
    say(await first.sockets.next(), { case: 'welcome', value: { peerId: 7n } });
    await state('open');
    assert.equal(client.state, 'open');
    assert.deepEqual(
      timers.map(({ ms }) => ms),
      [RESPONSE_TIMEOUT_MS],
    );
  });

  it('pauses by chance, and longer each time, when all have failed; then begins with the first', async () => {
    const urls = [first.url, second.url];
    await Promise.all([first.close(), second.close()]);
    const client = connect(urls);
    for (const rounds of [1, 2, 4]) {
      await state('waiting');
      assert.equal(elapse(), (rounds * FIRST_PAUSE_MS) / 2);
    }
    await state('waiting');
    await first.listen(Number(new URL(urls[0] as string).port));
    await second.listen(Number(new URL(urls[1] as string).port));
    elapse();
    await session(first);
    assert.deepEqual([client.state, second.sockets.size], ['open', 0]);
  });

  for (const [name, age] of [
    ['a new', 0],
    ['an old', STABLE_MS],
  ] as const)
    it(`leaves one that stops at once, in ${name} session, and stays where it came to`, async () => {
      const client = connect();
      const socket = await session(first);
      wantAgain(client);
      await first.requests.next();
      now += age;
      error(socket, ErrorCode.GOING_AWAY, 4_000);
      const other = await session(second);
      assert.deepEqual(timers, []);
      now += 10 * STABLE_MS;
      wantAgain(client);
      assert.equal((await second.requests.next()).case, 'want');
      assert.deepEqual([first.sockets.size, other.readyState], [0, other.OPEN]);
    });

  it('comes back to the first when the session elsewhere has ended', async () => {
    const client = connect();
    error(await first.sockets.next(), ErrorCode.OVERLOADED, 1_000);
    for (const _ of ['want', 'have']) await first.requests.next();
    const socket = await session(second);
    now += STABLE_MS;
    wantAgain(client);
    error(socket, ErrorCode.GOING_AWAY, 5_000);
    await session(first);
  });

  it('asks none before the time it gave, and another one meanwhile', async () => {
    connect();
    error(await first.sockets.next(), ErrorCode.OVERLOADED, 90_000);
    error(await second.sockets.next(), ErrorCode.OVERLOADED, 20_000);
    await state('waiting');
    assert.equal(elapse(), 20_000 + FIRST_PAUSE_MS / 2);
    error(await second.sockets.next(), ErrorCode.OVERLOADED, 200_000);
    await state('waiting');
    assert.equal(first.sockets.size, 0);
    assert.equal(now + (timers[0]?.ms ?? 0), 90_000 + FIRST_PAUSE_MS);
    elapse();
    await first.sockets.next();
  });

  it('asks the first again after a pause when a session breaks off that had lasted', async () => {
    const client = connect();
    const socket = await session(first);
    now += STABLE_MS;
    wantAgain(client);
    await first.requests.next();
    socket.terminate();
    await state('waiting');
    assert.equal(elapse(), FIRST_PAUSE_MS / 2);
    await session(first);
    assert.equal(second.sockets.size, 0);
  });

  it('leaves one that welcomes everybody and breaks off, time and again, but never at once', async () => {
    const client = connect();
    for (let sessions = 0; sessions <= SHORT_SESSIONS; sessions++) {
      const socket = await session(first);
      wantAgain(client);
      await first.requests.next();
      socket.terminate();
      await state('waiting');
      assert.equal(elapse(), (2 ** sessions * FIRST_PAUSE_MS) / 2);
    }
    const socket = await session(second);
    assert.equal(first.sockets.size, 0);
    // From there, too, it goes to the first.
    wantAgain(client);
    socket.terminate();
    await state('waiting');
    assert.equal(elapse(), (2 ** (SHORT_SESSIONS + 1) * FIRST_PAUSE_MS) / 2);
    await session(first);
  });

  it('does not count rounds in which nobody was there for sessions that broke off', async () => {
    const urls = [first.url, second.url];
    await Promise.all([first.close(), second.close()]);
    const client = connect(urls);
    for (let rounds = 0; rounds <= SHORT_SESSIONS; rounds++) {
      await state('waiting');
      if (rounds < SHORT_SESSIONS) elapse();
    }
    await first.listen(Number(new URL(urls[0] as string).port));
    await second.listen(Number(new URL(urls[1] as string).port));
    elapse();
    const socket = await session(first);
    wantAgain(client);
    socket.terminate();
    await state('waiting');
    elapse();
    await session(first);
    assert.equal(second.sockets.size, 0);
  });

  it('goes to the next at once when one welcomes, but does not answer', async () => {
    connect();
    say(await first.sockets.next(), { case: 'welcome', value: { peerId: 7n } });
    await state('open');
    assert.equal(elapse(), RESPONSE_TIMEOUT_MS);
    await session(second);
  });

  it('comes back to the first as soon as sessions last again', async () => {
    const client = connect();
    for (let sessions = 0; sessions < 3 * SHORT_SESSIONS; sessions++) {
      const socket = await session(first);
      now += sessions % 2 === 0 ? 0 : STABLE_MS;
      wantAgain(client);
      await first.requests.next();
      socket.terminate();
      await state('waiting');
      elapse();
    }
    await session(first);
    assert.equal(second.sockets.size, 0);
  });

  it('gives one its time when the page itself was held up, but only once', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const url = `ws://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
    const arrived = once(silent, 'connection');
    const client = connect([url, second.url]);
    const [socket] = await arrived;
    now += 60_000;
    assert.equal(elapse(), MOVE_ON_MS);
    assert.deepEqual([client.state, second.sockets.size], ['connecting', 0]);
    now += 60_000;
    assert.equal(elapse(), HELD_UP_MS);
    await session(second);
    socket.destroy();
    silent.close();
  });

  it('gives one whose socket is open a moment more for its Welcome, but only once', async () => {
    const opened = new Promise((resolve) => {
      const Watched = class extends globalThis.WebSocket {
        constructor(url: string, protocols: string[]) {
          super(url, protocols);
          this.addEventListener('open', resolve);
        }
      } as unknown as typeof WebSocket;
      connect(undefined, { WebSocket: Watched });
    });
    for (const _ of ['want', 'have']) await first.requests.next();
    await opened;
    assert.deepEqual([elapse(), elapse()], [MOVE_ON_MS, HELD_UP_MS]);
    await session(second);
  });

  it('stays with one that has answered while the page was held up', async () => {
    connect();
    const socket = await first.sockets.next();
    now += 60_000;
    elapse();
    for (const _ of ['want', 'have']) await first.requests.next();
    say(socket, { case: 'welcome', value: { peerId: 7n } });
    say(socket, { case: 'peers', value: { swarms: [{ content: content(1) }] } });
    await state('open');
    assert.deepEqual([timers, second.sockets.size], [[], 0]);
  });

  it('asks what is none no more', async () => {
    const asked: string[] = [];
    const Recording = class extends globalThis.WebSocket {
      constructor(url: string, protocols: string[]) {
        asked.push(url);
        super(url, protocols);
      }
    } as unknown as typeof WebSocket;
    const none = 'ftp://files.example/';
    connect([none, second.url], { WebSocket: Recording });
    (await second.sockets.next()).terminate();
    await state('waiting');
    elapse();
    (await second.sockets.next()).terminate();
    await state('waiting');
    assert.deepEqual(asked, [none, second.url, second.url]);
  });

  it('is unavailable when all are none, and where there is no WebSocket', async () => {
    for (const client of [
      connect('ftp://a.example/ ftp://b.example/'),
      connect(undefined, { WebSocket: undefined }),
    ]) {
      await state('unavailable');
      assert.equal(client.state, 'unavailable');
    }
    for (const nothing of ['', ' \n', []]) assert.equal(connect(nothing).state, 'unavailable');
    assert.equal(timers.length, 0);
  });

  it('names on the console what does not look like a tracker, and what would', () => {
    const bad = ['https://a.example/', 'wss://b.example/,wss://c.example/', 'd.example'];
    connect(`wss://good.example/ ${bad.join(' ')} WS://localhost:8080`);
    assert.equal(warnings.length, bad.length);
    for (const [i, url] of bad.entries()) {
      assert.ok(warnings[i]?.includes(`"${url}"`), warnings[i]);
      assert.match(warnings[i] ?? '', /wss:\/\//);
    }
  });

  it('honours the time that trackers asked for also when it was suspended meanwhile', async () => {
    const client = connect();
    error(await first.sockets.next(), ErrorCode.OVERLOADED, 90_000);
    error(await second.sockets.next(), ErrorCode.OVERLOADED, 50_000);
    await state('waiting');
    client.suspend();
    now = 10_000;
    client.resume();
    await state('waiting');
    assert.equal(now + (timers[0]?.ms ?? 0), 50_000 + FIRST_PAUSE_MS);
    client.suspend();
    now = 60_000;
    client.resume();
    const sockets = second.sockets.next();
    assert.equal(first.sockets.size, 0);
    await sockets;
  });
});

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { SessionDescription, SessionResponseBody, Signal } from '@zauberflote/proto';
import {
  contentKey,
  DeclineReason,
  ErrorCode,
  encodeSessionResponse,
  HashAlgorithm,
  SUBPROTOCOL,
  toBase64url,
  UndeliverableReason,
} from '@zauberflote/proto';
import type { WebSocket as ServerSocket } from 'ws';
import type { Content } from '../integrity/content-id.ts';
import type { Platform } from '../platform.ts';
import { browserPlatform } from '../platform.ts';
import type { EarlySocket } from './early-socket.ts';
import { EARLY_SOCKET_MS } from './early-socket.ts';
import { Mailbox, say, TestTracker } from './test-tracker.ts';
import {
  FIRST_PAUSE_MS,
  LONGEST_PAUSE_MS,
  MAX_RETRY_AFTER_MS,
  RESPONSE_TIMEOUT_MS,
  STABLE_MS,
} from './timing.ts';
import { TrackerClient } from './tracker-client.ts';
import type { LeaseGrant, PeerId, SignalInit, SwarmReply, TrackerState } from './types.ts';
import { LEASE_BURST, LEASES_PER_SECOND, MORE_LEASES_MS } from './unsent.ts';

const content = (n: number): Content => {
  const digest = new Uint8Array(20).fill(n);
  return {
    algorithm: HashAlgorithm.SHA1,
    digest,
    key: contentKey({ algorithm: HashAlgorithm.SHA1, digest }),
  };
};

describe('TrackerClient', () => {
  let tracker: TestTracker;
  let clients: TrackerClient[];
  let timers: { ms: number; fire(): void }[];
  let states: Mailbox<[TrackerState, PeerId | undefined]>;
  let replies: Mailbox<SwarmReply>;
  let signals: Mailbox<Signal>;
  let undeliverable: Mailbox<unknown[]>;
  let deposited: Mailbox<unknown[]>;
  let grants: Mailbox<[string, LeaseGrant]>;
  let now: number;

  beforeEach(async () => {
    tracker = new TestTracker();
    await tracker.listen();
    clients = [];
    timers = [];
    states = new Mailbox();
    replies = new Mailbox();
    signals = new Mailbox();
    undeliverable = new Mailbox();
    deposited = new Mailbox();
    grants = new Mailbox();
    now = 0;
  });

  afterEach(async () => {
    for (const client of clients) client.close();
    await tracker.close();
  });

  /** Real sockets, but timers that only the test fires. */
  const platform: Platform = {
    ...browserPlatform(),
    WebSocket: globalThis.WebSocket,
    RTCPeerConnection: undefined,
    now: () => now,
    random: () => 0.5,
    setTimer(ms, callback) {
      const timer = {
        ms,
        fire: () => {
          timers.splice(timers.indexOf(timer), 1);
          callback();
        },
      };
      timers.push(timer);
      return () => {
        const at = timers.indexOf(timer);
        if (at >= 0) timers.splice(at, 1);
      };
    },
  };

  function connect(url = tracker.url, changes: Partial<Platform> = {}, early?: EarlySocket) {
    const client = new TrackerClient(
      url,
      { ...platform, ...changes },
      {
        onState: (state, ownId) => states.put([state, ownId]),
        onPeers: (reply) => replies.put(reply),
        onGrant: (...args) => grants.put(args),
        onDeposited: (...args) => deposited.put(args),
        onSignal: (signal) => signals.put(signal),
        onUndeliverable: (...args) => undeliverable.put(args),
      },
      early,
    );
    clients.push(client);
    return client;
  }

  /** As the guard does; `is` open with a Welcome that was heard, still connecting, or turned away. */
  async function early(
    is: 'open' | 'connecting' | 'turned away',
    named = tracker.url,
  ): Promise<EarlySocket> {
    const heard: MessageEvent[] = [];
    const socket = Object.assign(new WebSocket(tracker.url, SUBPROTOCOL), { named, heard });
    socket.binaryType = 'arraybuffer';
    if (is === 'connecting') return socket;
    const came = new Promise<void>((resolve) => {
      socket.onmessage = (message) => resolve(void heard.push(message));
    });
    const server = await tracker.sockets.next();
    if (is === 'open') say(server, { case: 'welcome', value: { peerId: 9n } });
    else say(server, error(6_000));
    await came;
    if (is === 'open') return socket;
    const ended = new Promise((resolve) => socket.addEventListener('close', resolve));
    server.close();
    await ended;
    return socket;
  }

  const error = (retryAfterMs: number): SessionResponseBody => {
    return { case: 'error', value: { code: ErrorCode.OVERLOADED, message: 'full', retryAfterMs } };
  };

  /** A client that holds content 1 and whose session is open. */
  async function openSession(): Promise<[TrackerClient, ServerSocket]> {
    const client = connect();
    client.have(content(1), 10);
    const socket = await tracker.sockets.next();
    await tracker.requests.next();
    say(socket, { case: 'welcome', value: { peerId: 7n } });
    assert.deepEqual(await states.next(), ['connecting', undefined]);
    assert.deepEqual(await states.next(), ['open', 7n]);
    return [client, socket];
  }

  it('opens no socket until there is something to say', async () => {
    const client = connect();
    assert.equal(client.state, 'connecting');
    client.drop([content(1)]);
    await new Promise(setImmediate);
    assert.equal(states.size, 0);
    assert.equal(timers.length, 0);
    client.want([content(1)]);
    await tracker.sockets.next();
  });

  for (const is of ['open', 'connecting'] as const)
    it(`uses a socket that is ${is} already`, async () => {
      const client = connect(tracker.url, {}, await early(is));
      client.want([content(1)]);
      client.have(content(2), 5);
      assert.equal((await tracker.requests.next()).case, 'want');
      assert.equal((await tracker.requests.next()).case, 'have');
      assert.deepEqual(await states.next(), ['connecting', undefined]);
      if (is === 'connecting')
        say(await tracker.sockets.next(), { case: 'welcome', value: { peerId: 9n } });
      assert.deepEqual(await states.next(), ['open', 9n]);
      assert.equal(tracker.sockets.size, 0, 'no second socket');
      // Its time as an unused one is not over.
      for (const timer of timers.filter(({ ms }) => ms === EARLY_SOCKET_MS)) timer.fire();
      client.drop([content(2)]);
      assert.equal((await tracker.requests.next()).case, 'drop');
    });

  it('opens its own socket instead of one to another address', async () => {
    const socket = await early('open', 'ws://127.0.0.1:9/');
    connect(tracker.url, {}, socket).want([content(1)]);
    await tracker.sockets.next();
    assert.equal((await tracker.requests.next()).case, 'want');
    assert.ok(socket.readyState > WebSocket.OPEN);
  });

  describe('with a socket that has asked for the peers of one content', () => {
    const zf1 = { algorithm: HashAlgorithm.MANIFEST_SHA256, digest: new Uint8Array(32).fill(7) };
    const asked: Content = { ...zf1, key: contentKey(zf1) };
    const attempt = 5;
    const description = { iceUfrag: 'abcd', icePwd: 'p'.repeat(22), setup: 1 };
    const offer = { attempt, description: { ...description, fingerprintSha256: zf1.digest } };
    const named = (...peers: bigint[]): SessionResponseBody => {
      const holders = peers.map((peerId) => ({ peerId, size: 3n, partial: false, offer }));
      return { case: 'peers', value: { swarms: [{ content: zf1, holders, totalHolders: 2 }] } };
    };

    const hear = (socket: EarlySocket, body: SessionResponseBody) => {
      const data = Uint8Array.from(encodeSessionResponse(body)).buffer;
      socket.onmessage?.(new MessageEvent('message', { data }));
    };

    /** The reply has waited for the client so long; undefined: it has not come. */
    async function asking(ageMs: number | undefined, reply = named(3n)) {
      now = 60_000;
      const socket = await early('open');
      const data = Uint8Array.from(encodeSessionResponse(reply)).buffer;
      if (ageMs !== undefined)
        Object.assign(socket, { heard: [...socket.heard, { data, timeStamp: now - ageMs }] });
      return Object.assign(socket, { wanted: toBase64url(zf1.digest) });
    }

    it('takes the answer for a hint, with its age, and asks again', async () => {
      const socket = await asking(4_000);
      const client = connect(tracker.url, {}, socket);
      client.want([asked]);
      const hint = await replies.next();
      assert.equal(hint.contentKey, asked.key);
      assert.deepEqual(hint.holders, [{ peer: 3n, size: 3, partial: false, offered: true }]);
      const [peer, id, , ageMs] = await deposited.next();
      assert.deepEqual([peer, id, ageMs], [3n, attempt, 4_000]);
      assert.equal((await tracker.requests.next()).case, 'want');
      hear(socket, named(4n));
      assert.equal((await replies.next()).holders[0]?.peer, 4n);
      assert.equal((await deposited.next())[3], 0);
    });

    it('takes an answer that is still to come for a hint, too', async () => {
      const socket = await asking(undefined);
      connect(tracker.url, {}, socket).want([asked]);
      assert.equal((await tracker.requests.next()).case, 'want');
      hear(socket, named(3n));
      assert.equal((await replies.next()).holders[0]?.peer, 3n);
      const due = () => timers.some(({ ms }) => ms === RESPONSE_TIMEOUT_MS);
      assert.ok(due(), 'the answer is');
      hear(socket, named());
      assert.deepEqual((await replies.next()).holders, []);
      assert.ok(!due());
    });

    it('takes no other answer for it, which may be there sooner', async () => {
      const socket = await asking(undefined);
      connect(tracker.url, {}, socket).want([asked, content(2)]);
      assert.equal((await tracker.requests.next()).case, 'want');
      const swarms = [asked, content(2)].map(({ algorithm, digest }) => ({
        content: { algorithm, digest },
      }));
      hear(socket, { case: 'peers', value: { swarms } });
      assert.equal((await replies.next()).contentKey, asked.key);
      assert.equal((await replies.next()).contentKey, content(2).key);
      assert.ok(!timers.some(({ ms }) => ms === RESPONSE_TIMEOUT_MS), 'nothing is due');
      hear(socket, named(3n));
      assert.equal((await replies.next()).holders[0]?.peer, 3n);
    });

    it('hears nobody in an answer only if it has asked itself', async () => {
      const socket = await asking(0, named());
      connect(tracker.url, {}, socket).want([asked]);
      assert.equal((await tracker.requests.next()).case, 'want');
      assert.equal(replies.size, 0);
      hear(socket, named());
      assert.deepEqual((await replies.next()).holders, []);
    });

    it('asks another tracker for all', async () => {
      const socket = Object.assign(await asking(0), { named: 'ws://127.0.0.1:9/' });
      connect(tracker.url, {}, socket).want([asked]);
      assert.equal((await tracker.requests.next()).case, 'want');
    });
  });

  it('heeds what the tracker said on a socket before it closed it', async () => {
    connect(tracker.url, {}, await early('turned away')).want([content(1)]);
    assert.deepEqual(await states.next(), ['connecting', undefined]);
    assert.deepEqual(await states.next(), ['waiting', undefined]);
    assert.equal(tracker.sockets.size, 0, 'not asked again at once');
    const [pause] = timers.filter(({ ms }) => ms !== EARLY_SOCKET_MS);
    assert.equal(pause?.ms, 6_000 + FIRST_PAUSE_MS / 2);
    pause.fire();
    await tracker.sockets.next();
    assert.equal((await tracker.requests.next()).case, 'want');
  });

  it('does not ask again at once a tracker that broke off an early socket', async () => {
    const socket = await early('open');
    Object.assign(socket, { heard: [] });
    const ended = new Promise((resolve) => socket.addEventListener('close', resolve));
    socket.close();
    await ended;
    connect(tracker.url, {}, socket).want([content(1)]);
    assert.deepEqual(await states.next(), ['connecting', undefined]);
    assert.deepEqual(await states.next(), ['waiting', undefined]);
    assert.equal(tracker.sockets.size, 0);
  });

  for (const [what, end] of [
    ['nothing was said in time', () => timers.find(({ ms }) => ms === EARLY_SOCKET_MS)?.fire()],
    ['the page is left', (client: TrackerClient) => client.suspend()],
    ['it is closed', (client: TrackerClient) => client.close()],
  ] as const)
    it(`closes a socket that was not used when ${what}`, async () => {
      const socket = await early('open');
      const client = connect(tracker.url, {}, socket);
      end(client);
      assert.ok(socket.readyState > WebSocket.OPEN);
    });

  it('asks for the whole page in one message, before Welcome, with the subprotocol', async () => {
    const client = connect();
    for (let n = 0; n < 30; n++) client.want([content(n)]);
    client.have(content(40), 5);
    const socket = await tracker.sockets.next();
    assert.equal(socket.protocol, SUBPROTOCOL);
    const want = await tracker.requests.next();
    assert.ok(want.case === 'want');
    assert.equal(want.value.contents.length, 30);
    const have = await tracker.requests.next();
    assert.ok(have.case === 'have');
    assert.equal(have.value.holdings[0]!.size, 5n);
    assert.equal(client.ownId, undefined);
  });

  it('says it all with the request for the socket, and what does not fit when it is open', async () => {
    const client = connect();
    client.want([content(1)]);
    client.have(content(2), 5, true);
    client.lease(content(2), { unitBytes: 16384, units: 0, wanted: 8 });
    await tracker.sockets.next();
    assert.equal(tracker.first, 3);
    const cases = ['want', 'have', 'lease'];
    for (const expected of cases) assert.equal((await tracker.requests.next()).case, expected);

    const other = connect();
    other.want(Array.from({ length: 250 }, (_, n) => content(n)));
    await tracker.sockets.next();
    const firsts = tracker.first - 3;
    let ids = 0;
    for (let i = 0; i < 4; i++) {
      const want = await tracker.requests.next();
      assert.ok(want.case === 'want');
      assert.equal(want.value.contents[0]!.digest[0], ids);
      ids += want.value.contents.length;
    }
    assert.equal(ids, 250);
    assert.equal(firsts, 1, 'a message of 64 SHA-1 takes 2.2 KiB of 4');
  });

  it('hands over the offers that holders left, before it names them', async () => {
    const [client, socket] = await openSession();
    client.want([content(2)]);
    const want = await tracker.requests.next();
    assert.ok(want.case === 'want' && want.value.maxOffers > 0);
    const description = {
      iceUfrag: 'abcd',
      icePwd: 'abcdefghijklmnopqrstuv',
      fingerprintSha256: new Uint8Array(32),
      setup: 1,
    };
    const holders = [{ peerId: 9n, offer: { attempt: 3, description } }, { peerId: 10n }];
    say(socket, { case: 'peers', value: { swarms: [{ content: content(2), holders }] } });
    const reply = await replies.next();
    assert.deepEqual(
      reply.holders.map(({ offered }) => offered),
      [true, false],
    );
    assert.equal(deposited.size, 1);
    const [peer, attempt, offer] = await deposited.next();
    assert.deepEqual([peer, attempt], [9n, 3]);
    assert.equal((offer as SessionDescription).iceUfrag, 'abcd');

    assert.equal(client.deposit(4, description), true);
    const deposit = await tracker.requests.next();
    assert.ok(deposit.case === 'deposit');
    assert.deepEqual(
      deposit.value.offers.map((one) => [one.attempt, one.description?.iceUfrag]),
      [[4, 'abcd']],
    );
    client.close();
    assert.equal(client.deposit(5, description), false);
  });

  it('splits more than 64 ids over several messages', async () => {
    const client = connect();
    client.want(Array.from({ length: 130 }, (_, n) => content(n)));
    const sizes: number[] = [];
    for (let i = 0; i < 3; i++) {
      const want = await tracker.requests.next();
      assert.ok(want.case === 'want');
      sizes.push(want.value.contents.length);
    }
    assert.deepEqual(sizes, [64, 64, 2]);
  });

  it('hands over answers, and repeats no question that is out', async () => {
    const [client, socket] = await openSession();
    assert.equal(client.ownId, 7n);
    client.want([content(2), content(3)]);
    client.want([content(2)]);
    const want = await tracker.requests.next();
    assert.ok(want.case === 'want');
    assert.equal(want.value.contents.length, 2);
    const holders = [
      { peerId: 9n, size: 12n },
      { peerId: 10n, partial: true },
    ];
    const swarm = { holders, totalHolders: 4, totalPartial: 1 };
    say(socket, {
      case: 'peers',
      value: {
        swarms: [
          { ...swarm, content: content(2) },
          { ...swarm, content: content(5) },
        ],
      },
    });
    assert.deepEqual(await replies.next(), {
      contentKey: content(2).key,
      holders: [
        { peer: 9n, size: 12, partial: false, offered: false },
        { peer: 10n, size: 0, partial: true, offered: false },
      ],
      totalHolders: 4,
      totalPartial: 1,
    });
    // Answered, so it may be asked again; 3 is still out, 5 was never asked.
    client.want([content(2), content(3)]);
    const again = await tracker.requests.next();
    assert.ok(again.case === 'want');
    assert.deepEqual(
      again.value.contents.map((id) => contentKey(id as never)),
      [content(2).key],
    );
    assert.equal(replies.size, 0);
  });

  it('announces a part, then more of it known, then all, and the latest after a reconnect', async () => {
    const [client, socket] = await openSession();
    const announced = async () => {
      const { case: kind, value } = await tracker.requests.next();
      assert.ok(kind === 'have');
      return value.holdings.map(({ size, partial }) => [size, partial]);
    };
    client.have(content(2), 0, true);
    client.have(content(2), 0, true);
    assert.deepEqual(await announced(), [[0n, true]]);
    client.have(content(2), 20, true);
    assert.deepEqual(await announced(), [[20n, true]]);
    client.have(content(2), 20);
    client.have(content(2), 20, false);
    client.have(content(3), 30, true);
    assert.deepEqual(await announced(), [
      [20n, false],
      [30n, true],
    ]);
    socket.terminate();
    while (client.state !== 'waiting') await states.next();
    timers[0]!.fire();
    assert.deepEqual(await announced(), [
      [10n, false],
      [20n, false],
      [30n, true],
    ]);
    assert.equal(tracker.requests.size, 0);
  });

  const ask = (wanted: number) => ({ unitBytes: 65_536, units: 0, wanted });

  it('sends in one go, before Welcome, wants, haves and the last lease of each content', async () => {
    const client = connect();
    client.want([content(1), content(2)]);
    assert.equal(client.lease(content(1), ask(8)), true);
    client.have(content(1), 0, true);
    assert.equal(client.lease(content(2), ask(2)), true);
    client.lease(content(3), ask(3));
    client.lease(content(1), { ...ask(4), needed: Uint8Array.of(0xf0) });
    client.drop([content(3)]);
    await tracker.sockets.next();
    assert.equal((await tracker.requests.next()).case, 'want');
    assert.equal((await tracker.requests.next()).case, 'have');
    for (const [n, wanted, needed] of [
      [1, 4, [0xf0]],
      [2, 2, []],
    ] as const) {
      const lease = await tracker.requests.next();
      assert.ok(lease.case === 'lease');
      assert.equal(contentKey(lease.value.content!), content(n).key);
      assert.deepEqual([lease.value.wanted, [...lease.value.needed]], [wanted, needed]);
    }
    assert.equal(client.ownId, undefined);
    assert.equal(tracker.requests.size, 0);
  });

  it('once open sends every lease, with its reports, and hands over grants', async () => {
    const [client, socket] = await openSession();
    client.have(content(2), 9, true);
    client.lease(content(2), { ...ask(0), units: 9, fetched: [1, 300] });
    client.lease(content(2), { ...ask(5), units: 9, returned: [2] });
    assert.equal((await tracker.requests.next()).case, 'have');
    const leases = [];
    for (let i = 0; i < 2; i++) {
      const { case: kind, value } = await tracker.requests.next();
      assert.ok(kind === 'lease');
      const { unitBytes, units, wanted, fetched, returned } = value;
      leases.push({ unitBytes, units, wanted, fetched, returned });
    }
    assert.deepEqual(leases, [
      { unitBytes: 65_536, units: 9, wanted: 0, fetched: [1, 300], returned: [] },
      { unitBytes: 65_536, units: 9, wanted: 5, fetched: [], returned: [2] },
    ]);
    const grant = { first: 3, count: 2, unitBytes: 65_536 };
    say(socket, { case: 'grant', value: { content: content(2), ...grant } });
    assert.deepEqual(await grants.next(), [content(2).key, grant]);
  });

  it('asks for no more leases at once than a tracker takes, and for the others later', async () => {
    const [client] = await openSession();
    const contents = Array.from({ length: LEASE_BURST + 2 * LEASES_PER_SECOND }, (_, n) => {
      const digest = Uint8Array.from({ length: 20 }, (_, i) => (i ? n >> 8 : n));
      const id = { algorithm: HashAlgorithm.SHA1, digest };
      return { ...id, key: contentKey(id) };
    });
    /** How many have been sent. */
    const leases = async () => {
      await Promise.resolve();
      client.drop([content(99)]);
      let count = 0;
      while ((await tracker.requests.next()).case === 'lease') count++;
      return count;
    };
    for (const one of contents) assert.ok(client.lease(one, ask(1)));
    assert.equal(await leases(), LEASE_BURST);
    const again = async () => {
      timers.find(({ ms }) => ms === MORE_LEASES_MS)!.fire();
      return leases();
    };
    assert.equal(await again(), 0);
    now += 1_000;
    assert.equal(await again(), LEASES_PER_SECOND);
    now += 60_000;
    assert.equal(await again(), LEASES_PER_SECOND);
    assert.ok(!timers.some(({ ms }) => ms === MORE_LEASES_MS), 'none is left');
  });

  it('keeps no lease for another socket', async () => {
    const [client, socket] = await openSession();
    client.lease(content(1), ask(4));
    assert.equal((await tracker.requests.next()).case, 'lease');
    socket.terminate();
    assert.deepEqual(await states.next(), ['waiting', undefined]);
    assert.equal(client.lease(content(1), ask(5)), false);
    timers[0]!.fire();
    assert.deepEqual(await states.next(), ['connecting', undefined]);
    assert.equal(client.lease(content(1), ask(6)), true);
    assert.equal((await tracker.requests.next()).case, 'have');
    const lease = await tracker.requests.next();
    assert.ok(lease.case === 'lease');
    assert.equal(lease.value.wanted, 6);
    client.close();
    assert.equal(client.lease(content(1), ask(7)), false);
    assert.equal(tracker.requests.size, 0);
  });

  it('relays signals only while open', async () => {
    const [client, socket] = await openSession();
    const decline: SignalInit = {
      peerId: 9n,
      attempt: 3,
      body: { case: 'decline', value: { reason: DeclineReason.BUSY } },
    };
    assert.equal(client.signal(decline), true);
    const sent = await tracker.requests.next();
    assert.ok(sent.case === 'signal');
    assert.equal(sent.value.peerId, 9n);
    assert.equal(sent.value.body.case, 'decline');
    say(socket, { case: 'signal', value: sent.value });
    assert.equal((await signals.next()).attempt, 3);
    const reason = UndeliverableReason.GONE;
    say(socket, { case: 'undeliverable', value: { peerId: 9n, attempt: 3, reason } });
    assert.deepEqual(await undeliverable.next(), [9n, 3, reason]);
    socket.terminate();
    assert.deepEqual(await states.next(), ['waiting', undefined]);
    assert.equal(client.signal(decline), false);
  });

  it('after a reconnect asks unanswered questions and announces holdings again', async () => {
    const [client, socket] = await openSession();
    client.have(content(4), 20);
    client.want([content(2)]);
    client.drop([content(1)]);
    const seen = [];
    for (let i = 0; i < 3; i++) seen.push((await tracker.requests.next()).case);
    assert.deepEqual(seen, ['drop', 'want', 'have']);
    socket.terminate();
    assert.deepEqual(await states.next(), ['waiting', undefined]);
    assert.equal(client.ownId, undefined);
    assert.deepEqual(
      timers.map((timer) => timer.ms),
      [FIRST_PAUSE_MS / 2],
    );
    timers[0]!.fire();
    assert.deepEqual(await states.next(), ['connecting', undefined]);
    const want = await tracker.requests.next();
    assert.ok(want.case === 'want');
    assert.deepEqual(want.value.contents.length, 1);
    const have = await tracker.requests.next();
    assert.ok(have.case === 'have');
    assert.deepEqual(
      have.value.holdings.map((holding) => holding.size),
      [20n],
    );
  });

  it('doubles the pause up to a bound, and starts over after a stable session', async () => {
    const { url } = tracker;
    const client = connect(url);
    await tracker.close();
    client.want([content(1)]);
    const pauses: number[] = [];
    for (let i = 0; i < 8; i++) {
      while ((await states.next())[0] !== 'waiting');
      pauses.push(timers[0]!.ms * 2);
      assert.equal(timers.length, 1);
      if (i < 7) timers[0]!.fire();
    }
    assert.deepEqual(
      pauses,
      [1, 2, 4, 8, 16, 30, 30, 30].map((n) => n * FIRST_PAUSE_MS),
    );
    assert.equal(pauses.at(-1), LONGEST_PAUSE_MS);
    await tracker.listen(Number(new URL(url).port));
    timers[0]!.fire();
    const socket = await tracker.sockets.next();
    say(socket, { case: 'welcome', value: { peerId: 1n } });
    while ((await states.next())[0] !== 'open');
    now += STABLE_MS;
    socket.terminate();
    while ((await states.next())[0] !== 'waiting');
    assert.equal(timers[0]!.ms * 2, FIRST_PAUSE_MS);
  });

  it('waits at least as long as an Error says, within reason', async () => {
    const [, socket] = await openSession();
    const error = (retryAfterMs: number): SessionResponseBody => ({
      case: 'error',
      value: { code: ErrorCode.OVERLOADED, message: 'full', retryAfterMs },
    });
    say(socket, error(90_000));
    assert.equal((await states.next())[0], 'waiting');
    assert.equal(timers[0]!.ms, 90_000 + FIRST_PAUSE_MS / 2);
    timers[0]!.fire();
    say(await tracker.sockets.next(), error(0xffffffff));
    while ((await states.next())[0] !== 'waiting');
    assert.equal(timers[0]!.ms, MAX_RETRY_AFTER_MS + FIRST_PAUSE_MS);
  });

  for (const [name, frame] of [
    ['garbage', Uint8Array.of(255, 255, 255)],
    ['an empty frame', new Uint8Array()],
    ['a text frame', 'hello'],
    ['a peer id of 0', encodeSessionResponse({ case: 'welcome', value: { peerId: 0n } })],
  ] as const)
    it(`reconnects with a pause after ${name}`, async () => {
      const [, socket] = await openSession();
      const closed = once(socket, 'close');
      socket.send(frame);
      assert.equal((await states.next())[0], 'waiting');
      await closed;
    });

  it('ignores a message of a newer tracker', async () => {
    const [client, socket] = await openSession();
    socket.send(Uint8Array.of(0xf2, 0x06, 0)); // field 110, empty
    client.want([content(2)]);
    await tracker.requests.next();
    say(socket, { case: 'peers', value: { swarms: [{ content: content(2) }] } });
    assert.equal((await replies.next()).holders.length, 0);
    assert.equal(states.size, 0);
  });

  it('gives up a socket on which a question stays unanswered', async () => {
    const [client, socket] = await openSession();
    client.want([content(2)]);
    await tracker.requests.next();
    assert.deepEqual(
      timers.map((timer) => timer.ms),
      [RESPONSE_TIMEOUT_MS],
    );
    const closed = once(socket, 'close');
    timers[0]!.fire();
    assert.equal((await states.next())[0], 'waiting');
    await closed;
    timers[0]!.fire();
    assert.equal((await tracker.requests.next()).case, 'want');
  });

  it('is unavailable without a URL, with a bad one, without WebSocket, or where it is forbidden', async () => {
    const nowhere = new TrackerClient(undefined, platform, {
      onState: () => assert.fail('it is unavailable from the start'),
      onPeers: () => {},
      onGrant: () => {},
      onDeposited: () => {},
      onSignal: () => {},
      onUndeliverable: () => {},
    });
    nowhere.want([content(1)]);
    assert.equal(nowhere.state, 'unavailable');
    const Forbidden = class {
      constructor() {
        throw new DOMException('mixed content', 'SecurityError');
      }
    } as unknown as typeof WebSocket;
    for (const client of [
      connect('http:// nowhere'),
      connect(tracker.url, { WebSocket: undefined }),
      connect(tracker.url, { WebSocket: Forbidden }),
    ]) {
      client.want([content(1)]);
      assert.deepEqual(await states.next(), ['unavailable', undefined]);
      assert.equal(client.state, 'unavailable');
      client.want([content(2)]);
    }
    await new Promise(setImmediate);
    assert.equal(states.size, 0);
    assert.equal(timers.length, 0);
  });

  it('takes an error for the end of a socket that is never closed', async () => {
    const Refused = class extends EventTarget {
      onerror: (() => void) | null = null;
      constructor() {
        super();
        queueMicrotask(() => this.onerror?.());
      }
      close() {}
    } as unknown as typeof WebSocket;
    connect(tracker.url, { WebSocket: Refused }).want([content(1)]);
    assert.deepEqual(await states.next(), ['connecting', undefined]);
    assert.deepEqual(await states.next(), ['waiting', undefined]);
    assert.equal(timers.length, 1);
  });

  it('leaves when suspended, and after resume asks and announces again, without a pause', async () => {
    const [client, socket] = await openSession();
    client.want([content(2)]);
    await tracker.requests.next();
    const closed = once(socket, 'close');
    client.suspend();
    client.suspend();
    assert.deepEqual([client.state, client.ownId, states.size], ['suspended', undefined, 0]);
    assert.deepEqual(await states.next(), ['suspended', undefined]);
    await closed;
    client.want([content(3)]);
    client.have(content(4), 20);
    client.drop([content(1)]);
    await new Promise(setImmediate);
    assert.deepEqual([states.size, timers.length, tracker.sockets.size], [0, 0, 0]);
    client.resume();
    client.resume();
    assert.equal(client.state, 'connecting');
    const want = await tracker.requests.next();
    assert.ok(want.case === 'want');
    assert.deepEqual(
      want.value.contents.map((id) => contentKey(id as never)),
      [content(2).key, content(3).key],
    );
    const have = await tracker.requests.next();
    assert.ok(have.case === 'have');
    assert.deepEqual(
      have.value.holdings.map((holding) => holding.size),
      [20n],
    );
    say(await tracker.sockets.next(), { case: 'welcome', value: { peerId: 8n } });
    let state = await states.next();
    while (state[0] === 'connecting') state = await states.next();
    assert.deepEqual(state, ['open', 8n]);
  });

  it('suspended in a pause does not come back before resume; with nothing to say, not even then', async () => {
    const [client, socket] = await openSession();
    socket.terminate();
    assert.deepEqual(await states.next(), ['waiting', undefined]);
    client.suspend();
    assert.deepEqual(await states.next(), ['suspended', undefined]);
    assert.equal(timers.length, 0);
    client.drop([content(1)]);
    client.resume();
    assert.deepEqual(await states.next(), ['connecting', undefined]);
    await new Promise(setImmediate);
    assert.deepEqual([states.size, timers.length], [0, 0]);
    client.suspend();
    client.close();
    client.resume();
    client.suspend();
    assert.equal(client.state, 'closed');
  });

  it('connects anew, at once, when the network is back, as the socket may be dead without a word', async () => {
    const [client, socket] = await openSession();
    client.want([content(2)]);
    client.have(content(4), 20);
    for (let i = 0; i < 2; i++) await tracker.requests.next();
    const closed = once(socket, 'close');
    client.renew();
    client.renew();
    assert.deepEqual([client.state, client.ownId, states.size], ['moving', undefined, 0]);
    assert.deepEqual(await states.next(), ['moving', undefined]);
    await closed;
    say(await tracker.sockets.next(), { case: 'welcome', value: { peerId: 8n } });
    let state = await states.next();
    while (state[0] === 'moving') state = await states.next();
    assert.deepEqual(state, ['open', 8n]);
    const again: unknown[] = [];
    while (tracker.requests.size > 0) again.push((await tracker.requests.next()).case);
    assert.deepEqual(again, ['want', 'have']);
    assert.equal(tracker.sockets.size, 0);
  });

  it('waits for no pause that began without a network, nor connects anew for nothing', async () => {
    const client = connect();
    client.renew();
    await new Promise(setImmediate);
    assert.deepEqual([client.state, states.size], ['connecting', 0]);
    client.want([content(1)]);
    (await tracker.sockets.next()).terminate();
    let state = await states.next();
    while (state[0] !== 'waiting') state = await states.next();
    client.renew();
    (await tracker.sockets.next()).terminate();
    while (state[0] !== 'waiting' || client.state !== 'waiting') state = await states.next();
    client.drop([content(1)]);
    client.renew();
    assert.equal(client.state, 'connecting');
    await new Promise(setImmediate);
    assert.deepEqual([timers.length, tracker.sockets.size], [0, 0]);
    for (const end of ['suspend', 'close'] as const) {
      client[end]();
      client.renew();
      assert.equal(client.state, end === 'close' ? 'closed' : 'suspended');
    }
  });

  it('says closed once and opens nothing after close', async () => {
    const [client, socket] = await openSession();
    const closed = once(socket, 'close');
    client.close();
    client.close();
    client.want([content(3)]);
    assert.deepEqual(await states.next(), ['closed', undefined]);
    await closed;
    await new Promise(setImmediate);
    assert.equal(states.size, 0);
    assert.equal(timers.length, 0);
  });

  it('keeps no Node process alive after close', async () => {
    const script = `
      import { TrackerClient } from ${JSON.stringify(new URL('tracker-client.ts', import.meta.url))};
      import { browserPlatform } from ${JSON.stringify(new URL('../platform.ts', import.meta.url))};
      const client = new TrackerClient(process.argv[1], browserPlatform(), {
        onState: (state) => state === 'open' && client.close(),
      });
      client.want([{ algorithm: 1, digest: new Uint8Array(20), key: '' }]);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, tracker.url], {
      stdio: 'inherit',
    });
    const exit = once(child, 'exit');
    say(await tracker.sockets.next(), { case: 'welcome', value: { peerId: 1n } });
    assert.deepEqual(await exit, [0, null]);
  });
});

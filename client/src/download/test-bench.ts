import { createHash } from 'node:crypto';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import type { PeerMessageBody } from '@zauberflote/proto';
import { decodePeerMessage, encodePeerMessage, MAX_FRAGMENT_BYTES } from '@zauberflote/proto';
import type { Connections } from '../connection/types.ts';
import { Verifier } from '../integrity/digest.ts';
import { browserPlatform } from '../platform.ts';
import type { Tracker, TrackerState } from '../tracker/types.ts';
import { DownloadManager, type NetworkHandlers } from './download-manager.ts';

export const FILE = Buffer.alloc(60_000, 'zauberflöte ');
export const HASH = createHash('sha1').update(FILE).digest('hex');
const never = () => Promise.reject(new Error('not needed'));

export const digestOf = (id: string) => Uint8Array.from(Buffer.from(id.slice(4), 'base64url'));

/** A manager whose tracker and connections are played by the test. */
export class Bench {
  readonly wanted: string[] = [];
  readonly had: [string, number, boolean?][] = [];
  readonly dropped: string[] = [];
  /** Bytes of the parts of the origin's file that the tracker was asked for: of chunks, once they are known. */
  readonly leased: number[] = [];
  readonly connected: bigint[] = [];
  readonly sent: { peer: bigint; body: PeerMessageBody }[] = [];
  readonly barred: bigint[] = [];
  /** Whether others were made welcome, as it was said. */
  readonly welcomed: boolean[] = [];
  readonly open = new Set<bigint>();
  /** Whose connections take nothing now. */
  readonly full = new Set<bigint>();
  readonly fetched: string[] = [];
  readonly priorities: (RequestPriority | undefined)[] = [];
  state: TrackerState = 'open';
  /** Undefined: there is no session. */
  ownId: bigint | undefined = 0xabcn;
  /** What the tracker says of the content. */
  size = FILE.length;
  /** Stops the clock there. */
  now: number | undefined;
  /** A timer of the page, by the real clock; a test may let it go off at another time, or never. */
  setTimer = browserPlatform().setTimer;
  closed = 0;
  readonly #served = new Set<string>();
  /** What the browser tells of the visitor's network. */
  readonly network = Object.assign(new EventTarget(), { saveData: false });
  answer: (url: string, range?: string, signal?: AbortSignal) => Response | Promise<Response> =
    () => new Response(FILE, { headers: { 'content-type': 'text/x-zf' } });
  handlers!: NetworkHandlers;
  readonly manager: DownloadManager;

  /** @param caches of a browser, where two such files may be kept */
  constructor(caches?: CacheStorage) {
    const bench = this;
    const tracker = {
      get state() {
        return bench.state;
      },
      get ownId() {
        return bench.ownId;
      },
      want: (contents) => this.wanted.push(...contents.map(({ key }) => key)),
      have: ({ key }, size, partial) => this.had.push(partial ? [key, size, true] : [key, size]),
      lease: ({ key }, { wanted, unitBytes }) => {
        if (wanted === 0) return true;
        this.leased.push(unitBytes);
        // All is lent to others, or nobody is there to lend to.
        queueMicrotask(() => this.handlers.onGrant(key, { first: 0, count: 0, unitBytes }));
        return true;
      },
      drop: (contents) => this.dropped.push(...contents.map(({ key }) => key)),
      signal: () => true,
      deposit: () => false,
      close: () => this.closed++,
    } as Tracker;
    const connections = {
      welcome: (isWelcome) => this.welcomed.push(isWelcome),
      connect: (peer) => this.connected.push(peer),
      isOpen: (peer) => this.open.has(peer),
      isWritable: (peer) => !this.full.has(peer),
      queuedBytes: () => 0,
      maxFragmentBytes: () => 65_536,
      send: (peer, body) => this.sent.push({ peer, body }) > 0,
      disconnect: (peer) => this.barred.push(peer),
      close: () => this.closed++,
    } as Connections;
    const fetch = async (url: RequestInfo | URL, init?: RequestInit) => {
      this.fetched.push(String(url));
      this.priorities.push(init?.priority);
      const range = new Headers(init?.headers).get('range') ?? undefined;
      return this.answer(String(url), range, init?.signal ?? undefined);
    };
    const real = browserPlatform();
    const now = () => this.now ?? real.now();
    const setTimer = (ms: number, run: () => void) => this.setTimer(ms, run);
    const platform = { ...real, now, setTimer, fetch, caches, networkInformation: this.network };
    const verifier = new Verifier(crypto.subtle, never);
    const connect = (handlers: NetworkHandlers) => {
      this.handlers = handlers;
      return { tracker, connections };
    };
    const maxStoredBytes = caches ? 2 * FILE.length : 0;
    this.manager = new DownloadManager(platform, verifier, connect, { maxStoredBytes });
  }

  /** The tracker names peers, and their connections open. */
  named(...peers: bigint[]): void {
    const holders = peers.map((peer) => ({ peer, size: this.size, partial: false }));
    const key = this.wanted.at(-1) as string;
    this.handlers.onPeers({
      contentKey: key,
      holders,
      totalHolders: peers.length,
      totalPartial: 0,
    });
    this.opens(...peers);
  }

  /** Their connections open. */
  opens(...peers: bigint[]): void {
    for (const peer of peers) {
      this.open.add(peer);
      this.handlers.onOpen(peer, false);
    }
  }

  /** The visitor begins or ends to save data. */
  saveData(saveData: boolean): void {
    this.network.saveData = saveData;
    this.network.dispatchEvent(new Event('change'));
  }

  hear(peer: bigint, body: PeerMessageBody): void {
    this.handlers.onMessage(peer, decodePeerMessage(encodePeerMessage(body)));
  }

  /** Bodies of one kind that a peer was sent. */
  told<Case extends NonNullable<PeerMessageBody>['case']>(peer: bigint, kind: Case) {
    return this.sent.flatMap(({ peer: to, body }) =>
      to === peer && body?.case === kind
        ? [body.value as Extract<PeerMessageBody, { case: Case }>['value']]
        : [],
    );
  }

  /** Requests sent and not answered by {@link serve} yet. */
  requests(peer: bigint) {
    return this.sent.flatMap(({ peer: to, body }) =>
      to === peer && body?.case === 'request' ? [body.value] : [],
    );
  }

  /** The peer answers what it was asked. */
  serve(peer: bigint, file: Uint8Array = FILE): void {
    for (const { requestId = 0, offset = 0n, length = 0 } of this.requests(peer)) {
      if (this.#served.has(`${peer}/${requestId}`)) continue;
      this.#served.add(`${peer}/${requestId}`);
      for (let at = 0; at < length; at += MAX_FRAGMENT_BYTES) {
        const from = Number(offset) + at;
        const most = Math.min(length - at, MAX_FRAGMENT_BYTES);
        const data = Uint8Array.from(file.subarray(from, from + most));
        this.hear(peer, { case: 'fragment', value: { requestId, offset: at, data } });
      }
    }
  }
}

/** Lets what needs no I/O come to its end. */
export const settle = async () => {
  for (let i = 0; i < 5; i++) await turn();
};

/** Waits for something another thread has part in; the test's own time limit ends it. */
export const until = async (isSo: () => boolean) => {
  while (!isSo()) await pause(1);
};

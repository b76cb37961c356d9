import type { Connections } from '@zauberflote/client/src/connection/types.ts';
import { DownloadManager } from '@zauberflote/client/src/download/download-manager.ts';
import type { Content } from '@zauberflote/client/src/integrity/content-id.ts';
import { Verifier } from '@zauberflote/client/src/integrity/digest.ts';
import { joinNetwork } from '@zauberflote/client/src/network.ts';
import type { Platform } from '@zauberflote/client/src/platform.ts';
import type { Tracker, TrackerState } from '@zauberflote/client/src/tracker/types.ts';
import type { DiskFile } from './disk-file.ts';
import type { DiskStore } from './disk-store.ts';
import { MAX_CONTENTS, MAX_OFFERS_PER_MINUTE_OF_SEED } from './limits.ts';
import type { SeedOptions } from './options.ts';

export interface SeederHandlers {
  /** On every change. */
  onTracker(state: TrackerState): void;
}

/** A peer that downloads nothing, and serves what its store holds: the client as in a page, with a disk for memory. */
export class Seeder {
  readonly #store: DiskStore;
  readonly #manager: DownloadManager;
  /** Bytes sent, by the name of the file they are of. */
  readonly sent = new Map<string, number>();
  #tracker!: Tracker;

  constructor(
    options: Pick<SeedOptions, 'trackers' | 'maxPeers' | 'maxUploadBytesPerSecond' | 'iceServers'>,
    platform: Platform,
    store: DiskStore,
    { onTracker }: SeederHandlers,
  ) {
    this.#store = store;
    const { trackers, maxPeers, maxUploadBytesPerSecond, iceServers } = options;
    const limits = {
      maxConnections: maxPeers,
      maxIncoming: maxPeers,
      maxOffersPerMinute: MAX_OFFERS_PER_MINUTE_OF_SEED,
    };
    const noLibrary = () => Promise.reject(new Error('Node has crypto.subtle'));
    this.#manager = new DownloadManager(
      platform,
      new Verifier(globalThis.crypto.subtle, noLibrary),
      (handlers) => {
        const onState = (...state: Parameters<typeof handlers.onState>) => {
          handlers.onState(...state);
          onTracker(state[0]);
        };
        const all = { ...handlers, onState };
        const network = joinNetwork(trackers, platform, all, { ...limits, iceServers });
        this.#tracker = network.tracker;
        this.#count(network.connections);
        return network;
      },
      {
        upload: 'always',
        maxUploadBytesPerSecond,
        store,
      },
    );
  }

  /** Serves a file, and says so at the tracker. */
  add(file: DiskFile): void {
    for (const content of this.#store.add(file)) this.#tracker.have(content, file.size);
  }

  /** Serves it no more, not even to who was promised it. */
  remove(file: DiskFile): void {
    const gone: Content[] = this.#store.remove(file);
    if (gone.length > 0) this.#tracker.drop(gone);
  }

  get peers(): number {
    return this.#manager.stats().connections;
  }

  get tracker(): TrackerState {
    return this.#tracker.state;
  }

  /** To all visitors together. */
  get bytes(): number {
    return this.#manager.stats().bytes.uploaded;
  }

  /** Leaves the tracker and all visitors. */
  close(): void {
    this.#manager.close();
  }

  #add(name: string, bytes: number): void {
    const total = (this.sent.get(name) ?? 0) + bytes;
    // Those last served at the end. Others may have gone long ago, and new names may come for ever.
    this.sent.delete(name);
    this.sent.set(name, total);
    const [oldest] = this.sent.keys();
    if (this.sent.size > MAX_CONTENTS && oldest !== undefined) this.sent.delete(oldest);
  }

  /** What is sent is a view of what was read: so it is known of which file it is, and a page's script has no part in it. */
  #count(connections: Connections): void {
    const send = connections.send.bind(connections);
    connections.send = (peer, body) => {
      const isSent = send(peer, body);
      const data = body?.case === 'fragment' ? body.value.data : undefined;
      const file = isSent && data ? this.#store.fileOf(data.buffer) : undefined;
      if (data && file) this.#add(file.name, data.length);
      return isSent;
    };
  }
}

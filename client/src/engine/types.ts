import type { Layout } from './layout.ts';
import type { Reader } from './reading.ts';

/** Names a peer; the tracker's id for it. */
export type PeerId = bigint;

/** A peer said to hold the content. */
export interface HolderInfo {
  readonly peer: PeerId;
  /** Bytes, as claimed; 0 of a partial holder that does not know. */
  readonly size: number;
  /** Whether it is still downloading. */
  readonly partial: boolean;
  /** Whether a connection to it takes less time than to others. @default false */
  readonly offered?: boolean;
}

/**
 * `there`: can be asked. `anew`: so can another one, which knows nothing of what was asked before.
 * `away`: not now, perhaps later. `missing`: never.
 */
export type TrackerReach = 'there' | 'anew' | 'away' | 'missing';

/** Why nothing came of a download. */
export type Failure = 'no-source' | 'hash-mismatch' | 'too-large';

/**
 * How a range of the origin ended. `done`: all announced bytes came. `beyond`: it starts past the
 * content's end. `no-ranges`: the origin's ranges cannot be used. `failed`: network, status,
 * truncated, stalled.
 */
export type RangeEnd = 'done' | 'beyond' | 'no-ranges' | 'failed';

/** What happens to a download. */
export type EngineEvent =
  /**
   * The download begins. Always the first event. `originRate`: bytes per ms that the origin gave the page of
   * something else a moment ago; 0 or undefined: not known.
   */
  | { readonly type: 'start'; readonly originRate?: number }
  /** The manifest is known. */
  | { readonly type: 'layout'; readonly layout: Layout }
  /**
   * Who takes the content in order; told anew whenever one of them takes more, waits, comes or goes. `isAll`: whether
   * somebody wants all of it, too, as is taken to be until this is said; else only what they need next is fetched.
   * Where neither is so, what is on its way is broken off.
   */
  | { readonly type: 'read'; readonly readers: readonly Reader[]; readonly isAll: boolean }
  /** The tracker answered; `totalPartial`: how many others download, whether it named them or not. */
  | {
      readonly type: 'holders';
      readonly holders: readonly HolderInfo[];
      readonly totalPartial?: number;
    }
  /** The tracker can or cannot be asked. Taken to be there until said otherwise. */
  | { readonly type: 'tracker'; readonly reach: TrackerReach }
  /** The tracker's reply to a `lease` that wanted units. */
  | {
      readonly type: 'grant';
      readonly first: number;
      readonly count: number;
      readonly unitBytes: number;
    }
  /** A connection is open; also the reply to `connect` when there was one already. */
  | { readonly type: 'open'; readonly peer: PeerId }
  /**
   * A connection or the attempt at one ended; `barred`: never use this peer again. `isBusy`: there is no room for a
   * connection, here or there, until others are done.
   */
  | {
      readonly type: 'close';
      readonly peer: PeerId;
      readonly barred: boolean;
      readonly isBusy?: boolean;
    }
  /** A peer says what it has; it may be one nobody told of. Fields as in peer.proto. */
  | {
      readonly type: 'holdings';
      readonly peer: PeerId;
      readonly size: number;
      readonly chunkSize: number;
      readonly complete: boolean;
      readonly bitfield: Uint8Array;
    }
  /** A peer has more chunks. */
  | { readonly type: 'got'; readonly peer: PeerId; readonly chunks: readonly number[] }
  /** A peer should have more chunks in a moment. */
  | { readonly type: 'coming'; readonly peer: PeerId; readonly chunks: readonly number[] }
  /** Part of a requested chunk came; offset from the chunk's start. */
  | {
      readonly type: 'fragment';
      readonly peer: PeerId;
      readonly chunk: number;
      readonly offset: number;
      readonly length: number;
    }
  /** A peer will not serve a chunk, for the moment; `lasting`: nor any other of this content. */
  | {
      readonly type: 'refused';
      readonly peer: PeerId;
      readonly chunk: number;
      readonly lasting: boolean;
    }
  /** There is a fallback URL after all. */
  | { readonly type: 'fallback' }
  /** The origin answers with bytes from `offset` on; `total`: size of the file, if it says. */
  | {
      readonly type: 'range-head';
      readonly range: number;
      readonly offset: number;
      readonly end: number | undefined;
      readonly total: number | undefined;
      /** False: the whole file, whatever was asked for. */
      readonly ranged: boolean;
      /** All of it comes, and nothing says that ranges of it can be had. */
      readonly isWhole?: boolean;
      /** Whether it may be meant for this visitor alone. */
      readonly isPrivate?: boolean;
    }
  /** The next bytes of a range came. */
  | { readonly type: 'range-data'; readonly range: number; readonly length: number }
  | {
      readonly type: 'range-end';
      readonly range: number;
      readonly end: RangeEnd;
      /** With `beyond`: the file's size, if the origin says. */
      readonly total?: number | undefined;
      /** With `failed`: it is overrun, and asks to be left alone for so many ms. */
      readonly retryAfter?: number | undefined;
    }
  /** The result of a `check`; without `peer`, of bytes from the origin. */
  | {
      readonly type: 'checked';
      readonly chunk: number;
      readonly peer: PeerId | undefined;
      readonly ok: boolean;
    }
  /** The result of a `verify`. */
  | { readonly type: 'verified'; readonly ok: boolean }
  /** The time `wakeAt` came. */
  | { readonly type: 'wake' };

/** An event by its type. */
export type EventOf<Type extends EngineEvent['type']> = Extract<EngineEvent, { type: Type }>;

/** What a peer is asked for. */
export interface ChunkRange {
  readonly chunk: number;
  /** Of the chunk, from the start of the content. */
  readonly offset: number;
  readonly length: number;
  /** Whether {@link DownloadEngine.first} chose it. */
  readonly isFirst?: boolean | undefined;
}

/** What is to be done about it, in this order. */
export type Effect =
  /** Ask the tracker for holders; answered by `holders`, if at all. */
  | { readonly type: 'ask' }
  /** Tell the tracker about the origin's use; answered by `grant` if units are wanted. */
  | {
      readonly type: 'lease';
      readonly unitBytes: number;
      /** 0: not known. */
      readonly units: number;
      readonly wanted: number;
      /** Undefined: any. */
      readonly needed: Uint8Array<ArrayBuffer> | undefined;
      readonly fetched: readonly number[];
      readonly returned: readonly number[];
      /** Peers have what is needed, but give it too slowly. */
      readonly hurry: boolean;
    }
  /** Open a connection; answered by `open` or `close`. */
  | { readonly type: 'connect'; readonly peer: PeerId }
  /** Tell a peer what there is here. */
  | {
      readonly type: 'holdings';
      readonly peer: PeerId;
      readonly layout: Layout | undefined;
      readonly bitfield: Uint8Array<ArrayBuffer>;
    }
  /** Tell a peer of chunks it lacks. */
  | { readonly type: 'got'; readonly peer: PeerId; readonly chunks: readonly number[] }
  /** Tell a peer of chunks it lacks that should be here in a moment, at once. */
  | { readonly type: 'coming'; readonly peer: PeerId; readonly chunks: readonly number[] }
  /** Ask a peer for a chunk. */
  | ({ readonly type: 'request'; readonly peer: PeerId } & ChunkRange)
  /** Take a request back and throw away what came of it. */
  | { readonly type: 'cancel'; readonly peer: PeerId; readonly chunk: number }
  /** The chunk as this peer (else the origin) sent it is complete: hash it. Answered by `checked`. */
  | { readonly type: 'check'; readonly chunk: number; readonly peer: PeerId | undefined }
  /** Keep the chunk as this peer (else the origin) sent it. */
  | { readonly type: 'keep'; readonly chunk: number; readonly peer: PeerId | undefined }
  /** Throw the chunk as this peer (else the origin) sent it away. */
  | { readonly type: 'drop'; readonly chunk: number; readonly peer: PeerId | undefined }
  /** Throw a kept chunk away. */
  | { readonly type: 'discard'; readonly chunk: number }
  /** End the connection: the peer broke the protocol or sent wrong bytes. */
  | { readonly type: 'bar'; readonly peer: PeerId }
  /** Get bytes from the fallback URL; `fresh`: past any cache. */
  | {
      readonly type: 'fetch-range';
      readonly range: number;
      readonly offset: number;
      /** Undefined: to the end. */
      readonly length: number | undefined;
      readonly fresh: boolean;
    }
  | { readonly type: 'abort-range'; readonly range: number }
  /** The layout is this from now on; it was not known before, or what was kept is to be discarded. */
  | { readonly type: 'lay-out'; readonly layout: Layout }
  /** Hash the whole; answered by `verified`. */
  | { readonly type: 'verify' }
  /** The download is complete. The last effect. */
  | { readonly type: 'complete' }
  /** The download has failed. The last effect. */
  | { readonly type: 'fail'; readonly reason: Failure };

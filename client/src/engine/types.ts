/** Names a peer; the tracker's id for it. */
export type PeerId = bigint;

/** A peer said to hold the content. */
export interface HolderInfo {
  readonly peer: PeerId;
  /** Bytes, as claimed. */
  readonly size: number;
}

/** Where the bytes of a result came from. */
export type Supplier = 'peers' | 'origin';

/** `there`: can be asked. `away`: not now, perhaps later. `missing`: never. */
export type TrackerReach = 'there' | 'away' | 'missing';

/** Why nothing came of a download. */
export type Failure = 'no-source' | 'hash-mismatch';

/** What happens to a download. */
export type EngineEvent =
  /** The download begins. Always the first event. */
  | { readonly type: 'start' }
  /** The tracker answered. */
  | { readonly type: 'holders'; readonly holders: readonly HolderInfo[] }
  /** The tracker can or cannot be asked. Taken to be there until said otherwise. */
  | { readonly type: 'tracker'; readonly reach: TrackerReach }
  /** A connection is open; also the reply to `connect` when there was one already. */
  | { readonly type: 'open'; readonly peer: PeerId }
  /** A connection or the attempt at one ended; `barred`: never use this peer again. */
  | { readonly type: 'close'; readonly peer: PeerId; readonly barred: boolean }
  /** Part of a requested chunk came; offset from the chunk's start. */
  | {
      readonly type: 'fragment';
      readonly peer: PeerId;
      readonly chunk: number;
      readonly offset: number;
      readonly length: number;
    }
  /** A peer will not serve a chunk; `lasting`: nor any other of this content. */
  | {
      readonly type: 'refused';
      readonly peer: PeerId;
      readonly chunk: number;
      readonly lasting: boolean;
    }
  /** There is a fallback URL after all. */
  | { readonly type: 'fallback' }
  /** The origin's whole body came. */
  | { readonly type: 'origin-done' }
  /** The origin did not give it. */
  | { readonly type: 'origin-failed' }
  /** The result of a `verify`. */
  | { readonly type: 'verified'; readonly supplier: Supplier; readonly ok: boolean }
  /** The time `wakeAt` came. */
  | { readonly type: 'wake' };

/** What is to be done about it, in this order. */
export type Effect =
  /** Ask the tracker for holders; answered by `holders`, if at all. */
  | { readonly type: 'ask' }
  /** Open a connection; answered by `open` or `close`. */
  | { readonly type: 'connect'; readonly peer: PeerId }
  /** Ask a peer for bytes. */
  | {
      readonly type: 'request';
      readonly peer: PeerId;
      readonly chunk: number;
      /** From the start of the content. */
      readonly offset: number;
      readonly length: number;
    }
  /** Take a request back and throw away what came of it. */
  | { readonly type: 'cancel'; readonly peer: PeerId; readonly chunk: number }
  /** The chunk as this peer sent it is complete: keep it. */
  | { readonly type: 'keep'; readonly peer: PeerId; readonly chunk: number }
  /** Throw all chunks away. */
  | { readonly type: 'discard' }
  /** End the connection: the peer broke the protocol or sent wrong bytes. */
  | { readonly type: 'bar'; readonly peer: PeerId }
  /** Get the whole body from the fallback URL; `fresh`: past any cache. */
  | { readonly type: 'fetch-origin'; readonly fresh: boolean }
  | { readonly type: 'abort-origin' }
  /** Hash what a supplier gave; answered by `verified`. */
  | { readonly type: 'verify'; readonly supplier: Supplier }
  /** The download is complete with what this supplier gave. The last effect. */
  | { readonly type: 'complete'; readonly supplier: Supplier }
  /** The download has failed. The last effect. */
  | { readonly type: 'fail'; readonly reason: Failure };

/**
 * Constants of the engine. Times in milliseconds, sizes in bytes.
 */

/** Unit of request: the paper's 25 KB (section 3.2.1). */
export const CHUNK_BYTES = 25 * 1024;

/**
 * Largest content taken under a whole-file id from peers. Its size is only their claim, and the
 * whole must be in memory to be hashed (crypto.subtle has no incremental digest).
 */
export const MAX_UNVERIFIED_BYTES = 256 * 1024 * 1024;

/** Open requests to one peer: 200 KiB under way keep 16 Mbit/s busy over 100 ms. */
export const PIPELINE = 8;

/** Peers one download uses at a time: past that, more connections cost more than they carry. */
export const MAX_PEERS = 8;

/** Holders remembered for one download: more than are ever tried, so that memory is bounded. */
export const MAX_KNOWN_PEERS = 256;

/** A request to a peer that has sent nothing for this long goes to another (paper, section 3.2.1). */
export const REQUEST_TIMEOUT_MS = 3_000;

/** Every time a chunk is asked for again its time doubles, up to this many times. */
export const MAX_BACKOFF_DOUBLINGS = 4;

/** A request to a peer that does send, but not this chunk, is given up after this many times its time. */
export const SLOW_FACTOR = 4;

/** A peer that lets this many requests in a row pass in silence is not asked again. */
export const MAX_SILENT_TIMEOUTS = 3;

/** Time the tracker has to name holders before the origin is asked as well. */
export const ASK_PATIENCE_MS = 1_000;

/** Time without a whole chunk from peers, once they are named, before the origin is asked as well. */
export const STALL_PATIENCE_MS = 3_000;

/** Time without a byte from anywhere, with no origin left, before the download fails. */
export const GIVE_UP_MS = 30_000;

/** Pause between questions to the tracker while a download lasts. */
export const REFRESH_MS = 5_000;

/** Pause before a peer that could not be reached is tried again; doubles each time. */
export const RETRY_PEER_MS = 2_000;

/** Times a peer is tried before the download is done with it. */
export const MAX_PEER_FAILURES = 3;

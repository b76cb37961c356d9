/**
 * Limits of the protocol, the same for every implementation. Each is checked before anything is
 * allocated for what it limits. `docs/limits.md` lists them with their reasons.
 */

/** Largest SessionRequest, in bytes: 64 ids of 64 bytes, or an SDP, with room. */
export const MAX_SESSION_MESSAGE_BYTES = 65_536;

/** Largest SessionResponse, in bytes: 64 swarms of 64 holders take 95,556 bytes. */
export const MAX_SESSION_RESPONSE_BYTES = 131_072;

/** Largest NodeMessage, in bytes: a Signal of MAX_SESSION_MESSAGE_BYTES, or the Swarms of a SessionResponse. */
export const MAX_NODE_MESSAGE_BYTES = 131_072;

/** Most content ids in one Want, Have or Drop: a page of 30 assets in one message, twice over. */
export const MAX_IDS_PER_MESSAGE = 64;

/** Most holders the tracker names for one content. */
export const MAX_HOLDERS_PER_SWARM = 64;

/** Most candidates in one signal: hosts with many interfaces have about a dozen. */
export const MAX_CANDIDATES = 32;

/** Most offers in one Deposit, and of one client that a tracker keeps: each is an open port there. */
export const MAX_DEPOSITED_OFFERS = 4;

/** Most candidates in a deposited offer: it is kept, not passed on at once. */
export const MAX_DEPOSITED_CANDIDATES = 8;

/** Longest sctp_init, in bytes: eight times what Chromium 156 sends. */
export const MAX_SCTP_INIT_BYTES = 256;

/** Longest SessionRequests among the subprotocols of a WebSocket, in characters: proxies take 8 KiB of headers. */
export const MAX_FIRST_CHARACTERS = 4_096;

/** Longest raw SDP, in bytes: ten times that of a browser's data channel offer. */
export const MAX_RAW_SDP_BYTES = 16_384;

/** Longest range one Request may ask for, in bytes. */
export const MAX_REQUEST_BYTES = 1_048_576;

/** Most bytes of content in one Fragment: what every browser takes in one data channel message. */
export const MAX_FRAGMENT_BYTES = 65_536;

/** Largest PeerMessage, in bytes: a Fragment and its header. */
export const MAX_PEER_MESSAGE_BYTES = MAX_FRAGMENT_BYTES + 32;

/** Largest content, in bytes: the integers a JavaScript number holds exactly. */
export const MAX_CONTENT_BYTES = Number.MAX_SAFE_INTEGER;

/** Largest chunk a manifest may use, in bytes. */
export const MAX_CHUNK_BYTES = 16_777_216;

/**
 * Most chunks of one content, and units of a lease: a bitfield of them is 8 KiB. With the chunk sizes
 * of `zauberflote-manifest` that is 64 GiB.
 */
export const MAX_CHUNKS = 65_536;

/** Most chunks named in one Got: a peer that fell behind catches up with a few messages. */
export const MAX_CHUNKS_PER_GOT = 256;

/** Longest media type in a manifest, in bytes, which are characters: it is ASCII. */
export const MAX_MEDIA_TYPE_LENGTH = 255;

/** Largest manifest, in bytes: a hash of 32 bytes for each of MAX_CHUNKS chunks, and the rest. */
export const MAX_MANIFEST_BYTES = MAX_CHUNKS * 32 + 512;

/** Name of the protocol: WebSocket subprotocol and data channel subprotocol. */
export const SUBPROTOCOL = 'zauberflote.v1';

/** Prefix of a subprotocol that stands for a first frame: the rest is base64url, without padding. */
export const FIRST_PREFIX = 'first.';

/** WebSocket close code of a coded error is this plus the ErrorCode (RFC 6455 leaves 4000-4999 to us). */
export const CLOSE_CODE_BASE = 4000;

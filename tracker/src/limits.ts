/**
 * Limits of this tracker. Those of the protocol itself are in `@zauberflote/proto`. Those that an
 * operator may need to change are the defaults of settings (`config/settings.ts`).
 */

/**
 * Most peers connected at once; more are turned away with OVERLOADED instead of risking those
 * already there. Measured with 4000 (Node 24): 9 KiB each when idle, 67 KiB once each has
 * announced 30 contents and asked for them, so 1.3 GB, within the heap that Node takes by default.
 */
export const MAX_PEERS = 20_000;

/**
 * TCP connections, upgraded or not, beyond the most peers, so that a full tracker can still say so
 * and answer its health check.
 */
export const SPARE_CONNECTIONS = 1_000;

/**
 * Files that clients leave to the tracker itself, where fewer may be open than there may be clients: its log,
 * files of keys, Redis, and the operator's port, which has to answer just then.
 */
export const SPARE_FILES = 64;

/**
 * Messages that a client may send for ever, per second: a seeder that sends three for each of 60
 * visitors a second. At 50 µs each, 1 % of a core.
 */
export const MESSAGES_PER_SECOND = 200;

/** Bytes that a client may send for ever, per second: two of the largest messages. */
export const BYTES_PER_SECOND = 131_072;

/**
 * Contents that a client may ask for and announce for ever, per second: a page of 500 assets that
 * asks for each again every second while it loads, and announces it. At about 10 µs each, 1 % of a core;
 * with four other nodes that hold all of it 5 % (50 µs each, measured), and 1 % of each of theirs.
 */
export const CONTENTS_PER_SECOND = 1_000;

/** What a client does not send it may send later, all at once, up to so many seconds' worth. */
export const BURST_SECONDS = 5;

/**
 * What a Lease counts for in contents: it takes up to 0.36 ms, in a swarm of 65,536 units, so one
 * client keeps a core busy for 2 % with nothing but Leases.
 */
export const CONTENTS_PER_LEASE = 16;

/**
 * Longest that a client that sends too much is not read from, in milliseconds; one that owes more
 * than this is ended. What it had on its way may cost it a second burst.
 */
export const MAX_HOLD_MS = 5_000;

/**
 * Bytes of one client's frames that are handled as they come: a newcomer's Have, Want and offers to 8
 * peers. What it sends beyond takes turns with that of others who do the same. 50 clients that
 * ask for as much as they may held up others for a second without (`npm run hostile`).
 */
export const PROMPT_BYTES = 4_096;

/** Bytes a second that are, after these: 60 signals. */
export const PROMPT_BYTES_PER_SECOND = 16_384;

/** What a frame counts for beside its bytes: a small one takes about as long as so many bytes of a
 * large one, some 20 µs. */
export const FRAME_COST_BYTES = 128;

/** Longest that frames which wait are handled before others are read again, in milliseconds. */
export const TURN_MS = 4;

/** Most contents one peer may announce: a seeder that serves all of a large site. */
export const MAX_HOLDINGS_PER_PEER = 4_096;

/**
 * Most announcements of all peers: 50 each of the most peers. 0.13 KB each in swarms of many, 0.59 KB for
 * a content that nobody else holds (measured, Node 24), so 0.6 GB at worst; without this
 * limit the most peers with the most contents each would take 48 GB.
 */
export const MAX_HOLDINGS = 1_000_000;

/**
 * Holders named for a content when the client leaves it to us: a client downloads from 8 at a time,
 * and some of those named are gone or busy.
 */
export const DEFAULT_HOLDERS_PER_SWARM = 12;

/**
 * Of so many places for partial holders one is kept for those of other nodes, if there are any: each
 * peer then has some neighbours elsewhere, which keeps the crowds of all nodes one swarm.
 */
export const PLACES_PER_STRANGER = 4;

/**
 * Most holders named in one Peers message, over all its swarms. At 20 bytes each it stays far
 * within a session message, whatever was asked; 64 contents get 8 holders each.
 */
export const MAX_HOLDERS_PER_REPLY = 512;

/**
 * Most introductions a peer keeps; the oldest is forgotten first. Two of the largest replies, so
 * that a client that asks again can still use what it got before.
 */
export const MAX_INTRODUCTIONS_PER_PEER = 2 * MAX_HOLDERS_PER_REPLY;

/**
 * Most introductions of all peers: 250 each of the most peers, at 51 bytes each (measured, Node 24)
 * 0.26 GB. Without this limit they could take 1 GB.
 */
export const MAX_INTRODUCTIONS = 5_000_000;

/**
 * Most attempts one peer may have open; the oldest is forgotten first. A browser supports about
 * 500 peer connections, and a client opens tens at most.
 */
export const MAX_ATTEMPTS_PER_PEER = 128;

/**
 * Deposited offers of one peer that others were given and that are open attempts; while there are so
 * many, none of its is given away, and newcomers send offers of their own. They do not count for
 * MAX_ATTEMPTS_PER_PEER. Our clients take 120 newcomers a minute, for as long as an attempt is kept.
 */
export const MAX_GIVEN_PER_PEER = 128;

/**
 * How long after its offer signals of an attempt are relayed, in milliseconds. ICE agents give up
 * checking after some 30 s (RFC 8445, section 6.1.4.3, leaves it to them; libwebrtc: 30 s), late
 * candidates included.
 */
export const ATTEMPT_TTL_MS = 60_000;

/**
 * How long a deposited offer is given away, in milliseconds. Shorter than its client keeps the port
 * open for it (a minute), so that no newcomer answers one that is gone.
 */
export const DEPOSIT_TTL_MS = 45_000;

/** Most deposited offers in one Peers message: a client downloads from 8 at a time. */
export const MAX_OFFERS_PER_REPLY = 8;

/** How long a lease lasts without another Lease that confirms it, in milliseconds (tracker.proto). */
export const LEASE_TTL_MS = 15_000;

/**
 * How long leases can be confirmed without any report that something came of them, in milliseconds:
 * 16 KiB at 270 B/s. Else one client could keep a content from all others for ever.
 */
export const MAX_LEASE_MS = 60_000;

/**
 * Most clients of a swarm that have leases at once: more only slow each other at a weak origin, and
 * what they fetch comes to the others later. Eight keep any origin busy over any round trip, as each
 * asks for as much as takes it a second.
 */
export const MAX_FETCHERS_PER_SWARM = 8;

/**
 * After so long, in milliseconds, a client that fetches leaves its place to another that waits for one.
 * (Simulated, 64 KB/s: 1,000 peers take 9.3 instead of 9.8 s.) An origin that is fast sends much in
 * this time.
 */
export const FETCH_TURN_MS = 1_000;

/**
 * How long, in milliseconds, a client that was refused is taken to wait: ours asks again after 1 to 2 s,
 * later each time, and may have got from others what it wanted.
 */
export const FETCH_WAIT_MS = 2_000;

/**
 * Grants in which a client would get its share of what is free: large enough to be one request to
 * the origin, small enough that one slow client does not hold up a swarm. One that is alone gets what
 * it wants.
 */
export const GRANTS_PER_CLIENT = 2;

/**
 * Units that a content is taken to have while nobody knows: 1 MiB of 64 KiB. Beyond, one at a time
 * is lent; whoever has asked the origin for one knows how many there are.
 */
export const ASSUMED_UNITS = 16;

/**
 * When a client leaves within this time after it has fetched a unit, in milliseconds, nobody may
 * have it: it is lent again. Time for about three peers to copy a chunk of 64 KiB over a slow uplink.
 */
export const SPREAD_MS = 5_000;

/**
 * For this long after a unit was fetched it is not lent again, in milliseconds: it is spreading from
 * peer to peer. Most of 10,000 peers have a chunk after 2 s (simulated, 2 Mbit/s up). A client in a
 * hurry gets it sooner if the origin could send every client a unit in this time.
 */
export const RELEND_MS = 3_000;

/**
 * Units of all swarms for which leases are kept, at 14 bytes each; of more, among the swarms
 * with tables of the size that takes most, the one in which nobody asked for the longest time
 * forgets its own, and some units are fetched twice.
 */
export const MAX_LEASE_UNITS = 4_194_304;

/**
 * How long a node that ended without a word stays in the directory, in milliseconds. Its clients are
 * not named all the same: it does not answer.
 */
export const NODE_TTL_MS = 30_000;

/** Time in which a node says of all its contents again that it has them, in milliseconds; if these are up
 * to 100,000. */
export const ANNOUNCE_MS = 10_000;

/** Parts in which it does so. */
export const ANNOUNCE_SLICES = 100;

/** Pause between two messages of a node to itself, in milliseconds. */
export const PROBE_MS = 1_000;

/** After so long without one, other nodes count as out of reach, in milliseconds. */
export const DOWN_AFTER_MS = 3_000;

/**
 * After so long it connects to Redis anew, in milliseconds: a subscription can be lost without an error
 * (slots of a cluster that moved), and a connection be dead without an end.
 */
export const REJOIN_MS = 10_000;

/** Commands of this tracker that Redis has not answered; of more, each fails at once. */
export const MAX_IN_FLIGHT = 16_384;

/** Commands that wait in the client of Redis, of each connection: those, and some for itself. */
export const MAX_COMMANDS = 20_000;

/**
 * Contents that a node says again it has in one slice, at most: 10,000 a second, some 5 % of a core
 * (measured). Of more than 300,000 contents some are missing in Redis at times.
 */
export const MAX_ANNOUNCED = 1_000;

/** Longest that a node waits to hear who has the contents of a Want before it asks those it knows of, in
 * milliseconds: one server of a cluster that does not answer must not spoil all. */
export const LOOKUP_MS = 100;

/** Servers of a cluster that a subscription is led on to, one after the other: while slots move, some. */
export const MAX_CHANNEL_MOVES = 5;

/** Other nodes asked for one content, chosen by chance: each names a sample of what it has. */
export const MAX_NODES_ASKED = 4;

/**
 * Longest that a client waits for holders of other nodes, in milliseconds: hundreds of times what it
 * takes where all is well (a median of 0.5 ms, trackers and Redis on one machine).
 */
export const INQUIRY_MS = 250;

/** Wants for which other nodes are asked at once, and as many Leases; beyond, they are answered with what
 * is known here. */
export const MAX_INQUIRIES = 4_096;

/** Inquiries and forwarded Leases are numbered from 1 to this, then again: long after the first was answered. */
export const MAX_INQUIRY_NUMBER = 2 ** 32 - 1;

/**
 * Longest that a Lease waits for the answer of another node, in milliseconds: with `LOOKUP_MS` less than the
 * 500 ms after which our client goes on without. With 150, and 5 s of doing without, crowds at two trackers on a
 * busy machine cost their origin up to 1.4 copies, as trackers waited for processors at the start.
 */
export const GRANT_MS = 300;

/** How long, in milliseconds, a node does without one that did not answer. */
export const SILENT_MS = 1_000;

/** Most units that a lender is given back in one message: 48 KiB. */
export const MAX_UNITS_RETURNED = 16_384;

/** How long, in milliseconds, a node takes another for the one that keeps the leases of a content. */
export const LENDER_MS = 5_000;

/** Nodes that a Lease is sent to, one after the other, where nobody hears it. */
export const MAX_LENDERS_TRIED = 3;

/**
 * Tries at a free peer id. The first one fails with a chance of MAX_PEERS / 2^64; when 8 do, the
 * source of randomness is broken.
 */
export const MAX_PEER_ID_TRIES = 8;

/** Shortest time that a client turned away is asked to wait, in milliseconds; twice as long at most. */
export const OVERLOAD_RETRY_MS = 15_000;

/** Clients of a stopping tracker are asked to come back within this time, in milliseconds, spread
 * evenly, so that they do not all arrive at its successor at once. */
export const GOING_AWAY_RETRY_MS = 5_000;

/**
 * Pause between pings, in milliseconds; also the time to answer one. Under the 60 s after which
 * nginx and most load balancers cut an idle connection.
 */
export const HEARTBEAT_MS = 30_000;

/** Parts of an interval in which pings go out: of 10,000 clients 157 at a time, which takes some 2 ms. */
export const HEARTBEAT_SLICES = 64;

/**
 * Messages that one message from a client causes at most, to it and all others together: a reply or a
 * forwarded signal, and the Error of one client that is ended (it does not read, or makes room for
 * what this one announces); or two such Errors.
 */
export const MAX_MESSAGES_OUT = 2;

/** Unsent bytes at which signals from others are refused as CONGESTED: four full messages. */
export const CONGESTED_BYTES = 262_144;

/** Unsent bytes at which a connection is given up as SLOW_CONSUMER. */
export const MAX_BUFFERED_BYTES = 1_048_576;

/** Connections from one address (of IPv6: one /64) at once: a large office, or a small provider's NAT. */
export const CONNECTIONS_PER_ADDRESS = 256;

/**
 * TCP connections from one address beyond those of its clients, so that who is one too many hears so, and is not
 * kept from asking for the tracker's health.
 */
export const SPARE_CONNECTIONS_PER_ADDRESS = 64;

/** New connections from one address per second, for ever. */
export const CONNECT_RATE_PER_ADDRESS = 20;

/** So many seconds' worth of them may come at once: a link that a whole office opens. */
export const ADDRESS_BURST_SECONDS = 10;

/** What a client refused for its address is told to wait, in seconds. */
export const ADDRESS_RETRY_SECONDS = 30;

/** Most connections whose tokens are being checked at once: some 20 ms of work; the sockets wait unread. */
export const MAX_PENDING_TOKENS = 256;

/** What one beyond is told to wait, in seconds. */
export const PENDING_RETRY_SECONDS = 5;

/** Longest time from a token's iat to its exp, in seconds: it cannot be taken back, and visitors of a page
 * can read it. Long enough for a page that is open all day. */
export const MAX_TOKEN_SECONDS = 86_400;

/** How far the clocks of tracker and token maker may be apart, in seconds. */
export const TOKEN_SKEW_SECONDS = 30;

/** Longest token, in characters: one of RS256 for 50 sites. Node takes 16 KiB of head in all. */
export const MAX_TOKEN_CHARACTERS = 4_096;

/** Entries that are read from Redis, or written, at once. */
export const MAX_ENTRIES_READ = 256;

/** Most keys for tokens, as each may be tried: some of now, some of before, for several services. */
export const MAX_TOKEN_KEYS = 16;

/** Largest file of them, in bytes. */
export const MAX_KEY_FILE_BYTES = 65_536;

/** Pause between two looks at whether they changed, in milliseconds. */
export const KEY_FILE_POLL_MS = 5_000;

/** Shortest secret for HS256, in bytes (RFC 7518, section 3.2). */
export const MIN_SECRET_BYTES = 32;

/** Shortest RSA key, in bits (RFC 7518, section 3.3). */
export const MIN_RSA_BITS = 2_048;

/** Pause between two measurements of how late the event loop is, in milliseconds. */
export const OVERLOAD_SAMPLE_MS = 100;

/**
 * From this delay of the event loop on there is too much to do, in milliseconds: it adds to every
 * message, and an introduction takes four. Five times the delay under the attacks of `npm run hostile`.
 */
export const OVERLOAD_DELAY_MS = 250;

/** For how long it has to be late before nobody new is let in, and to be well before they are
 * again, in milliseconds: longer than a full collection of the garbage of 1 GB. */
export const OVERLOAD_AFTER_MS = 5_000;

/** Most of one pause that counts, in milliseconds: a machine that slept is well. */
export const OVERLOAD_STEP_MS = 1_000;

/** Longest that the head of a request may take to arrive, in milliseconds: else sockets that send a
 * letter a minute fill the tracker. */
export const HEADERS_TIMEOUT_MS = 10_000;

/** Longest that a whole request may take, in milliseconds, but for a session: those for a swarm and to publish have a
 * body as well. */
export const REQUEST_TIMEOUT_MS = 15_000;

/** Streams of one connection of HTTP/2: the least that RFC 9113, section 6.5.2, recommends. */
export const MAX_HTTP2_STREAMS = 100;

/** What one connection of HTTP/2 may keep in this process, in megabytes: streams, headers, what is
 * not yet read. A tenth of what Node allows by default. */
export const MAX_HTTP2_MEGABYTES = 1;

/** Longest wait for the other side to complete the closing handshake, in milliseconds. */
export const CLOSE_TIMEOUT_MS = 5_000;

/** Longest that stopping waits for connections to close, in milliseconds. Under the 10 s after
 * which `docker stop` kills. */
export const STOP_TIMEOUT_MS = 3_000;

/**
 * After so long, without the draining, the process ends whatever is left open, in milliseconds: under the 5 s
 * that docs/operations.md has operators leave it.
 */
export const STOP_DEADLINE_MS = 4_500;

/** Longest message of an Error, in UTF-8 bytes (tracker.proto); a close frame has room for 123. */
export const MAX_ERROR_MESSAGE_BYTES = 120;

/** Swarms that the status page names, the largest. */
export const SWARMS_LISTED = 25;

/** Most swarms looked at for that, so that it stays a matter of milliseconds. */
export const MAX_SWARMS_RANKED = 100_000;

/** Settings (flags without `--`) that bound what clients may do, for counting how often each did. */
export const LIMIT_NAMES = [
  'max-peers',
  'max-holdings',
  'holdings-per-peer',
  'messages-per-second',
  'bytes-per-second',
  'contents-per-second',
  'connections-per-address',
  'connect-rate-per-address',
  'allow-origin',
  'token-keys-file',
  'publish-keys-file',
  'max-published',
  'overload-delay-ms',
] as const;

export type LimitName = (typeof LIMIT_NAMES)[number];

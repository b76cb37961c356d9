/**
 * Constants of the engine. Times in milliseconds, sizes in bytes.
 */

/**
 * Largest content taken under a whole-file id from peers. Its size is only their claim, and the
 * whole must be in memory to be hashed (crypto.subtle has no incremental digest).
 */
export const MAX_UNVERIFIED_BYTES = 256 * 1024 * 1024;

/**
 * Asked of a complete holder before its rate is known: 256 KiB under way show 5 MB/s over 50 ms. What
 * turns out to be too much for it is asked of others instead.
 */
export const START_WINDOW_BYTES = 262_144;

/** What a peer is taken to give before it is known, in bytes per ms: 1 Mbit/s. An origin that gives less is never due to help. */
export const UNKNOWN_RATE = 131;

/**
 * How much time's worth of bytes a peer is asked for in advance: an idle line costs more than
 * chunks that could have come from elsewhere, and twice 250 ms of round trip is covered.
 */
export const WINDOW_MS = 500;

/** Most asked of one peer at once: 20 MB/s over 200 ms. */
export const MAX_WINDOW_BYTES = 4 * 1024 * 1024;

/** Chunks asked of a peer at least: one that comes and the next, so that its line never idles. */
export const MIN_PIPELINE = 2;

/**
 * A partial holder that takes longer for a chunk is asked for another only when that has begun to come: else all
 * chunks wait in the lines of the first who had any, and the uplinks of the others are idle. (Simulated, 40 visitors
 * with 2 Mbit/s up, origin at 512 KB/s: 4.4 instead of 4.7 s.)
 */
export const QUICK_MS = 100;

/**
 * Connections begun to complete holders at first. Each costs both ends more CPU time than a 1 MiB file. As many as
 * {@link MIN_SEEDERS} where else, at {@link UNKNOWN_RATE} each, the origin would have to help ({@link DUE_FACTOR}).
 */
export const FIRST_SEEDERS = 1;

/** Connections begun where there are only partial holders, each of which has something else. */
export const FIRST_PARTIAL = 3;

/** Peers one download connects to at a time: past that, more connections cost more than they carry. */
export const MAX_PEERS = 8;

/**
 * What connections have to open, and to show what they give, before more are begun: the first may be out
 * of reach, or its first bytes slow, on a machine that is busy with just that. (RFC 8305 tries the next
 * address after 250 ms; this handshake takes longer.)
 */
export const SETTLE_MS = 500;

/** Complete holders that a download short of peers connects to, however many others connect to it. */
export const MIN_SEEDERS = 3;

/**
 * A download that would still take so long with the peers at hand, or got nothing for so long, connects
 * to more, as many as that takes if they give as much, but not to all at once: that cost a crowd on slow
 * machines more than it carried (ten visitors took 2.2 s instead of 1.9). Also, how long one that is
 * being connected to holds that up.
 */
export const MORE_PEERS_MS = 1_500;

/** Holders remembered for one download: more than are ever tried, so that memory is bounded. */
export const MAX_KNOWN_PEERS = 256;

/** What is read next comes in order, so much of it, and what is beyond it rarest first: 2 s of video with 4 Mbit/s. */
export const READ_WINDOW_BYTES = 1_048_576;

/**
 * Who only reads gets no more in advance than to the end of the next of these steps: 8 s of such a video at least, and a
 * visitor who leaves it has wasted 4 MiB at most twice.
 */
export const READ_STEP_BYTES = 4 * 1024 * 1024;

/**
 * So many times what it wants to be lent, a reader names, of what is read next: with less the origin idles where all read the
 * same, with more those who read it share it for what is read later (simulated: ten at once, 512 and 160 KB/s, a film of 125).
 */
export const READ_NAMED = 3;

/** Chunks taken by chance before the rarest come first: something to give in return, soon. */
export const RANDOM_FIRST = 4;

/** Least time a peer has for a chunk before it is asked of another (paper, section 3.2.1: 3 s). */
export const REQUEST_TIMEOUT_MS = 3_000;

/** A chunk is late after this many times the time that its peer should need. */
export const LATE_FACTOR = 4;

/** So many others a peer may serve in turn, as far as its pauses give it more time. */
export const MAX_SHARERS = 8;

/** Every time a chunk is asked for again its time doubles, up to this many times. */
export const MAX_BACKOFF_DOUBLINGS = 4;

/** A peer that lets this many requests in a row pass in silence is not asked again on that connection. */
export const MAX_SILENT_TIMEOUTS = 3;

/**
 * A chunk is not asked again so soon of a peer that says it is busy with it: two copies of 16 KiB leave it
 * meanwhile at 2 Mbit/s, to peers that may be asked instead.
 */
export const BUSY_CHUNK_MS = 130;

/** So often in a row a peer may say that: more often than it does to who cannot ask others. */
export const MAX_REFUSALS = 16;

/** Half the pause it gets then; doubles up to 4 times, with every request it lets pass. */
export const BUSY_PAUSE_MS = 250;

/**
 * A chunk is promised to others when something of it has come and no more than this is left: what takes a round trip
 * of 65 ms at 2 Mbit/s. (Where lines are faster it comes all at once.)
 */
export const MAX_REST_BYTES = 16_384;

/**
 * Above so many bytes per ms from all peers nothing is promised: a word on each chunk of 16 KiB would be
 * 125 a second, and what comes so fast is soon passed on.
 */
export const MAX_PROMISE_RATE = 2_048;

/** A chunk that a peer has begun to send is asked of a second one only if that saves at least this much time. */
export const ENDGAME_GAIN_MS = 200;

/**
 * One that it has not begun to send is taken back for this gain: ten visitors with 2 Mbit/s up had a seventh of
 * their uplinks idle while others waited in line for just that (simulated; 4 % less time with 100 than 200).
 */
export const MOVE_GAIN_MS = 100;

/** How often that is considered: it costs more than all else that happens when a fragment comes. */
export const MOVE_MS = 50;

/** Time the tracker has to name holders before the origin is asked as well. */
export const ASK_PATIENCE_MS = 1_000;

/** Time the tracker has to reply to a lease. */
export const LEASE_PATIENCE_MS = 500;

/** Time complete holders have to connect, or to send the next chunk, before the origin is asked as well. */
export const SEEDER_PATIENCE_MS = 2_000;

/** In so much time from the start of a download, connections that open get that patience anew. */
export const OPENING_MS = 5_000;

/** And so many of them: eight who gave nothing kept a visitor waiting for 7 s. */
export const MAX_OPENINGS = 2;

/**
 * A download that would still take so long from complete holders borrows parts of the origin, where nobody else is known to
 * download: its origin has time. One visitor of 786 KB whose only seeder gives 30 KB/s took 9.2 s where plain
 * HTTP takes 0.9 (simulated; 2.1 with this).
 */
export const HELPED_SEEDERS_MS = 1_000;

/** A download that would still take so long from complete holders gets help from the origin. */
export const SLOW_SEEDERS_MS = 5_000;

/**
 * Time over which it is looked at what seeders gave in fact. Three that sent each fragment after 2.9 s kept a visitor of an
 * origin at 100 KB/s waiting for twice as long as plain HTTP (modelled; as long with this).
 */
export const LATELY_MS = 2_000;

/**
 * A download is due so many times as long after the first peer could be reached as its origin needs for it alone: "never
 * slower than plain HTTP", but for what it takes to reach peers and to see what they give. The origin is asked for what
 * they will not have sent by then, and as late as that allows. Of an origin with 10 MB/s, which takes 1 s, ten visitors at
 * once with 1 Mbit/s up took 2.2 s and now take 1.6, a hundred in 10 s took 5.9 and take 1.8, sixty in two minutes with
 * 2 Mbit/s up 2.0 and 1.6, with 3 copies from it as before (simulated, round trips of 50 ms).
 */
export const DUE_FACTOR = 1.25;

/**
 * And at least so much longer, in ms: a small file of a peer takes a round trip and its time on an uplink. Counted from
 * the start, with 400 in its place, 54 of 60 such visitors got 10 KB from the origin, 50 ms sooner (simulated; now 1).
 */
export const DUE_MS = 300;

/** A peer counts as reached so long after the start, at the latest, in ms: 9 round trips of 67 ms. */
export const DUE_OPENING_MS = 600;

/**
 * When a download is due does not change because the origin has become slower, up to so many times: what peers send comes
 * over the same line.
 */
export const MAX_SLOWDOWN = 4;

/** What is to come of the origin in time is asked for so much sooner, in ms: a round trip, on a machine that is busy. */
export const DUE_LEAD_MS = 100;

/**
 * A range that takes so many times as long as its bytes come in waited in line for an origin that is overrun: a round trip
 * is some ten times what 16 KiB take.
 */
export const MAX_WAITED = 20;

/** From so many bytes on a range shows whether the origin is as fast as what the page fetched from there before. */
export const CONFIRMING_BYTES = 16_384;

/** From so many on, if it is not so, it says more of it. */
export const SHOWN_BYTES = 32_768;

/** So many times as long as should be needed for its bytes a range may take: connection and round trip are in it. */
export const CONFIRMING_FACTOR = 6;

/** And always so long, in ms, which is a connection and a round trip over 100 ms. */
export const CONFIRMING_MS = 250;

/** What partial holders would need so long to send is asked of the origin too: they have others to serve. */
export const SLOW_PARTIAL_MS = 700;

/**
 * Time without a chunk from anywhere, at least, before the origin is asked without the tracker's
 * consent; up to twice that by chance. Eight visitors who share 64 KB/s get a chunk of 16 KiB each in 2 s.
 */
export const STALL_PATIENCE_MS = 4_000;

/**
 * Where nothing was lent for such a time, nothing is known of what the origin gives, and peers give fewer chunks in it, it
 * is asked for one. One peer that took all on lease and sent a chunk every 3.9 s kept a download of 0.4 s waiting for 61.
 */
export const PROBE_CHUNKS = 4;

/** Pause before units are asked for again where none were to be had; doubles up to 8 times. */
export const LEASE_RETRY_MS = 1_000;

/** The same where that is known to have come sooner from the origin than peers will send it, as others know as well. */
export const DUE_RETRY_MS = 150;

/** Leases are confirmed so often; they end 15 s after that (tracker.proto, Lease). */
export const CONFIRM_MS = 5_000;

/** Units that one message reports: 49 KB, of 64 KiB that the tracker takes. */
export const MAX_REPORTED = 16_384;

/** Smallest and first range asked of the origin: an answer's header is 1 % of it. */
export const MIN_RANGE_BYTES = 65_536;

/** Largest: a page that is left wastes no more. */
export const MAX_RANGE_BYTES = 8 * 1024 * 1024;

/**
 * A range is at most so many times what came of one before, while they come too fast to be measured: what
 * passes at once may be all that a shaped line lets pass at once.
 */
export const RANGE_GROWTH = 8;

/** Ranges at once where what is due is in pieces: browsers have six connections to a server by HTTP/1.1. */
export const MAX_DUE_RANGES = 4;

/** Time one range of the origin should take: long enough that asking costs nothing. */
export const RANGE_MS = 1_000;

/** The same while nobody else is known, who might have to wait for it: a request is 0.6 % of 64 KiB. */
export const ALONE_RANGE_MS = 4_000;

/** The next range is asked for when the one before has so much left: more than a round trip. */
export const RANGE_LEAD_MS = 250;

/** A range of which nothing came for so long is given up when peers have what it should bring. */
export const RANGE_STALL_MS = 3_000;

/** How often in one download: where peers bring nothing either, what comes slowly is not thrown away for ever. */
export const MAX_OUTDONE = 3;

/** After so many failures in a row an origin is not tried again. */
export const MAX_ORIGIN_FAILURES = 3;

/** Pause before that; doubles each time. */
export const RETRY_ORIGIN_MS = 2_000;

/** Time in which next to nothing comes (`LEAST_GAIN_BYTES`), with no origin left, before the download fails. */
export const GIVE_UP_MS = 30_000;

/**
 * Where one complete holder after the other is asked for a whole copy, since somebody lied, each has so long for every chunk,
 * in ms, and twice as long, up to three times, for every turn that it let pass before.
 */
export const TURN_MS = 20_000;

/** Bytes from peers, at least, that count as something that came: eight who sent one every 2.5 s kept a download for ever. */
export const LEAST_GAIN_BYTES = 1_024;

/** Bytes per ms that peers give at least, together, or another size is tried, if another is claimed. */
export const LEAST_RATE = 1;

/** Pause between questions to the tracker while a download lasts. */
export const REFRESH_MS = 5_000;

/** Pause before a peer that could not be reached is tried again; doubles each time. */
export const RETRY_PEER_MS = 2_000;

/** Times a peer is tried before the download is done with it. */
export const MAX_PEER_FAILURES = 3;

/**
 * Times that a download without an origin may find no room for a connection to it, there or here: 2, 4 and then 8 s apart.
 * With 3, 6 of 30 files that each had a seeder of its own failed after 6 s, as a page has 24 connections, and
 * 8 of 24 visitors of a single seeder, which takes 16, after 30 s.
 */
export const MAX_TURNED_AWAY = 16;

/** And time for which such answers keep a download waiting to which nothing comes, in ms. */
export const ROOM_MS = 120_000;

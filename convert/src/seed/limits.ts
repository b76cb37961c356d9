/** Limits of the seeder. `docs/limits.md` lists them with their reasons. */

/** Most contents that one seeder announces: what our tracker takes of one client. */
export const MAX_CONTENTS = 4_096;

/** Connections to visitors at once, unless `--max-peers` says otherwise: each is a UDP port, and some threads share them. */
export const DEFAULT_MAX_PEERS = 100;

/** Most that `--max-peers` takes: each needs a port and an open file, of which processes usually have 1,024. */
export const MAX_MAX_PEERS = 512;

/**
 * Newcomers taken in a minute, ten times as many as a page takes: nobody watches here while they come, and our tracker
 * relays three signals for each of 60 a second.
 */
export const MAX_OFFERS_PER_MINUTE_OF_SEED = 1_200;

/** Most files that are looked at; most of them could not be announced. A folder of millions must not keep a core busy. */
export const MAX_FILES = 65_536;

/** Share of its time in which files are looked at, at most: the pause is longer where there are many, or the disk is slow. */
export const MAX_LOOKING_SHARE = 0.1;

/** Pause between two looks at all files, in seconds, unless `--rescan` says otherwise. */
export const DEFAULT_RESCAN_SECONDS = 10;

/** Longest that `--rescan` and `--status-every` take, in seconds: a day, and timers end at 2^31 ms. */
export const MAX_SECONDS = 86_400;

/** Of a file to be hashed, read at a time, in bytes. */
export const HASH_READ_BYTES = 262_144;

/** Files open at once to be read for visitors, beside one that is hashed: a process may have 1,024, sockets included. */
export const MAX_READS = 8;

/**
 * Of these, reads of chunks of which only parts were asked for. Those who ask for a byte here and there make work for
 * the disk that brings nothing.
 */
export const MAX_PART_READS = 2;

/** Bytes a second that are read for nothing at most, by such reads. */
export const WASTED_BYTES_PER_SECOND = 33_554_432;

/** Chunks of which parts were asked for are kept up to so many bytes: long ones are asked for in parts. The last may be larger. */
export const PART_CACHE_BYTES = 33_554_432;

/** Longest wait at the end for trackers to take leave, in ms: a round trip to any of them, several times. */
export const LEAVE_MS = 2_000;

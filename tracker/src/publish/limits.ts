/** Limits of what sites publish. Every one is told of in docs/limits.md. */

/** How long a content stays published unless said otherwise, in seconds: 30 days. */
export const DEFAULT_PUBLISH_SECONDS = 2_592_000;

/** Longest that it may, in seconds: 400 days, for who builds the site once a year. */
export const MAX_PUBLISH_SECONDS = 34_560_000;

/** Most contents in one Publish: of SHA-512, as JSON, they take 35 KiB of the 64 of a message. */
export const MAX_PUBLISHED_PER_REQUEST = 256;

/** Most publications: 100 sites of 2,000 contents. Each takes some 0.3 KB on disk. */
export const MAX_PUBLISHED = 200_000;

/** Longest that one tracker waits for another that writes into the same file, in milliseconds. It does nothing
 * else meanwhile. */
export const PUBLICATIONS_WAIT_MS = 500;

/** How long a publication that has ended or was taken back stays in the file, in seconds, so that all trackers
 * that use it learn of it: they look every half minute. */
export const KEPT_AFTER_END_SECONDS = 3_600;

/** The same in Redis, and in the files of trackers that it joins: a week. A tracker that was away for longer may
 * have what was taken back. */
export const KEPT_FOR_OTHERS_SECONDS = 604_800;

/** What two looks for these have in common, in seconds: writes take time. */
export const PUBLICATIONS_OVERLAP_SECONDS = 5;

/** Pause between two looks for what other machines published, in milliseconds. */
export const SHARE_MS = 1_000;

/** Longest wait for Redis to answer to that, in milliseconds. */
export const SHARE_PATIENCE_MS = 5_000;

/** Publications that are looked at before others have their turn: some 10 ms. */
export const ENDED_AT_ONCE = 1_000;

/**
 * Longest first pause before a reconnect, in ms. The pause is drawn uniformly below it, so a
 * tracker that restarts under 10 000 pages sees 5 000 of them a second, not all at once.
 */
export const FIRST_PAUSE_MS = 2_000;

/** The bound doubles with every failure up to this, in ms: a tracker back after hours is found in a minute. */
export const LONGEST_PAUSE_MS = 60_000;

/** A session that lasted this long, in ms, was no failure: the next pause is a first one again. */
export const STABLE_MS = 30_000;

/** After so many shorter ones in a row, each after a longer pause, the next tracker is tried, after a pause as well. */
export const SHORT_SESSIONS = 2;

/**
 * Longest `retry_after_ms` that is honoured, in ms. A slip of the tracker must not lock pages out
 * for the 49 days that the field can hold, and timers end at 2^31.
 */
export const MAX_RETRY_AFTER_MS = 3_600_000;

/**
 * A socket that is not open, or a question that is not answered, after this many ms is given up:
 * the network is gone but nobody said so (a laptop that moved). Far above any real round trip.
 */
export const RESPONSE_TIMEOUT_MS = 20_000;

/**
 * A tracker that has not said Welcome after this many ms is given up when there is another to try:
 * time for two lost SYNs (RFC 6298: 1 and 2 s) and for five round trips of 400 ms. The last one to
 * try has {@link RESPONSE_TIMEOUT_MS}, so that the slowest lines get there.
 */
export const MOVE_ON_MS = 5_000;

/**
 * A timer that rings later than this, in ms, was held up (a long script, a phone's page in the
 * background), and so may be what was to come before it: that is given as long again, once. So is
 * the Welcome of an open socket, which may be the very next message.
 */
export const HELD_UP_MS = 1_000;

/**
 * A tracker that has not said Welcome after this many ms, for which downloads wait for it, counts as silent on the next
 * pages of the tab: they wait for {@link SUSPECT_MS} only, until it has spoken later than that.
 */
export const SILENT_MS = 1_000;

/** After so many ms without a word it is looked up whether it does: few take longer, even from another continent. */
export const SUSPECT_MS = 250;

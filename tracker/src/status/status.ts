import { formatContentId, keyContent } from '@zauberflote/proto';
import manifest from '../../package.json' with { type: 'json' };
import type { Counters } from '../counters.ts';
import { errorName } from '../counters.ts';
import { SWARMS_LISTED } from '../limits.ts';
import type { Registry } from '../registry/registry.ts';

export interface StatusSources {
  readonly registry: Pick<Registry<unknown>, 'stats' | 'largest' | 'unserved'>;
  readonly counters: Counters;
  readonly maxPeers: number;
  readonly readiness: () => string;
  /** Whether other nodes can be reached; undefined: there are none. */
  readonly isJoined: (() => boolean) | undefined;
  /** Counts publications; undefined: every content is served. */
  readonly published: (() => number) | undefined;
}

/** What `/status.json` answers: how the tracker is, and what it has done since it started. */
export function statusOf(sources: StatusSources) {
  const { registry, counters, maxPeers, readiness, isJoined, published } = sources;
  const { received, receivedBytes, sent, sentBytes, named, sessions, holds } = counters;
  return {
    version: manifest.version,
    status: readiness(),
    uptimeSeconds: Math.floor(process.uptime()),
    memoryBytes: process.memoryUsage.rss(),
    maxPeers,
    /** Missing where there are no others. */
    joined: isJoined?.(),
    /** Publications, and announcements of what nobody published; missing where every content is served. */
    published: published?.(),
    unserved: published && registry.unserved,
    ...registry.stats(),
    totals: { sessions, received, receivedBytes, sent, sentBytes, named, holds },
    limits: Object.fromEntries(counters.limits),
    ended: byName(counters.ended, errorName),
    refused: byName(counters.refused, String),
    largest: registry.largest(SWARMS_LISTED).map(({ key, complete, partial }) => ({
      content: formatContentId(keyContent(key)),
      complete,
      partial,
    })),
  };
}

function byName(counts: ReadonlyMap<number, number>, nameOf: (key: number) => string) {
  return Object.fromEntries([...counts].map(([key, count]) => [nameOf(key), count]));
}

import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Counters } from './counters.ts';
import { errorName } from './counters.ts';
import type { RegistryStats } from './registry/options.ts';

/** What the metrics are taken from when they are scraped; takes time for every peer. */
export interface MetricSources {
  readonly counters: Counters;
  readonly maxPeers: number;
  readonly isOverloaded: () => boolean;
  /** See Registry. */
  readonly introductionsForgotten: () => number;
  /** See Registry. */
  readonly unserved: () => number;
  /** Counts publications; undefined: every content is served. */
  readonly published: (() => number) | undefined;
  readonly stats: () => RegistryStats;
  /** Whether other nodes can be reached; undefined: there are none. */
  readonly isJoined: (() => boolean) | undefined;
  /** When the certificate ends, in ms since 1970; undefined: there is none. */
  readonly certificateEnd: (() => number) | undefined;
}

const STATS = {
  peers: 'Clients connected',
  swarms: 'Contents that at least one client holds or loads',
  holdings: 'Announcements: pairs of a client and a content',
  introductions: 'Pairs of clients one of which may send the other an offer',
  attempts: 'Connection attempts whose signals are relayed',
  leases: 'Units of contents lent to one client',
  strangers: 'Clients of other nodes that clients here were named',
  guests: 'Clients of other nodes and contents of which they were lent units here',
} as const satisfies Record<keyof RegistryStats, string>;

const TOTALS = {
  received: ['received_messages_total', 'Frames from clients'],
  receivedBytes: ['received_bytes_total', 'Bytes of frames from clients'],
  sent: ['sent_messages_total', 'Messages to clients'],
  sentBytes: ['sent_bytes_total', 'Bytes of messages to clients'],
  named: ['holders_named_total', 'Holders named in replies'],
  keyFileFailures: [
    'token_key_failures_total',
    'Changes of --token-keys-file and --publish-keys-file that were not taken',
  ],
  certificateFailures: [
    'certificate_failures_total',
    'Changes of --tls-cert-file that were not taken',
  ],
  publicationFaults: [
    'publication_faults_total',
    'Times that --published-file could not be read, or written',
  ],
  dropped: [
    'connections_dropped_total',
    'Connections closed as there were too many, or no file descriptors for them',
  ],
  holds: ['holds_total', 'Times a client that sent too much was not read from for a while'],
  sessions: ['sessions_total', 'Sessions begun'],
  inquiries: ['inquiries_total', 'Times that other nodes were asked for holders'],
  lateInquiries: ['late_inquiries_total', 'Times that some of them did not answer in time'],
  forwardedLeases: ['forwarded_leases_total', 'Leases of which another node was told'],
  leasesAlone: [
    'leases_alone_total',
    'Leases for which another node should have answered, and did not',
  ],
  nodeSent: ['node_sent_messages_total', 'Messages to other nodes'],
  nodeUnheard: ['node_unheard_messages_total', 'Messages to other nodes that nobody heard'],
  nodeReceived: ['node_received_messages_total', 'Messages from other nodes'],
  nodeMalformed: ['node_malformed_messages_total', 'Messages from other nodes that made no sense'],
} as const satisfies Partial<Record<keyof Counters, readonly [string, string]>>;

/** The metrics of one tracker, and those of its process. Nothing is counted here. */
export function metricsOf(sources: MetricSources): Registry {
  const { counters, maxPeers, stats, isOverloaded, isJoined } = sources;
  const { introductionsForgotten, unserved, published, certificateEnd } = sources;
  const register = new Registry();
  const registers = [register];
  collectDefaultMetrics({ register });
  const gauges = Object.entries(STATS).map(([key, help]) => {
    const gauge = new Gauge({ name: `zauberflote_${key}`, help, registers });
    return { key: key as keyof RegistryStats, gauge };
  });
  // The first of them reads all, as it takes time.
  const [first] = gauges;
  Object.assign(first!.gauge, {
    collect() {
      const now = stats();
      for (const { key, gauge } of gauges) gauge.set(now[key]);
    },
  });
  for (const [key, [name, help]] of Object.entries(TOTALS))
    new Counter({
      name: `zauberflote_${name}`,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(counters[key as keyof typeof TOTALS]);
      },
    });
  new Counter({
    name: 'zauberflote_introductions_forgotten_total',
    help: 'Introductions forgotten because of --max-introductions',
    registers,
    collect() {
      this.reset();
      this.inc(introductionsForgotten());
    },
  });
  if (published) {
    new Gauge({
      name: 'zauberflote_published',
      help: 'Publications: pairs of a site and a content',
      registers,
      collect() {
        this.set(published());
      },
    });
    new Counter({
      name: 'zauberflote_unserved_total',
      help: 'Announcements of contents that nobody published',
      registers,
      collect() {
        this.reset();
        this.inc(unserved());
      },
    });
  }
  new Gauge({ name: 'zauberflote_max_peers', help: 'Most clients, as set', registers }).set(
    maxPeers,
  );
  if (isJoined)
    new Gauge({
      name: 'zauberflote_joined',
      help: '1 while other nodes can be reached by Redis',
      registers,
      collect() {
        this.set(isJoined() ? 1 : 0);
      },
    });
  new Gauge({
    name: 'zauberflote_files_not_taken',
    help: 'Files of keys and certificates whose last change was not taken: the one before it is still used',
    registers,
    collect() {
      this.set(counters.notTaken.size);
    },
  });
  if (certificateEnd)
    new Gauge({
      name: 'zauberflote_certificate_end_seconds',
      help: 'When the certificate ends, in seconds since 1970',
      registers,
      collect() {
        this.set(certificateEnd() / 1_000);
      },
    });
  new Gauge({
    name: 'zauberflote_overloaded',
    help: '1 while new clients are refused because the event loop is late',
    registers,
    collect() {
      this.set(isOverloaded() ? 1 : 0);
    },
  });
  labelled(
    'limit_hits_total',
    'Times that clients were held, refused or ended for a limit, by its setting',
    'limit',
    counters.limits,
    String,
  );
  labelled(
    'token_refusals_total',
    'Tokens refused, by what was wrong',
    'problem',
    counters.tokens,
    String,
  );
  labelled(
    'sessions_ended_total',
    'Sessions ended by the tracker',
    'code',
    counters.ended,
    errorName,
  );
  labelled(
    'refused_total',
    'WebSockets refused, by HTTP status',
    'status',
    counters.refused,
    String,
  );
  return register;

  function labelled<K>(
    name: string,
    help: string,
    label: string,
    counts: ReadonlyMap<K, number>,
    nameOf: (key: K) => string,
  ): void {
    new Counter({
      name: `zauberflote_${name}`,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset();
        for (const [key, count] of counts) this.inc({ [label]: nameOf(key) }, count);
      },
    });
  }
}

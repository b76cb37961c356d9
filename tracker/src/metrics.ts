import { ErrorCode } from '@zauberflote/proto';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Counters } from './counters.ts';
import type { RegistryStats } from './registry/registry.ts';

/** What the metrics are taken from when they are scraped; takes time for every peer. */
export interface MetricSources {
  readonly counters: Counters;
  readonly stats: () => RegistryStats;
}

const CODE_NAMES = new Map<number, string>(
  Object.entries(ErrorCode).map(([name, code]) => [code, name]),
);

const STATS = {
  peers: 'Clients connected',
  swarms: 'Contents that at least one client holds or loads',
  holdings: 'Announcements: pairs of a client and a content',
  introductions: 'Pairs of clients one of which may send the other an offer',
  attempts: 'Connection attempts whose signals are relayed',
  leases: 'Units of contents lent to one client',
} as const satisfies Record<keyof RegistryStats, string>;

const TOTALS = {
  received: ['received_messages_total', 'Frames from clients'],
  receivedBytes: ['received_bytes_total', 'Bytes of frames from clients'],
  sent: ['sent_messages_total', 'Messages to clients'],
  sentBytes: ['sent_bytes_total', 'Bytes of messages to clients'],
  holds: ['holds_total', 'Times a client that sent too much was not read from for a while'],
  sessions: ['sessions_total', 'Sessions begun'],
} as const satisfies Partial<Record<keyof Counters, readonly [string, string]>>;

/** The metrics of one tracker, and those of its process. Nothing is counted here. */
export function metricsOf({ counters, stats }: MetricSources): Registry {
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
  labelled(
    'sessions_ended_total',
    'Sessions ended by the tracker',
    'code',
    counters.ended,
    (code) => CODE_NAMES.get(code) ?? String(code),
  );
  labelled(
    'refused_total',
    'WebSockets refused, by HTTP status',
    'status',
    counters.refused,
    String,
  );
  return register;

  function labelled(
    name: string,
    help: string,
    label: string,
    counts: ReadonlyMap<number, number>,
    nameOf: (key: number) => string,
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

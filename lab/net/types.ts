import type { ChildProcess, SpawnOptions } from 'node:child_process';

/** What a host's link to the others is limited to. Nothing given: as fast as the machine. */
export interface LinkLimits {
  /** Bytes per second away from the host. */
  readonly upBytesPerSecond?: number | undefined;
  /** Bytes per second towards the host. */
  readonly downBytesPerSecond?: number | undefined;
  /** Added to every round trip between this host and any other, in ms; half of it each way. */
  readonly rttMs?: number | undefined;
  /** Share of packets lost in each direction, 0 to 1. */
  readonly loss?: number | undefined;
}

/** A machine of the experiment: a network namespace, or (proxy shaper) this machine. */
export interface Host {
  readonly name: string;
  /** IPv4 address at which the other hosts and the driver reach it. */
  readonly address: string;
  /** Starts a program on the host. It is killed when the network is closed. */
  spawn(command: string, args: readonly string[], options?: SpawnOptions): ChildProcess;
  /** Bytes that left and reached the host, by the kernel's counters of its link, headers included. */
  counters(): Promise<{ readonly upBytes: number; readonly downBytes: number }>;
}

/** One direction of one link, as set and as real transfers found it. */
export interface LinkMeasurement {
  readonly host: string;
  readonly direction: 'up' | 'down';
  readonly when: 'before' | 'after';
  readonly setBytesPerSecond: number;
  /** Payload bytes per second of one TCP transfer, converted to what the shaper counts. */
  readonly measuredBytesPerSecond: number;
  /** measured / set - 1. */
  readonly error: number;
}

/** Hosts on one network. */
export interface Net {
  readonly shaper: 'tc' | 'proxy';
  /** Adds a host. @throws {Error} that says what the kernel lacks and what would work instead */
  host(name: string, limits?: LinkLimits): Promise<Host>;
  /** Measures every limited direction of every host with real transfers. */
  measure(when: 'before' | 'after'): Promise<LinkMeasurement[]>;
  /** Ends every process and removes everything, however far it had got. */
  close(): Promise<void>;
}

/** A link off by more than this share of its rate voids a run. */
export const MAX_LINK_ERROR = 0.05;

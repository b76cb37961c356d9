import type { ChildProcess, SpawnOptions } from 'node:child_process';

/** What a host's link to the others is limited to. Nothing given: as fast as the machine. */
export interface LinkLimits {
  /**
   * Bytes per second away from the host. With tc, of whole Ethernet frames (1 514 for 1 448 of TCP
   * payload); with the proxy, of payload.
   */
  readonly upBytesPerSecond?: number | undefined;
  /** Bytes per second towards the host, counted in the same way. */
  readonly downBytesPerSecond?: number | undefined;
  /** Added to every round trip between this host and any other, in ms; half of it each way. */
  readonly rttMs?: number | undefined;
  /** Share of packets lost in each direction, 0 to 1. */
  readonly loss?: number | undefined;
}

export interface HostOptions extends LinkLimits {
  /**
   * Puts a router with a symmetric NAT before the host: it reaches all others, and only the driver
   * reaches it. Two such hosts can only meet through a relay, even if both know their public
   * addresses. @default false
   */
  readonly behindNat?: boolean | undefined;
}

/** A machine of the experiment: a network namespace, or (proxy shaper) this machine. */
export interface Host {
  readonly name: string;
  /** IPv4 address at which the other hosts and the driver reach it. Behind a NAT: the router's. */
  readonly address: string;
  /**
   * Starts a program on the host, in a process group of its own. It is killed when the network is
   * closed, or when this process ends in whatever way.
   */
  spawn(command: string, args: readonly string[], options?: SpawnOptions): ChildProcess;
  /** Where others find what listens on a port of this host, so that its limits apply. */
  expose(port: number): Promise<{ readonly host: string; readonly port: number }>;
  /**
   * Bytes that left and reached the host, except from and to the driver. With tc by the kernel's
   * counters of its link, headers included; with the proxy the payload that went through it.
   */
  counters(): Promise<{ readonly upBytes: number; readonly downBytes: number }>;
}

/** One direction of one link, as set and as real transfers found it. */
export interface LinkMeasurement {
  readonly host: string;
  readonly direction: 'up' | 'down';
  readonly when: 'before' | 'after';
  readonly setBytesPerSecond: number;
  /**
   * Payload bytes per second of a TCP transfer, converted to what the shaper counts. The median
   * of five where the first was off by more than MAX_LINK_ERROR.
   */
  readonly measuredBytesPerSecond: number;
  /** measured / set - 1. */
  readonly error: number;
}

/** Hosts on one network. */
export interface Net {
  readonly shaper: 'tc' | 'proxy';
  /** Why this shaper, for the conditions of a run. */
  readonly why: string;
  /**
   * Address at which hosts reach this process. What they exchange with it is neither limited nor
   * counted, so that driving a browser does not disturb what is measured.
   */
  readonly driverAddress: string;
  /** Adds a host. @throws {Unsupported} that says what the machine lacks and what would work instead */
  host(name: string, options?: HostOptions): Promise<Host>;
  /**
   * Measures every limited direction of every host with real transfers, about 2 s each, several
   * slow links at a time. Nothing else may use the links meanwhile. Loss is off while it lasts.
   */
  measure(when: 'before' | 'after'): Promise<LinkMeasurement[]>;
  /** Ends every process and removes everything, however far it had got. */
  close(): Promise<void>;
}

/** A link off by more than this share of its rate voids a run. */
export const MAX_LINK_ERROR = 0.05;

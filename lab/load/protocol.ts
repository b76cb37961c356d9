import type { LoadSocket } from './socket.ts';

export const TRACKERS = ['zauberflote', 'bittorrent-tracker'] as const;
/**
 * Most connections in one run: what our tracker takes (MAX_PEERS), less a reserve for files of the
 * processes, whose usual limit is 20,000.
 */
export const MAX_CONNECTIONS = 19_000;

/** Whether our tracker keeps to its limits by client and address, or has those by client lifted. */
export type TrackerLimits = 'default' | 'lifted';

export type TrackerName = (typeof TRACKERS)[number];

/** What is started: the trackers, and what no tracker on the same sockets can be better than. */
export type ServerName = TrackerName | typeof LIMIT;
export const LIMIT = 'bare-relay' as const;

/** One visitor as a tracker sees it. It answers every offer that reaches it. */
export interface Client {
  readonly socket: LoadSocket;
  /** The swarms it has joined. */
  readonly swarms: readonly number[];
  /** Wants the content of a swarm, as that tracker's own client asks, then has it. */
  join(swarm: number): Promise<void>;
  /**
   * Asks for peers of a swarm it has joined and sends each an offer; settles with the number of
   * answers when the last has come. One call at a time.
   * @param offers how many offers, at most
   * @throws if the tracker refuses, or relays another offer or answer than was sent
   */
  introduce(swarm: number, offers: number): Promise<number>;
}

/** How visitors speak to one kind of tracker. */
export interface Protocol {
  readonly subprotocol: string | undefined;
  /** Offers its own client sends on joining a swarm that is large enough. */
  readonly offersOfItsClient: number;
  /** Makes a visitor of a new socket; `ready` settles when the tracker can be spoken to. */
  client(socket: LoadSocket, random: () => number): { client: Client; ready: Promise<void> };
}

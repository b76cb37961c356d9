import { bittorrent } from './bittorrent.ts';
import type { Client, Protocol, ServerName } from './protocol.ts';
import { LoadSocket } from './socket.ts';
import type { TrackerProcess } from './tracker-process.ts';
import { zauberflote } from './zauberflote.ts';

/** Handshakes at a time: fewer than a listening socket queues by default (511 in Node). */
const OPENING_AT_ONCE = 100;

/** Connections from one address of 127.0.0.0/8: ports do not run short, and no limit by address
 * is met that visitors of a real site would not meet. */
const PER_ADDRESS = 50;

export const PROTOCOLS: Readonly<Record<ServerName, Protocol>> = {
  zauberflote,
  'bittorrent-tracker': bittorrent,
  'bare-relay': zauberflote,
};

/** Visitors connected to one tracker. */
export class Crowd {
  readonly clients: Client[] = [];
  readonly #tracker: TrackerProcess;
  readonly #random: () => number;

  constructor(tracker: TrackerProcess, random: () => number) {
    this.#tracker = tracker;
    this.#random = random;
  }

  /** Connects more visitors; they say nothing. Returns the new ones. */
  async connect(count: number): Promise<Client[]> {
    const added: Client[] = [];
    for (let from = 0; from < count; from += OPENING_AT_ONCE) {
      const batch = Math.min(OPENING_AT_ONCE, count - from);
      added.push(...(await Promise.all(Array.from({ length: batch }, () => this.#open()))));
    }
    return added;
  }

  /** Settles when the tracker has handled everything these visitors sent. */
  async flushed(clients: readonly Client[] = this.clients): Promise<void> {
    for (let from = 0; from < clients.length; from += OPENING_AT_ONCE) {
      const batch = clients.slice(from, from + OPENING_AT_ONCE);
      await Promise.all(batch.map(({ socket }) => socket.flushed()));
    }
  }

  /** One visitor goes, without a word. */
  leave(client: Client): void {
    const at = this.clients.indexOf(client);
    if (at >= 0) this.clients.splice(at, 1);
    client.socket.destroy();
  }

  close(): void {
    for (const { socket } of this.clients.splice(0)) socket.destroy();
  }

  async #open(): Promise<Client> {
    const { port, host, name } = this.#tracker;
    const protocol = PROTOCOLS[name];
    const nth = Math.floor(this.clients.length / PER_ADDRESS);
    const mask = Uint8Array.from({ length: 4 }, () => 1 + Math.floor(this.#random() * 255));
    let made: { client: Client; ready: Promise<void> } | undefined;
    await LoadSocket.open(
      {
        port,
        host,
        localAddress: `127.1.${nth >> 8}.${nth & 255 || 1}`,
        subprotocol: protocol.subprotocol,
        mask,
      },
      (socket) => {
        made = protocol.client(socket, this.#random);
        this.clients.push(made.client);
      },
    );
    const { client, ready } = made as { client: Client; ready: Promise<void> };
    await ready;
    return client;
  }
}

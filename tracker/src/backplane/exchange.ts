import type {
  ContentId,
  Findings,
  Init,
  NodeMessage,
  NodeMessageBody,
  Rejection,
  Sought,
} from '@zauberflote/proto';
import {
  contentKey,
  decodeNodeMessage,
  encodeNodeMessage,
  ProtocolError,
  UndeliverableReason,
} from '@zauberflote/proto';
import type { Counters } from '../counters.ts';
import * as limits from '../limits.ts';
import type { Found } from '../registry/naming.ts';
import type { Borrowing, Effect, Wanted } from '../registry/peer.ts';
import type { Registry } from '../registry/registry.ts';
import type { Backplane } from './backplane.ts';
import type { Fate } from './loans.ts';
import { Loans } from './loans.ts';

interface ExchangeOptions<C> {
  readonly backplane: Backplane;
  readonly registry: Registry<C>;
  /** Carries out effects; a fault on the way ends the session of `connection`, if there is one. */
  readonly perform: (connection: C | undefined, act: () => readonly Effect<C>[]) => void;
  readonly counters: Pick<
    Counters,
    | 'inquiries'
    | 'lateInquiries'
    | 'forwardedLeases'
    | 'leasesAlone'
    | 'nodeSent'
    | 'nodeReceived'
    | 'nodeUnheard'
    | 'nodeMalformed'
  >;
  /** Milliseconds of a clock that never runs backwards. */
  readonly now: () => number;
  /** Uniform over [0, 1), and not guessable. */
  readonly random: () => number;
  /** Wants for which other nodes are asked at once, and Leases. @default MAX_INQUIRIES, of each */
  readonly maxInquiries?: number;
}

/** For whom other nodes are asked. */
type Asker = Pick<Wanted, 'peerId' | 'ipVersion' | 'maxOffers'>;

/** Somebody only counts. */
const NOBODY: Asker = { peerId: 0n, ipVersion: 0, maxOffers: 0 };

/** Something that other nodes were asked. */
interface Asked {
  /** Those that have not answered. */
  readonly waiting: Set<string>;
  readonly found: Found[];
  readonly end: () => void;
}

/** Speaks with other nodes for a registry: asks them for holders, and passes signals and leases to and fro. */
export class Exchange<C> {
  readonly #backplane: Backplane;
  readonly #registry: Registry<C>;
  readonly #perform: ExchangeOptions<C>['perform'];
  readonly #counters: ExchangeOptions<C>['counters'];
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #asked = new Map<number, Asked>();
  readonly #maxInquiries: number;
  readonly #loans: Loans<C>;
  #lastNumber = 0;

  constructor({
    backplane,
    registry,
    perform,
    counters,
    now,
    random,
    ...options
  }: ExchangeOptions<C>) {
    this.#maxInquiries = options.maxInquiries ?? limits.MAX_INQUIRIES;
    this.#backplane = backplane;
    this.#registry = registry;
    this.#perform = perform;
    this.#counters = counters;
    this.#now = now;
    this.#random = random;
    this.#loans = new Loans({
      ...{ backplane, registry, perform, counters, now },
      send: (node, message) => this.#send(node, message),
      maxAsked: this.#maxInquiries,
    });
  }

  /** What other nodes were asked and have not answered. */
  get pending(): number {
    return this.#asked.size + this.#loans.pending;
  }

  /** Contents of which it is known which node keeps their leases. */
  get lenders(): number {
    return this.#loans.size;
  }

  /** Answers a Want with what other nodes know, within `INQUIRY_MS`. */
  seek(to: C, { want, sought, ...asker }: Wanted): void {
    void this.#ask(asker, sought).then((found) =>
      this.#perform(to, () => this.#registry.answer(to, want, found, this.#now(), this.#random)),
    );
  }

  /** Answers a Lease, or has another node do so. */
  borrow(to: C, borrowing: Borrowing): void {
    this.#loans.borrow(to, borrowing);
  }

  /** A peer is about to hold contents no more of which another node heard. */
  departed(peerId: bigint, keys: readonly string[]): void {
    this.#loans.departed(peerId, keys);
  }

  /** All peers are about to leave: the others hear of that at once. */
  end(): void {
    this.#loans.end();
  }

  /** Somebody here begins to hold a content, or nobody here holds it any more. */
  note(key: string, isThere: boolean): void {
    this.#backplane.note(key, isThere);
    if (!isThere) this.#loans.forget(key);
  }

  /** How many hold a content, or a part of it, at all nodes that answer (at most `MAX_NODES_ASKED`). */
  async count(content: ContentId): Promise<{ complete: number; partial: number }> {
    const found = await this.#ask(NOBODY, [{ content, holders: 0 }]);
    // Not before: while others were asked it may have changed.
    let { complete, partial } = this.#registry.swarm(content);
    for (const { swarms } of found)
      for (const { totalHolders, totalPartial } of swarms) {
        complete += totalHolders;
        partial += totalPartial;
      }
    return { complete, partial };
  }

  /** Sends a message to another node. */
  send(node: string, message: NodeMessageBody): void {
    void this.#send(node, message).then((fate) => {
      if (fate === 'heard') return;
      if (message.case === 'grant') {
        // Of what it was lent its peer does not know.
        const { peerId = 0n, grant } = message.value;
        const contents = [grant?.content as ContentId];
        return this.#registry.departed(node, { peerId, contents }, this.#now());
      }
      if (message.case !== 'delivery') return;
      const { to = 0n, signal } = message.value;
      const { peerId = 0n, attempt = 0 } = signal ?? {};
      const { GONE, CONGESTED } = UndeliverableReason;
      const reason = fate === 'unheard' ? GONE : CONGESTED;
      this.#reject(node, { to: peerId, undeliverable: { peerId: to, attempt, reason } });
    });
  }

  /** A message from another node; one that is malformed is ignored. */
  receive(frame: Uint8Array): void {
    this.#counters.nodeReceived++;
    let message: NodeMessage;
    try {
      message = decodeNodeMessage(frame);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#counters.nodeMalformed++;
      return;
    }
    const { node, body } = message;
    const perform = (act: () => readonly Effect<C>[]) => this.#perform(undefined, act);
    switch (body.case) {
      case 'inquiry':
        return perform(() => [
          this.#registry.inquired(node, body.value, this.#now(), this.#random),
        ]);
      case 'findings':
        return this.#findings(node, body.value);
      case 'delivery':
        return perform(() => this.#registry.delivered(node, body.value, this.#now()));
      case 'rejection':
        return this.#reject(node, body.value);
      case 'lease':
        this.#loans.keep(contentKey(body.value.lease?.content as ContentId));
        return perform(() => this.#registry.forwarded(node, body.value, this.#now()));
      case 'grant':
        return this.#loans.granted(node, body.value);
      case 'departure':
        return this.#registry.departed(node, body.value, this.#now());
    }
  }

  #reject(node: string, rejection: Rejection): void {
    this.#perform(undefined, () => this.#registry.rejected(node, rejection));
  }

  #findings(node: string, { number, swarms }: Findings): void {
    const asked = this.#asked.get(number);
    if (!asked?.waiting.delete(node)) return;
    asked.found.push({ node, swarms });
    if (asked.waiting.size === 0) asked.end();
  }

  /** What the nodes that have something say in time; nothing where none can be asked. */
  #ask(asker: Asker, sought: readonly Init<Sought>[]): Promise<readonly Found[]> {
    if (!this.#backplane.isUp || this.#asked.size >= this.#maxInquiries) return Promise.resolve([]);
    this.#counters.inquiries++;
    this.#lastNumber = (this.#lastNumber % limits.MAX_INQUIRY_NUMBER) + 1;
    const number = this.#lastNumber;
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#asked.delete(number);
        resolve(asked.found);
      };
      const asked: Asked = { waiting: new Set(), found: [], end };
      const timer = setTimeout(() => {
        this.#counters.lateInquiries++;
        end();
      }, limits.INQUIRY_MS);
      this.#asked.set(number, asked);
      this.#inquire(number, asked, asker, sought).catch(end);
    });
  }

  async #inquire(
    number: number,
    { waiting, end }: Asked,
    asker: Asker,
    sought: readonly Init<Sought>[],
  ): Promise<void> {
    const nodes = sought.map((): readonly string[] => []);
    const lookups = sought.map(async ({ content }, i) => {
      const key = contentKey(content as ContentId);
      nodes[i] = await this.#backplane.nodesWith(key).catch(() => []);
    });
    await new Promise<unknown>((resolve) => {
      const timer = setTimeout(resolve, limits.LOOKUP_MS);
      void Promise.all(lookups).then(() => {
        clearTimeout(timer);
        resolve(undefined);
      });
    });
    // Too late: offers given now would be lost.
    if (!this.#asked.has(number)) return;
    const byNode = new Map<string, Init<Sought>[]>();
    sought.forEach(({ content, holders = 0 }, i) => {
      // One more of each, in case that others have fewer.
      const each = holders && Math.ceil(holders / nodes[i]!.length) + 1;
      for (const node of nodes[i]!) {
        const contents = byNode.get(node) ?? [];
        byNode.set(node, contents);
        contents.push({ content, holders: each });
      }
    });
    for (const node of byNode.keys()) waiting.add(node);
    if (waiting.size === 0) return end();
    // An offer that is given and not needed is lost.
    const each = Math.ceil(asker.maxOffers / byNode.size);
    for (const [node, contents] of byNode) {
      const value = { ...asker, number, maxOffers: each, contents };
      void this.#send(node, { case: 'inquiry', value }).then((fate) => {
        if (fate !== 'heard' && waiting.delete(node) && waiting.size === 0) end();
      });
    }
  }

  async #send(node: string, message: NodeMessageBody): Promise<Fate> {
    this.#counters.nodeSent++;
    const frame = encodeNodeMessage(this.#backplane.node, message);
    let isHeard: boolean | undefined;
    try {
      isHeard = await this.#backplane.send(node, frame);
    } catch {
      // Redis is away, or has too much to do.
    }
    if (!isHeard) this.#counters.nodeUnheard++;
    return isHeard ? 'heard' : isHeard === undefined ? 'lost' : 'unheard';
  }
}

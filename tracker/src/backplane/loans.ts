import type { ContentId, ForwardedGrant, NodeMessageBody } from '@zauberflote/proto';
import { contentKey, keyContent, MAX_IDS_PER_MESSAGE } from '@zauberflote/proto';
import type { Counters } from '../counters.ts';
import * as limits from '../limits.ts';
import type { Borrowing, Effect } from '../registry/peer.ts';
import type { Registry } from '../registry/registry.ts';
import type { Backplane } from './backplane.ts';
import { inTime } from './in-time.ts';

/** What became of a message to another node; `lost`: whether that node is there is not known. */
export type Fate = 'heard' | 'unheard' | 'lost';

export interface LoansOptions<C> {
  readonly backplane: Pick<Backplane, 'node' | 'isUp' | 'lender'>;
  readonly registry: Pick<Registry<C>, 'lend' | 'forward' | 'granted'>;
  readonly perform: (connection: C | undefined, act: () => readonly Effect<C>[]) => void;
  /** Sends a message to another node; never rejects. */
  readonly send: (node: string, message: NodeMessageBody) => Promise<Fate>;
  readonly counters: Pick<Counters, 'forwardedLeases' | 'leasesAlone'>;
  readonly now: () => number;
  /** Leases for which other nodes are asked at once. */
  readonly maxAsked: number;
}

/** The node that keeps the leases of a content. */
interface Lender {
  readonly node: string;
  /** When to look again whether it still is. */
  readonly until: number;
  /** It did not answer, so until then this node lends by itself. */
  readonly isSilent: boolean;
}

/** A Lease on its way to an answer. */
interface Loan<C> extends Borrowing {
  readonly connection: C;
  /** When it has to be answered. */
  readonly deadline: number;
  /** How many nodes it was sent to. */
  readonly tries: number;
}

/** One that another node is to answer. */
interface Asked<C> {
  readonly node: string;
  readonly loan: Loan<C>;
  readonly timer: NodeJS.Timeout;
}

/** What a Lease says that says nothing. */
const NOTHING = {
  units: 0,
  wanted: 0,
  needed: new Uint8Array(),
  fetched: [],
  returned: [],
  hurry: false,
};

/**
 * Has each Lease of a peer answered by the node that keeps the leases of its content, so that a crowd has
 * one table, wherever its peers are connected. Where that node does not answer, or nobody can say which it
 * is, the leases that are kept here do.
 */
export class Loans<C> {
  readonly #options: LoansOptions<C>;
  /** By content key, as those below. */
  readonly #lenders = new Map<string, Lender>();
  readonly #finding = new Map<string, Promise<Lender | undefined>>();
  readonly #asked = new Map<number, Asked<C>>();
  /** Contents whose leases are kept here for others, and when the directory last heard so; the oldest first. */
  readonly #renewedAt = new Map<string, number>();
  #lastNumber = 0;
  #hasEnded = false;

  constructor(options: LoansOptions<C>) {
    this.#options = options;
  }

  /** What other nodes were asked and have not answered. */
  get pending(): number {
    return this.#asked.size;
  }

  /** Contents of which it is known who keeps the leases. */
  get size(): number {
    return this.#lenders.size;
  }

  /** Answers a Lease within about `LOOKUP_MS` and `GRANT_MS` together; where a lender is gone, after one more look. */
  borrow(connection: C, borrowing: Borrowing): void {
    const deadline = this.#options.now() + limits.LOOKUP_MS + limits.GRANT_MS;
    this.#borrow({ ...borrowing, connection, deadline, tries: 0 });
  }

  /** What another node answers. What comes too late, it gets back. */
  granted(node: string, { number, peerId, grant }: ForwardedGrant): void {
    if (this.#asked.get(number)?.node === node) {
      const { connection } = this.#take(number)!.loan;
      const { perform, registry } = this.#options;
      return perform(connection, () => registry.granted(connection, grant!));
    }
    const { first, count, ...of } = grant!;
    const key = contentKey(of.content as ContentId);
    const lender = this.#lenders.get(key);
    // It speaks again.
    if (lender?.node === node) this.#lenders.set(key, { ...lender, isSilent: false });
    for (let from = 0; from < count; from += limits.MAX_UNITS_RETURNED) {
      const length = Math.min(count - from, limits.MAX_UNITS_RETURNED);
      const returned = Array.from({ length }, (_, i) => first + from + i);
      this.#report(node, { key, peerId, lease: { ...NOTHING, ...of, returned } });
    }
  }

  /** A peer is about to hold contents no more. */
  departed(peerId: bigint, keys: readonly string[]): void {
    if (this.#hasEnded) return;
    const byNode = Map.groupBy(keys, (key) => this.#lenders.get(key)?.node);
    for (const [node, there] of byNode) {
      if (node === undefined || node === this.#options.backplane.node) continue;
      for (let i = 0; i < there.length; i += MAX_IDS_PER_MESSAGE) {
        const contents = there.slice(i, i + MAX_IDS_PER_MESSAGE).map(keyContent);
        void this.#options.send(node, { case: 'departure', value: { peerId, contents } });
      }
    }
  }

  /** All peers are about to leave. */
  end(): void {
    this.#hasEnded = true;
    const nodes = new Set([...this.#lenders.values()].map(({ node }) => node));
    nodes.delete(this.#options.backplane.node);
    for (const node of nodes) void this.#options.send(node, { case: 'departure', value: {} });
  }

  /** Nobody here holds a content any more. */
  forget(key: string): void {
    this.#lenders.delete(key);
    this.#finding.delete(key);
  }

  /** Another node counts on the leases that are kept here, perhaps for nobody of this node. */
  keep(key: string): void {
    if (this.#hasEnded) return;
    const { backplane, now } = this.#options;
    const before = now() - limits.LENDER_MS;
    for (const [other, at] of this.#renewedAt) {
      if (at > before) break;
      this.#renewedAt.delete(other);
    }
    if (this.#renewedAt.has(key)) return;
    this.#renewedAt.set(key, now());
    backplane.lender(key).catch(() => {});
  }

  #borrow(loan: Loan<C>): void {
    const lender = this.#lenders.get(loan.key);
    if (lender && this.#options.now() < lender.until) this.#borrowFrom(lender, loan);
    else this.#findAndBorrow(loan);
  }

  /** @param except a node that is not there any more */
  #findAndBorrow(loan: Loan<C>, except?: string): void {
    if (this.#options.now() >= loan.deadline) return this.#answerAlone(loan);
    void this.#find(loan.key, except).then((found) => {
      // As far as is known it still is the one before.
      const lender = found ?? this.#lenders.get(loan.key);
      if (lender) this.#borrowFrom(lender, loan);
      else this.#answerAlone(loan);
    });
  }

  /** Undefined: nobody can say which node it is. */
  #find(key: string, except?: string): Promise<Lender | undefined> {
    const underWay = this.#finding.get(key);
    if (underWay) return underWay;
    const { backplane, now } = this.#options;
    const finding = inTime(backplane.lender(key, except), limits.LOOKUP_MS)
      .catch(() => undefined)
      .then((node) => {
        const lender = node && { node, until: now() + limits.LENDER_MS, isSilent: false };
        // Else it was forgotten meanwhile.
        if (this.#finding.get(key) === finding) {
          this.#finding.delete(key);
          if (lender) this.#lenders.set(key, lender);
        }
        return lender || undefined;
      });
    this.#finding.set(key, finding);
    return finding;
  }

  #borrowFrom({ node, isSilent }: Lender, loan: Loan<C>): void {
    const { backplane, counters, now, maxAsked, registry } = this.#options;
    const { lease, deadline, tries } = loan;
    if (node === backplane.node || !backplane.isUp) return this.#answerHere(loan);
    const isAnswered = lease.wanted > 0;
    const ms = Math.min(limits.GRANT_MS, deadline - now());
    if (isSilent || (isAnswered && (this.#asked.size >= maxAsked || ms <= 0))) {
      // It still hears of what it has lent.
      this.#report(node, loan);
      return this.#answerAlone(loan);
    }
    // The peer may have left meanwhile, or dropped the content.
    const downloading = registry.forward(loan.peerId, loan.key);
    if (downloading === undefined) return this.#answerHere(loan);
    const number = isAnswered ? this.#expect(node, loan, ms) : 0;
    counters.forwardedLeases++;
    const value = { number, peerId: loan.peerId, downloading, lease };
    void this.#options.send(node, { case: 'lease', value }).then((fate) => {
      if (fate === 'heard' || (isAnswered && !this.#take(number))) return;
      const again = { ...loan, tries: tries + 1 };
      if (fate === 'unheard' && again.tries < limits.MAX_LENDERS_TRIED)
        return this.#borrowElsewhere(node, again);
      this.#answerAlone(loan);
    });
  }

  #borrowElsewhere(gone: string, loan: Loan<C>): void {
    const { registry } = this.#options;
    // Nobody is to look for what nobody here holds.
    if (registry.forward(loan.peerId, loan.key) === undefined) return this.#answerHere(loan);
    // Those that come meanwhile wait for it as well.
    if (this.#lenders.get(loan.key)?.node === gone) this.#lenders.delete(loan.key);
    if (this.#lenders.has(loan.key)) this.#borrow(loan);
    else this.#findAndBorrow(loan, gone);
  }

  /** @returns the number of the answer to come */
  #expect(node: string, loan: Loan<C>, ms: number): number {
    this.#lastNumber = (this.#lastNumber % limits.MAX_INQUIRY_NUMBER) + 1;
    const number = this.#lastNumber;
    const timer = setTimeout(() => {
      // It may have come while this process had no time to read it.
      setImmediate(() => {
        if (this.#take(number)) this.#wasSilent(node, loan);
      });
    }, ms);
    this.#asked.set(number, { node, loan, timer });
    return number;
  }

  /** Undefined: it was answered already. */
  #take(number: number): Asked<C> | undefined {
    const asked = this.#asked.get(number);
    if (!asked) return undefined;
    clearTimeout(asked.timer);
    this.#asked.delete(number);
    return asked;
  }

  #wasSilent(node: string, loan: Loan<C>): void {
    const lender = this.#lenders.get(loan.key);
    // Another has taken its place by now.
    if (lender && lender.node !== node) return this.#borrow({ ...loan, tries: loan.tries + 1 });
    const until = this.#options.now() + limits.SILENT_MS;
    if (lender) this.#lenders.set(loan.key, { node, until, isSilent: true });
    this.#answerAlone(loan);
  }

  /** Tells a lender what a Lease says beside what it wants. */
  #report(node: string, { key, peerId, lease }: Borrowing): void {
    const downloading = this.#options.registry.forward(peerId, key);
    if (downloading === undefined) return;
    this.#options.counters.forwardedLeases++;
    const { wanted, needed } = NOTHING;
    const value = { number: 0, peerId, downloading, lease: { ...lease, wanted, needed } };
    void this.#options.send(node, { case: 'lease', value });
  }

  #answerAlone(loan: Loan<C>): void {
    if (loan.lease.wanted > 0) this.#options.counters.leasesAlone++;
    this.#answerHere(loan);
  }

  #answerHere({ connection, lease }: Loan<C>): void {
    const { perform, registry, now } = this.#options;
    perform(connection, () => registry.lend(connection, lease, now()));
  }
}

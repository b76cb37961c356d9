import type {
  DepositedOffer,
  Findings,
  Init,
  Inquiry,
  SessionResponseBody,
  Swarm as SwarmMessage,
  Want,
} from '@zauberflote/proto';
import { contentKey } from '@zauberflote/proto';
import * as limits from '../limits.ts';
import type { Attempts } from './attempts.ts';
import { Heaviest } from './heaviest.ts';
import type { Party, Peer, Wanted } from './peer.ts';
import type { Strangers } from './strangers.ts';
import type { Membership, Swarm } from './swarm.ts';

/** What another node answered. */
export interface Found {
  readonly node: string;
  readonly swarms: readonly SwarmMessage[];
}

/** A holder that another node named. */
interface Remote {
  readonly id: bigint;
  readonly node: string;
  readonly size: bigint;
  readonly partial: boolean;
  readonly offer?: DepositedOffer | undefined;
}

interface NamingOptions<C> {
  readonly swarms: ReadonlyMap<string, Swarm<C>>;
  readonly attempts: Attempts<C>;
  readonly strangers: Strangers<C>;
  /** See RegistryOptions. */
  readonly isServed: (key: string) => boolean;
  readonly holdersPerContent: number;
  readonly maxIntroductions: number;
}

const IP_VERSIONS = [4, 6] as const;

/** Names holders to those who want a content, and remembers whom it named to whom. */
export class Naming<C> {
  readonly #swarms: ReadonlyMap<string, Swarm<C>>;
  readonly #attempts: Attempts<C>;
  readonly #strangers: Strangers<C>;
  readonly #isServed: (key: string) => boolean;
  readonly #holdersPerContent: number;
  readonly #maxIntroductions: number;
  readonly #introductions = new Heaviest<Peer<C>>();
  #forgotten = 0;

  constructor(options: NamingOptions<C>) {
    this.#swarms = options.swarms;
    this.#attempts = options.attempts;
    this.#strangers = options.strangers;
    this.#isServed = options.isServed;
    this.#holdersPerContent = options.holdersPerContent;
    this.#maxIntroductions = options.maxIntroductions;
  }

  /** Pairs of peers one of which may send the other an offer. */
  get introductions(): number {
    return this.#introductions.total;
  }

  /** Introductions that were forgotten because there were too many. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /** What other nodes should be asked for: contents with fewer complete holders here than wanted. */
  lacking(peer: Peer<C>, want: Want): Wanted | undefined {
    const count = this.#count(want);
    // Other nodes do not know whom it knows; what they gave it then would be lost to others.
    const most = peer.hasMetStrangers ? 0 : want.maxOffers;
    let offers = Math.min(most, limits.MAX_OFFERS_PER_REPLY);
    const sought = want.contents.flatMap((content) => {
      const key = contentKey(content);
      const own = peer.holdings.get(key);
      const complete = (this.#swarms.get(key)?.complete ?? 0) - (own && !own.partial ? 1 : 0);
      offers -= Math.min(count, complete);
      const isLacking = complete < count && this.#isServed(key);
      return isLacking ? [{ content, holders: count - complete }] : [];
    });
    if (sought.length === 0) return undefined;
    const { id: peerId, ipVersion } = peer;
    return { want, peerId, ipVersion, maxOffers: Math.max(0, offers), sought };
  }

  /** The reply to a Want. @param found what other nodes answered */
  answer(
    peer: Peer<C>,
    want: Want,
    found: readonly Found[],
    now: number,
    random: () => number,
  ): SessionResponseBody {
    let offersLeft = Math.min(want.maxOffers, limits.MAX_OFFERS_PER_REPLY);
    const count = this.#count(want);
    const elsewhere = byContent(found);
    const swarms = want.contents.map((content) => {
      const key = contentKey(content);
      const swarm = this.#swarms.get(key);
      const own = peer.holdings.get(key);
      const here = swarm?.sample(count, own, peer.ipVersion, random) ?? [];
      const there = elsewhere.get(key);
      const chosen = there ? merge(here, shuffled(there.holders, random), count) : here;
      const holders = chosen.flatMap((choice) => {
        const party = 'peer' in choice ? choice.peer : this.#strangers.meet(choice.id, choice.node);
        if (!party) return [];
        const offer = offersLeft > 0 ? this.#offer(choice, party, peer, now) : undefined;
        if (offer) offersLeft--;
        if (!('peer' in choice)) peer.hasMetStrangers = true;
        this.#introduce(peer, party, random);
        return { peerId: party.id, size: choice.size, partial: choice.partial, offer };
      });
      const [ownComplete, ownPartial] = own ? [Number(!own.partial), Number(own.partial)] : [0, 0];
      return {
        content,
        holders,
        totalHolders: (swarm?.complete ?? 0) - ownComplete + (there?.complete ?? 0),
        totalPartial: (swarm?.partial ?? 0) - ownPartial + (there?.partial ?? 0),
      };
    });
    return { case: 'peers', value: { swarms } };
  }

  /** The reply to another node, for one of its peers. */
  inquired(
    node: string,
    { number, peerId, maxOffers, contents, ...inquiry }: Inquiry,
    now: number,
    random: () => number,
  ): Init<Findings> {
    const most = Math.floor(limits.MAX_HOLDERS_PER_REPLY / contents.length);
    let offersLeft = Math.min(maxOffers, limits.MAX_OFFERS_PER_REPLY);
    const newcomer = offersLeft > 0 ? this.#strangers.meet(peerId, node) : undefined;
    const ipVersion = IP_VERSIONS.find((version) => version === inquiry.ipVersion) ?? 0;
    const swarms = contents.map(({ content, holders }) => {
      const swarm = this.#swarms.get(contentKey(content!));
      const count = Math.min(holders, this.#holdersPerContent, most);
      const named = (swarm?.sample(count, undefined, ipVersion, random) ?? []).map((member) => {
        const { peer, size, partial } = member;
        const wanted = newcomer && offersLeft > 0;
        const offer = wanted ? this.#give(peer, newcomer, now) : undefined;
        if (offer) offersLeft--;
        return { peerId: peer.id, size, partial, offer };
      });
      const { complete: totalHolders = 0, partial: totalPartial = 0 } = swarm ?? {};
      return { content, holders: named, totalHolders, totalPartial };
    });
    if (newcomer?.isForgettable) this.#strangers.forget(newcomer);
    return { number, swarms };
  }

  /** A peer left. */
  forget(peer: Peer<C>): void {
    const namedTo = [...peer.introducedTo];
    peer.forgetIntroductions();
    for (const other of [peer, ...namedTo]) this.#weigh(other);
  }

  /** A peer of another node left. */
  forgetStranger(id: bigint): void {
    const stranger = this.#strangers.get(id);
    if (!stranger) return;
    const namedTo = [...stranger.introducedTo];
    this.#attempts.forget(stranger);
    this.#strangers.forget(stranger);
    for (const peer of namedTo) this.#weigh(peer);
  }

  /** Holders to name for each content. */
  #count({ contents, maxPeers }: Want): number {
    return Math.min(
      maxPeers || limits.DEFAULT_HOLDERS_PER_SWARM,
      this.#holdersPerContent,
      Math.floor(limits.MAX_HOLDERS_PER_REPLY / contents.length),
    );
  }

  /** An offer that a holder left, for a newcomer: who knows the holder already has had one. */
  #offer(
    choice: Membership<C> | Remote,
    holder: Party<C>,
    newcomer: Peer<C>,
    now: number,
  ): DepositedOffer | undefined {
    if (newcomer.knows(holder)) return undefined;
    if ('peer' in choice) return this.#give(choice.peer, newcomer, now);
    return this.#attempts.give(holder, newcomer, () => choice.offer, now);
  }

  #give(holder: Peer<C>, newcomer: Party<C>, now: number): DepositedOffer | undefined {
    const take = () => holder.takeDeposit(limits.DEPOSIT_TTL_MS, now);
    return this.#attempts.give(holder, newcomer, take, now);
  }

  /** Names `holder` to a peer. Of too many introductions, one who has about the most loses half. */
  #introduce(peer: Peer<C>, holder: Party<C>, random: () => number): void {
    if (this.#introductions.total >= this.#maxIntroductions && !peer.introductions.has(holder)) {
      const heavy = this.#introductions.pick(random)!;
      const count = Math.ceil(heavy.introductions.size / 2);
      heavy.forgetOldestIntroductions(count);
      this.#forgotten += count;
      this.#weigh(heavy);
    }
    peer.introduce(holder, limits.MAX_INTRODUCTIONS_PER_PEER);
    this.#weigh(peer);
  }

  #weigh(peer: Peer<C>): void {
    this.#introductions.set(peer, peer.introductions.size);
  }
}

interface Elsewhere {
  readonly holders: Remote[];
  complete: number;
  partial: number;
}

function byContent(found: readonly Found[]): Map<string, Elsewhere> {
  const contents = new Map<string, Elsewhere>();
  for (const { node, swarms } of found)
    for (const { content, holders, totalHolders, totalPartial } of swarms) {
      const key = contentKey(content!);
      const there = contents.get(key) ?? { holders: [], complete: 0, partial: 0 };
      contents.set(key, there);
      there.complete += totalHolders;
      there.partial += totalPartial;
      for (const { peerId, ...holder } of holders)
        there.holders.push({ id: peerId, node, ...holder });
    }
  return contents;
}

/**
 * At most `count`: complete ones first, and those of this node before others. Of the places left for
 * partial ones a part is kept for those elsewhere: else each node's crowd would be a swarm of its own.
 */
export function merge<
  Here extends { readonly partial: boolean },
  There extends { readonly partial: boolean },
>(here: readonly Here[], there: readonly There[], count: number): readonly (Here | There)[] {
  const isPartial = ({ partial }: { readonly partial: boolean }) => partial;
  const isComplete = ({ partial }: { readonly partial: boolean }) => !partial;
  const complete = [...here.filter(isComplete), ...there.filter(isComplete)].slice(0, count);
  const left = count - complete.length;
  const others = there.filter(isPartial);
  const kept = Math.min(others.length, Math.floor(left / limits.PLACES_PER_STRANGER));
  const ours = here.filter(isPartial).slice(0, left - kept);
  return [...complete, ...ours, ...others.slice(0, left - ours.length)];
}

/** In an order chosen by chance: each node's come together otherwise. */
function shuffled<T>(list: readonly T[], random: () => number): T[] {
  const result = [...list];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}

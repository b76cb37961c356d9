/** How much a registry keeps. All 0 when every peer is gone. */
export interface RegistryStats {
  /** Connected peers. */
  readonly peers: number;
  /** Contents that at least one peer holds, or a part of them. */
  readonly swarms: number;
  /** Announcements: pairs of a peer and a content it holds, complete or not. */
  readonly holdings: number;
  /** Pairs of peers one of which may send the other an offer. */
  readonly introductions: number;
  /** Attempts whose signals are relayed. */
  readonly attempts: number;
  /** Units of contents that one peer alone should fetch from the origin. */
  readonly leases: number;
  /** Peers of other nodes that peers here were named, or signal with. */
  readonly strangers: number;
  /** Pairs of a peer of another node and a content of which it has sent a Lease. */
  readonly guests: number;
}

export interface RegistryOptions<C> {
  /** Whether a connection has so much unsent that nothing should be relayed to it. @default never */
  readonly isCongested?: (connection: C) => boolean;
  /** Most peers at once. @default MAX_PEERS */
  readonly maxPeers?: number;
  /** Most announcements of all peers. @default MAX_HOLDINGS */
  readonly maxHoldings?: number;
  /** Most announcements of one peer. @default MAX_HOLDINGS_PER_PEER */
  readonly holdingsPerPeer?: number;
  /** Most introductions of all peers. @default MAX_INTRODUCTIONS */
  readonly maxIntroductions?: number;
  /** Most holders named for one content. @default MAX_HOLDERS_PER_SWARM */
  readonly holdersPerContent?: number;
  /** Whether holders of a content are taken. @default always */
  readonly isServed?: (key: string) => boolean;
  /** Whether there is no other node that could be asked. @default always */
  readonly isAlone?: () => boolean;
  /** Hears of each content that somebody here begins to hold, and that nobody holds any more. */
  readonly onSwarm?: (key: string, isThere: boolean) => void;
  /** Hears of each peer that is about to hold contents no more of which another node heard. */
  readonly onDeparture?: (peerId: bigint, keys: readonly string[]) => void;
}

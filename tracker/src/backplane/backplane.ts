/**
 * What joins the tracker processes (nodes) that serve the same sites: a directory of who has holders of
 * what, and a channel to each node. Delivery is at most once, and any of it may fail at any moment: then
 * each node goes on with its own clients.
 */
export interface Backplane {
  /** Name of this node: another one whenever it starts. */
  readonly node: string;
  /** Whether other nodes can be reached now, as far as is known. */
  readonly isUp: boolean;
  /** Somebody here begins to hold a content, or nobody here holds it any more. */
  note(key: string, isThere: boolean): void;
  /**
   * Names of other nodes with holders of a content, at most `MAX_NODES_ASKED`, chosen by chance. One that
   * ended without a word may be among them for `NODE_TTL_MS`.
   * @throws if the directory cannot be reached
   */
  nodesWith(key: string): Promise<readonly string[]>;
  /**
   * Name of the node that keeps the leases of a content; this one, if there was none, or only `except`, which
   * is not there any more. It stays that one while it holds the content, or asks now and then.
   * @throws if the directory cannot be reached
   */
  lender(key: string, except?: string): Promise<string>;
  /**
   * @returns whether somebody listens to the channel of that node
   * @throws if it cannot be reached
   */
  send(node: string, message: Uint8Array): Promise<boolean>;
  /**
   * What others wrote into the store since a place in it; all of it, where that is of another store.
   * @throws if it cannot be reached
   */
  read(from: Place): Promise<News>;
  /**
   * Writes into the store what is newer than what is there.
   * @throws if it cannot be reached: then nothing or some of it was written
   */
  write(entries: readonly Entry[]): Promise<void>;
  /** Takes this node out of the directory. Nothing more is heard. */
  close(): Promise<void>;
}

/** What the store has under a name. Of two, the one with the higher stamp holds; of those, the higher value. */
export interface Entry {
  readonly name: string;
  readonly stamp: number;
  readonly value: number;
  /** When it may be forgotten, in seconds since 1970. */
  readonly forgetAt: number;
}

/** A place in the store: which one it is, as it may have lost everything, and how far it was read. */
export interface Place {
  readonly store: string;
  readonly seen: number;
}

/** At most `MAX_ENTRIES_READ` entries, the oldest first, and the place after them. */
export interface News extends Place {
  readonly entries: readonly Omit<Entry, 'forgetAt'>[];
}

/** What a backplane needs of the tracker it joins to others. */
export interface BackplaneEnd {
  /** A message from another node. */
  onMessage(message: Uint8Array): void;
  /** The contents that somebody here holds now, and about how many. */
  keys(): Iterable<string>;
  count(): number;
}

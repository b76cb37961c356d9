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
   * @returns whether somebody listens to the channel of that node
   * @throws if it cannot be reached
   */
  send(node: string, message: Uint8Array): Promise<boolean>;
  /** Takes this node out of the directory. Nothing more is heard. */
  close(): Promise<void>;
}

/** What a backplane needs of the tracker it joins to others. */
export interface BackplaneEnd {
  /** A message from another node. */
  onMessage(message: Uint8Array): void;
  /** The contents that somebody here holds now, and about how many. */
  keys(): Iterable<string>;
  count(): number;
}

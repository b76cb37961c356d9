/** What is simulated. Rates are in bytes per second, 0: not limited. */
export interface Scenario {
  /** Visitors who come for the content. */
  readonly peers: number;
  /** Visitors who hold it from the start, and stay. */
  readonly seeders: number;
  /** The peers come at random moments within this time, in ms. */
  readonly arrivalMs: number;
  /** Of the origin, for all together. */
  readonly originBytesPerSecond: number;
  /** What the client's script comes at where a cache before the origin gives it, not the origin itself; 0: none does. */
  readonly scriptBytesPerSecond: number;
  /** Whether it answers ranges; if not, every answer is the whole content. */
  readonly ranges: boolean;
  readonly peerUpBytesPerSecond: number;
  readonly peerDownBytesPerSecond: number;
  /** Round trip between any two of visitors, tracker and origin, in ms. */
  readonly rttMs: number;
  /**
   * Share of the peers who leave without notice: at a random point of their download or, as often,
   * of a time as long as it took them after it.
   */
  readonly churn: number;
  /** Share of the seeders who vanish without a word, as a process that is killed, and when, in ms. */
  readonly crash: number;
  readonly crashAtMs: number;
  /** Size of the content. */
  readonly bytes: number;
  /** What is played of it while it comes, per second; 0: all of it is wanted, in whatever order. */
  readonly playBytesPerSecond: number;
  readonly seed: number;
  /** Bytes on a link for each byte of content, by HTTP and by data channels; 1: headers not counted. */
  readonly originOverhead: number;
  readonly peerOverhead: number;
}

export const DEFAULTS: Scenario = {
  peers: 1_000,
  seeders: 0,
  arrivalMs: 10_000,
  originBytesPerSecond: 64_000,
  scriptBytesPerSecond: 0,
  ranges: true,
  peerUpBytesPerSecond: 250_000,
  peerDownBytesPerSecond: 1_000_000,
  rttMs: 50,
  churn: 0.1,
  crash: 0,
  crashAtMs: 1_500,
  bytes: 786_432,
  playBytesPerSecond: 0,
  seed: 1,
  originOverhead: 1,
  peerOverhead: 1,
};

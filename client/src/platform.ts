/**
 * What the library needs of its surroundings. A browser has all of it; Node gets WebRTC from a
 * polyfill; a test gives a clock it can turn.
 */
export interface Platform {
  /** Milliseconds from any fixed point; never goes back. */
  now(): number;
  /** Uniform in [0, 1). */
  random(): number;
  /** Calls `callback` once after `ms` milliseconds; the result cancels it. */
  setTimer(ms: number, callback: () => void): () => void;
  /** Absent where the page or an extension removed it. */
  readonly WebSocket: typeof WebSocket | undefined;
  /** Absent where the browser or its owner switched WebRTC off. */
  readonly RTCPeerConnection: typeof RTCPeerConnection | undefined;
  /** Whether an offerer's candidates must not be sent before it has the answer. @default false */
  readonly hasLateCandidates?: boolean;
  readonly fetch: typeof fetch;
  /** Absent on pages without https and outside browsers; even to ask may throw, as in a sandboxed frame. */
  readonly caches?: CacheStorage | undefined;
  /** Absent outside browsers; even to ask may throw, likewise. */
  readonly sessionStorage?: Storage | undefined;
  /** While there is no network: resolves when there is one again. @default there is, or nobody can tell */
  readonly offline?: Promise<void> | undefined;
  /** What the page fetched, by the clock of `now`, in the order of its start. @default nobody tells */
  timings?(): readonly Timing[];
  /** Absent in browsers that do not tell, as Firefox and Safari. */
  readonly networkInformation?: NetworkInformation | undefined;
}

/** What a browser says of something that the page fetched; sizes are 0 where another server keeps them to itself. */
export type Timing = Pick<
  PerformanceResourceTiming,
  'name' | 'requestStart' | 'responseStart' | 'responseEnd' | 'transferSize' | 'encodedBodySize'
>;

/** As much of `navigator.connection` as is used here; each browser has another part of it. */
export interface NetworkInformation extends Partial<EventTarget> {
  /** The visitor asked to save data. */
  readonly saveData?: boolean;
  /** `wifi`, `cellular`, …; only where the device has several networks. */
  readonly type?: string;
}

/**
 * A network that is said to be back is there after so many ms: Android tells of its address up to 1 s later, and what
 * was asked before is broken off then.
 */
export const BACK_MS = 1_500;

/**
 * The surroundings as they are. Looked up when used, not when loaded: scripts (and ad blockers)
 * replace globals at any time.
 */
export function browserPlatform(): Platform {
  let offline: Promise<void> | undefined;
  // Only if that is said: browsers may not know of every network, such as loopback alone.
  globalThis.addEventListener?.('offline', () => {
    const isBack = new Promise((resolve) =>
      globalThis.addEventListener('online', () => setTimeout(resolve, BACK_MS), { once: true }),
    );
    const until = isBack.then(() => {
      if (offline === until) offline = undefined;
    });
    offline = until;
  });
  return {
    get offline() {
      return offline;
    },
    now: () => performance.now(),
    random: () => Math.random(),
    setTimer(ms, callback) {
      // Browsers drop fractions: it would be early, look, and be set anew several times until then.
      const timer = setTimeout(callback, Math.ceil(ms));
      return () => clearTimeout(timer);
    },
    get WebSocket() {
      return globalThis.WebSocket;
    },
    get RTCPeerConnection() {
      return globalThis.RTCPeerConnection;
    },
    get caches() {
      return globalThis.caches;
    },
    get sessionStorage() {
      return globalThis.sessionStorage;
    },
    fetch: (input, init) => globalThis.fetch(input, init),
    // Not all entries: a page may have made thousands of marks.
    timings: () =>
      ['navigation', 'resource'].flatMap(
        (type) => performance.getEntriesByType(type) as PerformanceResourceTiming[],
      ),
    get networkInformation() {
      return (globalThis.navigator as { connection?: NetworkInformation } | undefined)?.connection;
    },
  };
}

import type { Tab } from '../browsers/tab.ts';
import type { Host } from '../net/types.ts';
import type { Asset, Site } from '../origin/assets.ts';

/** As RTCIceServer. */
export interface IceServer {
  readonly urls: string;
  readonly username?: string;
  readonly credential?: string;
}

/** What a page is built from. */
export interface PageContext {
  readonly assets: readonly Asset[];
  /** `http://…` of the server that has the assets, to be followed by their paths. */
  readonly assetBase: string;
  /** WebSocket address of the mode's tracker; empty if it has none. */
  readonly tracker: string;
  /** STUN and TURN servers; none where visitors reach each other without. */
  readonly iceServers: readonly IceServer[];
  /** The page's visitor lies: every larger message it sends to a peer has its last bit flipped. */
  readonly liar: boolean;
  /** The page's visitor is there before the leechers, and serves them. */
  readonly seeds: boolean;
}

/** A program beside the web servers, which lives for one trial. */
export interface Service {
  readonly running: boolean;
  stop(): Promise<void>;
}

/** One way to get a page's assets to its visitors. */
export interface Mode {
  readonly name: string;
  /** What it can load. */
  readonly sites: readonly Site[];
  /** What a scenario breaks, slows or makes lie is left alone: what the same costs without. @default false */
  readonly undisturbed?: boolean;
  /** Starts its tracker, if it has one. */
  readonly tracker?: (host: Host, port: number) => Promise<Service>;
  page(context: PageContext): Promise<string>;
  /** Its assets come from the unlimited server, whatever the origin's rate. @default false */
  readonly unlimited?: boolean;
  /** Brings visitors together where no tracker does, from when the leechers set out. @param deadline as of Date.now() */
  readonly introduce?: (
    seeders: readonly Tab[],
    leechers: readonly Tab[],
    deadline: number,
  ) => Promise<void>;
  /** Expression, true once the page can serve others and they can know of it; null: it never does. */
  readonly seeding: string | null;
  /** Expression for the bytes by source as the client says: `{peers, origin, store}` or null. */
  readonly bytes: string;
}

import type { BrowserPrograms } from '../browsers/programs.ts';
import { type Visitor, visit } from '../browsers/visitor.ts';
import type { Host } from '../net/types.ts';

/** Browsers that start at the same time: more only wait for each other on two cores. */
const STARTING_AT_ONCE = 3;
/** For a browser's first page, which is not measured, in ms. */
const WARM_UP_MS = 60_000;

export interface CrewOptions {
  readonly programs: BrowserPrograms;
  /** Temporary, and removed by the caller. */
  readonly dir: string;
  readonly secureOrigins: readonly string[];
  /** The page that every browser loads once before anything is measured. */
  readonly firstPage: string;
  readonly log: (line: string) => void;
}

/** The browsers, one on each host, started when they are first needed. */
export class Crew {
  readonly #options: CrewOptions;
  readonly #visitors = new Map<Host, Visitor>();

  constructor(options: CrewOptions) {
    this.#options = options;
  }

  /** Those of these hosts, started anew where they were killed. */
  async gather(hosts: readonly Host[]): Promise<Visitor[]> {
    const missing = hosts.filter((host) => !this.#visitors.get(host)?.alive);
    if (missing.length > 2) this.#options.log(`starting ${missing.length} browsers`);
    const work = async () => {
      for (let host = missing.shift(); host; host = missing.shift()) await this.#start(host);
    };
    await Promise.all(Array.from({ length: STARTING_AT_ONCE }, work));
    return hosts.map((host) => this.#visitors.get(host) as Visitor);
  }

  async quit(): Promise<void> {
    const all = [...this.#visitors.values()];
    this.#visitors.clear();
    await Promise.all(all.map((visitor) => visitor.quit()));
  }

  async #start(host: Host): Promise<void> {
    await this.#visitors.get(host)?.quit();
    const visitor = await visit(host, this.#options);
    this.#visitors.set(host, visitor);
    const tab = await visitor.open();
    await tab.navigate(this.#options.firstPage);
    await tab.eventually('lab.done', Date.now() + WARM_UP_MS, `the first page on ${host.name}`);
    await tab.close();
  }
}

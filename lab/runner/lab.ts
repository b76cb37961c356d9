import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { freePort } from '../../scripts/free-port.ts';
import type { BrowserPrograms } from '../browsers/programs.ts';
import type { Visitor } from '../browsers/visitor.ts';
import { http } from '../modes/http.ts';
import type { IceServer } from '../modes/types.ts';
import type { Host, HostOptions, Net } from '../net/types.ts';
import type { Asset } from '../origin/assets.ts';
import { type Nginx, nginx } from '../origin/nginx.ts';
import { startRelay } from '../origin/relay.ts';
import { copyScripts } from '../origin/scripts.ts';
import type { Grid, Scenario, Setup } from '../scenarios/index.ts';
import { Crew } from './crew.ts';
import { MOST_BROWSERS } from './options.ts';

export interface LabOptions {
  readonly scenario: Scenario;
  readonly setup: Setup;
  /** Of the origin, in bytes per second; 0 for not limited. */
  readonly rate: number;
  /** Without hosts; the caller closes it, and with it everything here. */
  readonly net: Net;
  readonly assets: readonly Asset[];
  readonly programs: BrowserPrograms;
  /** Temporary, and removed by the caller. */
  readonly dir: string;
  /** For the access logs. */
  readonly out: string;
  readonly log: (line: string) => void;
}

/** Servers and browsers on one network. */
export interface Lab {
  readonly origin: Host;
  readonly originServer: Nginx;
  readonly trackerHost: Host;
  readonly trackerPort: number;
  /** WebSocket address. */
  readonly trackerUrl: string;
  /** `http://…` of the limited and of the unlimited server; both serve the same files. */
  readonly originUrl: string;
  readonly fastUrl: string;
  readonly iceServers: readonly IceServer[];
  /** Writes a page. @returns its path on both servers */
  page(name: string, html: string): string;
  /** Browsers, started anew where one was killed. */
  /** @param slow the first of them is the slow one, where the scenario has one @default true */
  seeders(count: number, slow?: boolean): Promise<Visitor[]>;
  leechers(count: number): Promise<Visitor[]>;
  /** What a reader of the results should know. */
  readonly notes: readonly string[];
  /** Ends the browsers, so that measuring is not disturbed. */
  quiet(): Promise<void>;
}

/** Adds the hosts and starts the servers. @throws {Unsupported} */
export async function openLab(options: LabOptions): Promise<Lab> {
  const { net, scenario, setup, rate, dir } = options;
  // Two links make a path, and the options speak of paths.
  const link: HostOptions = {
    rttMs: setup.rttMs / 2 || undefined,
    loss: 1 - Math.sqrt(1 - setup.loss) || undefined,
  };
  const host = (name: string, limits: HostOptions = {}) => net.host(name, { ...link, ...limits });
  const most = (kind: keyof Grid) => Math.max(...setup.cells.map((cell) => cell[kind]));
  const peers = async (kind: keyof Grid) => {
    const hosts: Host[] = [];
    // One more takes the slow one's place where nothing is to go wrong.
    const spare = kind === 'seeders' && scenario.slowSeeder ? 1 : 0;
    for (let n = 1; n <= Math.min(most(kind), MOST_BROWSERS) + spare; n++) {
      const slow = kind === 'seeders' && n === 1 ? scenario.slowSeeder : undefined;
      hosts.push(
        await host(`${kind[0]}${n}`, {
          upBytesPerSecond: slow ?? (setup.peerUp || undefined),
          downBytesPerSecond: setup.peerDown || undefined,
          behindNat: scenario.behindNat,
        }),
      );
    }
    return hosts;
  };
  const origin = await host('origin', { upBytesPerSecond: rate || undefined });
  const fast = await host('fast');
  const trackerHost = await host('tracker');
  const relayHost = scenario.behindNat ? await host('relay') : undefined;
  const seederHosts = await peers('seeders');
  const leecherHosts = await peers('leechers');

  const root = join(dir, 'root');
  await fillRoot(root, options.assets);
  const serve = async (on: Host) => {
    const server = nginx(on, {
      dir: join(dir, on.name),
      root,
      port: await freePort(),
      accessLog: join(options.out, `access-${on.name}.log`),
      ranges: on !== origin || scenario.ranges,
    });
    await server.start();
    const where = await on.expose(server.port);
    return { server, url: `http://${where.host}:${where.port}` };
  };
  const originSite = await serve(origin);
  const fastSite = await serve(fast);
  const trackerPort = await freePort();
  const trackerAt = await trackerHost.expose(trackerPort);
  const iceServers = relayHost ? [await startRelay(relayHost, join(dir, 'relay'))] : [];

  const page = (name: string, html: string) => {
    writeFileSync(join(root, name), html);
    return `/${name}`;
  };
  const warmUp = page(
    'warm-up.html',
    await http.page({
      assets: options.assets,
      assetBase: fastSite.url,
      tracker: '',
      iceServers: [],
      liar: false,
      seeds: false,
    }),
  );
  const crew = new Crew({
    programs: options.programs,
    dir,
    secureOrigins: [originSite.url, fastSite.url],
    firstPage: fastSite.url + warmUp,
    log: options.log,
  });
  const crowded = Math.max(most('seeders'), most('leechers')) > MOST_BROWSERS;
  return {
    origin,
    originServer: originSite.server,
    trackerHost,
    trackerPort,
    trackerUrl: `ws://${trackerAt.host}:${trackerAt.port}/`,
    originUrl: originSite.url,
    fastUrl: fastSite.url,
    iceServers,
    notes: crowded
      ? [
          `beyond ${MOST_BROWSERS} seeders or ${MOST_BROWSERS} leechers, visitors share browsers and ` +
            'their links, which are not limited: those of one browser reach each other within it',
        ]
      : [],
    page,
    seeders: (count, slow = true) => {
      const from = slow || !scenario.slowSeeder ? 0 : 1;
      return crew.gather(seederHosts.slice(from, from + count));
    },
    leechers: (count) => crew.gather(leecherHosts.slice(0, count)),
    quiet: () => crew.quit(),
  };
}

/** Puts there the files of the site, and the clients' scripts. */
async function fillRoot(root: string, assets: readonly Asset[]): Promise<void> {
  for (const { path, body } of assets) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), body);
  }
  await copyScripts(root);
}

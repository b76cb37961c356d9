/**
 * The network for those who are not root: all hosts are this machine, and a proxy before each port
 * of a limited host holds back what it sends.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { TokenBucket } from './bucket.ts';
import { type Direction, measureAll, serveTransfers } from './measure.ts';
import { Reaper } from './reaper.ts';
import { Relay } from './relay.ts';
import { checkOptions } from './shaping.ts';
import type { Host, HostOptions, LinkMeasurement, Net } from './types.ts';
import { Unsupported } from './unsupported.ts';

const ADDRESS = '127.0.0.1';

export class ProxyHost implements Host {
  readonly name: string;
  readonly address = ADDRESS;
  readonly options: HostOptions;
  readonly #reaper: Reaper;
  readonly #relay: Relay;
  readonly #servers = new Map<number, Promise<Server>>();

  constructor(name: string, options: HostOptions, reaper: Reaper) {
    this.name = name;
    this.options = options;
    this.#reaper = reaper;
    this.#relay = new Relay(new TokenBucket(options.upBytesPerSecond ?? Infinity));
  }

  spawn = (command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess => {
    const child = spawn(command, args, { ...options, detached: true });
    this.#reaper.watch(child);
    return child;
  };

  async expose(port: number): Promise<{ host: string; port: number }> {
    let server = this.#servers.get(port);
    if (!server) {
      server = this.#listen(port);
      this.#servers.set(port, server);
    }
    return { host: ADDRESS, port: ((await server).address() as AddressInfo).port };
  }

  async #listen(port: number): Promise<Server> {
    const server = createServer({ allowHalfOpen: true }, (outer) => this.#relay.join(outer, port));
    server.listen(0, ADDRESS);
    await once(server, 'listening');
    return server;
  }

  async counters(): Promise<{ upBytes: number; downBytes: number }> {
    return { upBytes: this.#relay.upBytes, downBytes: this.#relay.downBytes };
  }

  async close(): Promise<void> {
    for (const server of this.#servers.values()) (await server).close();
    this.#relay.close();
  }
}

export class ProxyNet implements Net {
  readonly shaper = 'proxy';
  readonly driverAddress = ADDRESS;
  readonly why: string;
  readonly #reaper = new Reaper();
  readonly #hosts = new Map<string, ProxyHost>();
  #closed: Promise<void> | undefined;

  constructor(why: string) {
    this.why = why;
  }

  async host(name: string, options: HostOptions = {}): Promise<ProxyHost> {
    if (this.#closed) throw new Error(`host ${name}: the network is closed`);
    checkOptions(name, options);
    if (this.#hosts.has(name)) throw new Error(`There is already a host named ${name}`);
    for (const what of ['downBytesPerSecond', 'rttMs', 'loss', 'behindNat'] as const)
      if (options[what])
        throw new Unsupported(
          `host ${name}: the proxy shaper limits only what a host sends, it knows no ${what}. ` +
            'The tc shaper does: run this as root on Linux',
        );
    const host = new ProxyHost(name, options, this.#reaper);
    this.#hosts.set(name, host);
    return host;
  }

  async measure(when: 'before' | 'after'): Promise<LinkMeasurement[]> {
    const limited = [...this.#hosts.values()].filter((host) => host.options.upBytesPerSecond);
    const links: Direction[] = [];
    const servers: ChildProcess[] = [];
    try {
      for (const host of limited) {
        const { port, child } = await serveTransfers(host.spawn, ADDRESS);
        servers.push(child);
        links.push({
          host: host.name,
          direction: 'up',
          bytesPerSecond: host.options.upBytesPerSecond!,
          rttMs: 0,
          spawn: host.spawn,
          client: 'down',
          server: await host.expose(port),
          bytesPerPayloadByte: 1,
        });
      }
      return await measureAll(links, when);
    } finally {
      for (const child of servers) child.kill('SIGKILL');
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    for (const host of this.#hosts.values()) await host.close();
    await this.#reaper.close();
  }
}

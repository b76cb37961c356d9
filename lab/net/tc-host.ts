import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { inside, run, systemEnvironment } from './command.ts';
import { sentBytes } from './shaping.ts';
import type { Host, HostOptions } from './types.ts';

/** How a host's link is made. */
export interface Link {
  readonly number: number;
  /** Where its eth0 is. */
  readonly namespace: string;
  readonly bridgeDevice: string;
  readonly delay: 'none' | 'netem' | 'delay line';
}

export class TcHost implements Host {
  readonly name: string;
  readonly address: string;
  readonly namespace: string;
  readonly options: HostOptions;
  readonly link: Link;
  readonly #lan: string;

  constructor(
    name: string,
    address: string,
    namespace: string,
    options: HostOptions,
    link: Link,
    lan: string,
  ) {
    this.name = name;
    this.address = address;
    this.namespace = namespace;
    this.options = options;
    this.link = link;
    this.#lan = lan;
  }

  spawn = (command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess => {
    const [program, ...rest] = inside(this.namespace, command, args);
    return spawn(program!, rest, { env: systemEnvironment(), ...options, detached: true });
  };

  async expose(port: number): Promise<{ host: string; port: number }> {
    return { host: this.address, port };
  }

  async counters(): Promise<{ upBytes: number; downBytes: number }> {
    const read = async (namespace: string, device: string) =>
      sentBytes(await run('tc', ['-n', namespace, '-s', 'class', 'show', 'dev', device]));
    const [upBytes, downBytes] = await Promise.all([
      read(this.link.namespace, 'eth0'),
      read(this.#lan, this.link.bridgeDevice),
    ]);
    return { upBytes, downBytes };
  }
}

/** Starts the userspace delay line and the tap devices that lead to it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { inside, ip, run, urgently } from './command.ts';
import { type LinkOptions, type Order, ports } from './delay-line.ts';
import { Unsupported } from './unsupported.ts';

const PROGRAM = fileURLToPath(new URL('delay-line.ts', import.meta.url));

/** A pair of tap devices behaves like a pair of veth devices with a delay between them. */
export class DelayLine {
  readonly #namespace: string;
  readonly #prefix: readonly string[];
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  /** Set when one of its programs ended: packets no longer flow. */
  #broken: string | undefined;
  #closing = false;
  #orders: Promise<unknown> = Promise.resolve();

  /** @param namespace made by this call, and removed by whoever removes the network */
  static async start(namespace: string): Promise<DelayLine> {
    await run('socat', ['-V']).catch(() => {
      throw new Unsupported(
        'rttMs and loss need netem, which this kernel lacks, or socat, which is not installed: ' +
          'run "apt-get install socat", or leave them out',
      );
    });
    await run('ip', ['netns', 'add', namespace]);
    await ip(namespace, 'link set lo up');
    return new DelayLine(namespace, await urgently());
  }

  private constructor(namespace: string, prefix: readonly string[]) {
    this.#namespace = namespace;
    this.#prefix = prefix;
    this.#process = this.#start(
      process.execPath,
      [PROGRAM],
      ['ignore', 'inherit', 'inherit', 'ipc'],
    );
    this.#ended = new Promise((resolve) => this.#process.on('exit', resolve));
    // The wire must not keep a driver running that is done.
    this.#process.channel!.unref();
  }

  #start(program: string, args: string[], stdio: ('pipe' | 'ignore' | 'inherit' | 'ipc')[]) {
    const [first, ...others] = [...this.#prefix, program, ...args];
    const [command, ...rest] = inside(this.#namespace, first!, others);
    const child = spawn(command!, rest, { stdio, detached: true });
    child.unref();
    child.on('error', (error) => this.#breaks(error.message));
    child.on('exit', (code, signal) => this.#breaks(`${program} ended with ${signal ?? code}`));
    return child;
  }

  #breaks(cause: string): void {
    if (!this.#closing) this.#broken ??= cause;
  }

  /** @throws {Error} if the delay line is no longer working */
  check(): void {
    if (this.#broken) throw new Error(`The delay line broke: ${this.#broken}`);
  }

  /** Processes are about to be killed. */
  closing(): void {
    this.#closing = true;
  }

  /** One at a time: the answers only tell the link. */
  #order(order: Order): Promise<unknown> {
    const done = this.#orders.then(async () => {
      this.check();
      const answered = once(this.#process, 'message');
      this.#process.channel!.ref();
      this.#process.send(order);
      await Promise.race([answered, this.#ended]);
      this.#process.channel?.unref();
      this.check();
    });
    this.#orders = done.catch(() => {});
    return done;
  }

  /**
   * Makes the two devices of a link, one at `host` called eth0 and one at `bridge`.
   * @param device name of the latter
   */
  async connect(options: LinkOptions, host: string, bridge: string, device: string): Promise<void> {
    await this.#order({ order: 'add', ...options });
    await Promise.all([
      this.#tap(options.link, 'host', host, 'eth0'),
      this.#tap(options.link, 'bridge', bridge, device),
    ]);
  }

  async #tap(link: number, end: 'host' | 'bridge', namespace: string, device: string) {
    const { node, socat } = ports(link, end);
    const tap = `${end}${link}`;
    const child = this.#start(
      'socat',
      [
        '-d',
        '-d',
        `TUN,tun-type=tap,tun-name=${tap},iff-no-pi`,
        `UDP4-DATAGRAM:127.0.0.1:${node},bind=127.0.0.1:${socat}`,
      ],
      ['ignore', 'ignore', 'pipe'],
    );
    let said = '';
    await new Promise<void>((resolve, reject) => {
      child.stderr!.setEncoding('utf8').on('data', (text) => {
        if (said.length < 4096) said += text;
        if (said.includes('starting data transfer loop')) resolve();
      });
      child.on('error', reject);
      child.on('close', () => {
        const why = `socat made no tap device: ${said.trim()}`;
        reject(said.includes('/dev/net/tun') ? new Unsupported(why) : new Error(why));
      });
    });
    (child.stderr as unknown as { unref(): void }).unref();
    await ip(this.#namespace, `link set ${tap} netns ${namespace} name ${device}`);
  }

  /** Changes the loss of a link. */
  async lose(link: number, loss: number): Promise<void> {
    await this.#order({ order: 'lose', link, loss });
  }
}

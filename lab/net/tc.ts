/**
 * The network of namespaces: one for each host, one for a router before a host behind a NAT, one
 * for the bridge that joins them (`lan`), one for the delay line (`wire`).
 *
 *     host eth0 ── hN ┐              host eth0 ── lan router eth0 ── hN ┐
 *     host eth0 ── hN ┼ bridge ── driver ── zfnX (this machine)         ┘
 *
 * What a host sends is shaped where it leaves eth0, what it gets where it leaves hN.
 */
import { networkInterfaces } from 'node:os';
import { inside, ip, run, tc } from './command.ts';
import { DelayLine } from './delay.ts';
import { type Direction, measureAll, serveTransfers } from './measure.ts';
import { addNamespace, newPrefix, remove, removeLeftovers } from './namespaces.ts';
import { natRules } from './nat.ts';
import { Reaper } from './reaper.ts';
import {
  checkOptions,
  FRAME_BYTES,
  FRAME_PAYLOAD_BYTES,
  FRAMES,
  type Impairment,
  impair,
  shape,
} from './shaping.ts';
import { type Link, TcHost } from './tc-host.ts';
import type { HostOptions, LinkMeasurement, Net } from './types.ts';
import { Unsupported } from './unsupported.ts';

/** Addresses .2 to .253; .1 is the driver's, .254 that of the other end of measurements. */
const MOST_HOSTS = 252;
const PROBE = 254;
/**
 * For routes that only measurements use: TCP's own windows start wide open (transfer.ts has one of
 * its own), so that neither slow start nor HyStart, which takes jitter for a queue, leaves a link
 * with a long round trip idle.
 */
const OPEN_WINDOWS = 'initcwnd 10000 initrwnd 10000';
/** How nft, or nsenter for it, says that there is none, or that the kernel knows nothing of it. */
const LACKING = /failed to execute nft|No such file|Operation not (supported|permitted)/;
/** First three bytes of the addresses behind a host's NAT. */
function privateSubnet(number: number): string {
  return `192.168.${number}`;
}

export class TcNet implements Net {
  readonly shaper = 'tc';
  readonly why: string;
  readonly #prefix: string;
  readonly #reaper: Reaper;
  readonly #seed: number;
  readonly #hosts: TcHost[] = [];
  readonly #names = new Set<string>();
  readonly #pending = new Set<Promise<unknown>>();
  /** First three bytes of all addresses. */
  #subnet = '';
  #next = 2;
  #wire: Promise<DelayLine | 'netem'> | undefined;
  #probe: Promise<TcHost> | undefined;
  #closed: Promise<void> | undefined;

  /** @param seed of lost packets */
  static async create(why: string, seed: number): Promise<TcNet> {
    await removeLeftovers();
    const net = new TcNet(why, seed);
    try {
      await net.#setUp();
    } catch (error) {
      await net.close();
      throw error;
    }
    return net;
  }

  private constructor(why: string, seed: number) {
    this.why = why;
    this.#seed = seed;
    this.#prefix = newPrefix();
    this.#reaper = new Reaper(this.#prefix);
  }

  get driverAddress(): string {
    return `${this.#subnet}.1`;
  }

  get #lan(): string {
    return `${this.#prefix}lan`;
  }

  async #setUp(): Promise<void> {
    await addNamespace(this.#lan);
    await ip(
      this.#lan,
      'link add name bridge type bridge stp_state 0 mcast_snooping 0',
      `link set bridge ${FRAMES} up`,
    );
    const device = await this.#claim();
    await ip(this.#lan, `link set driver master bridge ${FRAMES} up`);
    await run('ip', ['address', 'add', `${this.driverAddress}/24`, 'dev', device]);
    await run('ip', ['link', 'set', device, ...FRAMES.split(' '), 'up']);
  }

  /** Links this machine to the bridge. The device's name claims 10.77.X.0/24: there is only one. */
  async #claim(): Promise<string> {
    const taken = Object.values(networkInterfaces()).flatMap((all) => all!.map((a) => a.address));
    for (let i = 0; i < 256; i++) {
      const third = (process.pid + i) % 256;
      const device = `zfn${third}`;
      this.#subnet = `10.77.${third}`;
      if (taken.some((address) => address.startsWith(`${this.#subnet}.`))) continue;
      const add = `link add name ${device} type veth peer name driver netns ${this.#lan}`;
      const failed = await run('ip', add.split(' ')).catch((error: Error) => error);
      if (!(failed instanceof Error)) return device;
      if (!failed.message.includes('File exists')) throw failed;
    }
    throw new Error('All of 10.77.0.0/16 is in use: end other runs of the lab');
  }

  async host(name: string, options: HostOptions = {}): Promise<TcHost> {
    if (this.#closed) throw new Error(`host ${name}: the network is closed`);
    checkOptions(name, options);
    if (this.#names.has(name)) throw new Error(`There is already a host named ${name}`);
    if (this.#next === PROBE) throw new Error(`A network has at most ${MOST_HOSTS} hosts`);
    this.#names.add(name);
    const host = await this.#make(name, this.#next++, options);
    this.#hosts.push(host);
    return host;
  }

  #make(name: string, number: number, options: HostOptions): Promise<TcHost> {
    const made = this.#makeHost(name, number, options);
    this.#pending.add(made);
    const done = () => this.#pending.delete(made);
    made.then(done, done);
    return made;
  }

  async #makeHost(name: string, number: number, options: HostOptions): Promise<TcHost> {
    const address = `${this.#subnet}.${number}`;
    const namespace = `${this.#prefix}${number === PROBE ? name : `host-${name}`}`;
    await addNamespace(namespace);
    const outer = options.behindNat ? await this.#router(name, number, namespace) : namespace;
    const link = await this.#connect(number, outer, options);
    // Everything is on the link, so that the unknown is soon found to be unreachable, and WebRTC,
    // which asks for the route to a public address, finds this one.
    await ip(
      outer,
      `address add ${address}/24 dev eth0`,
      `link set eth0 ${FRAMES} up`,
      'route add default dev eth0',
    );
    const via = options.behindNat ? `via ${privateSubnet(number)}.1 ` : '';
    await ip(namespace, `route add ${this.#subnet}.${PROBE} ${via}dev eth0 ${OPEN_WINDOWS}`);
    return new TcHost(name, address, namespace, options, link, this.#lan);
  }

  /** The other end of every measurement, unlimited. */
  async #makeProbe(): Promise<TcHost> {
    const probe = await this.#make('measuring', PROBE, {});
    const subnet = `${this.#subnet}.0/24 dev eth0 proto kernel scope link src ${probe.address}`;
    await ip(probe.namespace, `route change ${subnet} ${OPEN_WINDOWS}`);
    return probe;
  }

  /** @returns the router's namespace, whose eth0 takes the place of the host's */
  async #router(name: string, number: number, host: string): Promise<string> {
    const router = `${this.#prefix}nat-${name}`;
    await addNamespace(router, 'echo 1 > /proc/sys/net/ipv4/ip_forward');
    const inner = privateSubnet(number);
    await ip(
      router,
      `link add name lan type veth peer name eth0 netns ${host}`,
      `address add ${inner}.1/24 dev lan`,
      `link set lan ${FRAMES} up`,
    );
    await ip(
      host,
      `address add ${inner}.2/24 dev eth0`,
      `link set eth0 ${FRAMES} up`,
      `route add default via ${inner}.1`,
    );
    const rules = natRules(this.driverAddress, `${inner}.2`);
    const [command, ...args] = inside(router, 'nft', ['-f', '-']);
    await run(command!, args, rules).catch((error: Error) => {
      // Rules that nft refuses for what they say are our mistake.
      if (!LACKING.test(error.message)) throw error;
      throw new Unsupported(
        `behindNat needs nftables (apt-get install nftables) and a kernel with its NAT: ${error.message}`,
      );
    });
    return router;
  }

  async #connect(number: number, namespace: string, options: HostOptions): Promise<Link> {
    const bridgeDevice = `h${number}`;
    const impairment = { delayMs: (options.rttMs ?? 0) / 2, loss: options.loss ?? 0 };
    const { upBytesPerSecond: up, downBytesPerSecond: down } = options;
    let delay: Link['delay'] = 'none';
    if (impairment.delayMs > 0 || impairment.loss > 0) {
      this.#wire ??= this.#startWire();
      const wire = await this.#wire;
      delay = wire === 'netem' ? 'netem' : 'delay line';
      if (wire !== 'netem')
        await wire.connect(
          { link: number, ...impairment, seed: this.#seed + number },
          namespace,
          this.#lan,
          bridgeDevice,
        );
    }
    if (delay !== 'delay line')
      await ip(
        this.#lan,
        `link add name ${bridgeDevice} type veth peer name eth0 netns ${namespace}`,
      );
    const kernel: Impairment | undefined = delay === 'netem' ? impairment : undefined;
    await tc(namespace, ...shape('eth0', up, 'dst', this.driverAddress, kernel));
    await tc(this.#lan, ...shape(bridgeDevice, down, 'src', this.driverAddress, kernel));
    await ip(this.#lan, `link set ${bridgeDevice} master bridge ${FRAMES} up`);
    return { number, namespace, bridgeDevice, delay };
  }

  async #startWire(): Promise<DelayLine | 'netem'> {
    const netem = 'qdisc add dev bridge root netem delay 1ms'.split(' ');
    const lacking = await run('tc', ['-n', this.#lan, ...netem]).catch((error: Error) => error);
    if (lacking instanceof Error) return DelayLine.start(`${this.#prefix}wire`);
    await tc(this.#lan, 'qdisc del dev bridge root');
    return 'netem';
  }

  async measure(when: 'before' | 'after'): Promise<LinkMeasurement[]> {
    if (this.#closed) throw new Error('The network is closed');
    this.#probe ??= this.#makeProbe();
    const probe = await this.#probe;
    const limited = this.#hosts.filter(
      ({ options }) => options.upBytesPerSecond ?? options.downBytesPerSecond,
    );
    await Promise.all(limited.map((host) => this.#lose(host, 0)));
    const { port, child } = await serveTransfers(probe.spawn, probe.address);
    try {
      const directions = limited.flatMap((host) => {
        const { name, options } = host;
        const of = (direction: 'up' | 'down', bytesPerSecond?: number): Direction[] =>
          bytesPerSecond === undefined
            ? []
            : [
                {
                  host: name,
                  direction,
                  bytesPerSecond,
                  rttMs: options.rttMs ?? 0,
                  spawn: host.spawn,
                  client: direction,
                  server: { host: probe.address, port },
                  bytesPerPayloadByte: FRAME_BYTES / FRAME_PAYLOAD_BYTES,
                },
              ];
        return [...of('up', options.upBytesPerSecond), ...of('down', options.downBytesPerSecond)];
      });
      return await measureAll(directions, when);
    } finally {
      child.kill('SIGKILL');
      await Promise.all(limited.map((host) => this.#lose(host, host.options.loss ?? 0)));
    }
  }

  async #lose(host: TcHost, loss: number): Promise<void> {
    const { number, namespace, bridgeDevice, delay } = host.link;
    if (delay === 'none') return;
    const wire = await this.#wire!;
    if (wire !== 'netem') return wire.lose(number, loss);
    const impairment = { delayMs: (host.options.rttMs ?? 0) / 2, loss };
    await tc(namespace, impair('eth0', impairment, host.options.upBytesPerSecond));
    await tc(this.#lan, impair(bridgeDevice, impairment, host.options.downBytesPerSecond));
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#pending);
    const wire = await this.#wire?.catch(() => undefined);
    if (wire && wire !== 'netem') wire.closing();
    await remove(this.#prefix);
    // It looks again, and takes what came in between.
    await this.#reaper.close();
  }
}

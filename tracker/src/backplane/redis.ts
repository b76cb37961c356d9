import { randomBytes } from 'node:crypto';
import { setTimeout as setTimeoutAsync } from 'node:timers/promises';
import { ErrorReply } from '@redis/client';
import { encodeNodeMessage } from '@zauberflote/proto';
import * as limits from '../limits.ts';
import type { Log } from '../log.ts';
import type { Backplane, BackplaneEnd, Entry, News, Place } from './backplane.ts';
import type { Redis } from './redis-link.ts';
import { connectRedis } from './redis-link.ts';

export interface RedisBackplaneOptions extends BackplaneEnd {
  readonly url: string;
  /** Asked for before each connection: it may have changed. */
  readonly password: () => string | undefined;
  /** Name of this node. */
  readonly node: string;
  readonly log: Pick<Log, 'info' | 'warn'>;
}

/**
 * Joins trackers by a Redis or Valkey, from version 7 on, a single one or a cluster (backplane.proto says
 * what is kept there). Starts whether it can be reached or not, and joins again by itself.
 */
export class RedisBackplane implements Backplane {
  readonly node: string;
  readonly #options: RedisBackplaneOptions;
  readonly #timers: readonly NodeJS.Timeout[];
  #redis: Redis | undefined;
  /** Commands without an answer, of this attempt. */
  #inFlight = new Set<symbol>();
  #attempt = new AbortController();
  #attemptAt = 0;
  #isUp = false;
  #lastError = 'no answer';
  /** The last message to itself. */
  #probe = new Uint8Array();
  #probes = 0;
  #heardAt = Number.NEGATIVE_INFINITY;
  /** What is still to be announced of this round, how much of it is due, and whether it is the first. */
  #round: Iterator<string> | undefined;
  #due = 0;
  #isNew = true;
  #isAnnouncing = false;
  #hasComplained = false;

  constructor(options: RedisBackplaneOptions) {
    this.#options = options;
    this.node = options.node;
    this.#timers = [
      setInterval(() => this.#check(), limits.PROBE_MS),
      setInterval(() => void this.#announce(), limits.ANNOUNCE_MS / limits.ANNOUNCE_SLICES),
    ];
    this.#join();
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  note(key: string, isThere: boolean): void {
    if (!this.#isUp) return;
    // What gets lost is said again with all the rest, or expires.
    if (isThere) this.#enter(key).catch(() => {});
    else this.#run((redis) => redis.zRem(keyOf(key), this.node)).catch(() => {});
  }

  async nodesWith(key: string): Promise<readonly string[]> {
    // One more, as this one may be among them.
    const most = limits.MAX_NODES_ASKED + 1;
    const nodes = await this.#run((redis) => redis.zfNodes(keyOf(key), most));
    return nodes.filter((node) => node !== this.node).slice(0, limits.MAX_NODES_ASKED);
  }

  lender(key: string, except = ''): Promise<string> {
    return this.#run((redis) => redis.zfLender(keyOf(key), this.node, except));
  }

  async send(node: string, message: Uint8Array): Promise<boolean> {
    const channel = channelOf(node);
    return (await this.#run((redis) => redis.sPublish(channel, bufferOf(message)))) > 0;
  }

  read(from: Place): Promise<News> {
    // Never the one before: a store of that name would be taken for one that has lost nothing.
    const name = randomBytes(9).toString('base64url');
    return this.#run((redis) => redis.zfRead(name, from));
  }

  async write(entries: readonly Entry[]): Promise<void> {
    await this.#run((redis) => redis.zfWrite(entries));
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    // What was said last is still on its way: that nobody here holds anything any more.
    const until = performance.now() + limits.DOWN_AFTER_MS;
    while (this.#isUp && this.#inFlight.size > 0 && performance.now() < until)
      await setTimeoutAsync(10);
    this.#isUp = false;
    this.#attempt.abort();
  }

  #enter(key: string): Promise<number> {
    return this.#run((redis) => redis.zfEnter(keyOf(key), this.node));
  }

  /**
   * Sends a command.
   * @throws also where too many wait for their answers: the client's own bound does not hold for those
   * that wait for a server of a cluster
   */
  async #run<T>(command: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = this.#redis;
    if (!redis) throw new Error('Redis is not connected');
    const inFlight = this.#inFlight;
    if (inFlight.size >= limits.MAX_IN_FLIGHT) throw new Error('too much waits for Redis');
    const mark = Symbol('command');
    inFlight.add(mark);
    try {
      return await command(redis);
    } catch (error) {
      this.#refused(error as Error);
      throw error;
    } finally {
      inFlight.delete(mark);
    }
  }

  /** Redis is there and does not do what it is told: no memory left, or not allowed. Said once. */
  #refused(error: Error): void {
    if (!(error instanceof ErrorReply) || this.#hasComplained) return;
    this.#hasComplained = true;
    this.#options.log.warn(`Redis does not keep what it is told (${error.message})`);
  }

  /** Connects, in place of what there is. */
  #join(): void {
    this.#attempt.abort();
    this.#redis = undefined;
    this.#inFlight = new Set();
    const attempt = new AbortController();
    this.#attempt = attempt;
    this.#attemptAt = performance.now();
    const onError = (error: Error) => {
      // That of an attempt that was given up says nothing.
      if (!attempt.signal.aborted) this.#lastError = error.message || error.name;
    };
    connectRedis({
      ...this.#options,
      password: this.#options.password(),
      channel: channelOf(this.node),
      onMessage: (message) => {
        if (!attempt.signal.aborted) this.#onMessage(message);
      },
      onReady: () => {
        this.#isNew = true;
      },
      onError,
      signal: attempt.signal,
    }).then((redis) => {
      if (attempt.signal.aborted) return;
      this.#redis = redis;
      this.#check();
    }, onError);
  }

  /**
   * Writes something and sends something to itself, and looks whether that arrives: no state of a connection says
   * whether others are heard, and a replica or a full Redis hears and keeps nothing. Who is then given up
   * and connected to anew may be another by then.
   */
  #check(): void {
    const now = performance.now();
    if (this.#isUp && now - this.#heardAt > limits.DOWN_AFTER_MS) {
      this.#isUp = false;
      this.#options.log.warn(
        `Redis cannot be reached (${this.#lastError}): this tracker is on its own until it can`,
      );
    }
    if (now - Math.max(this.#heardAt, this.#attemptAt) > limits.REJOIN_MS) {
      if (this.#heardAt < 0)
        this.#options.log.warn(`Redis cannot be reached (${this.#lastError}): trying again`);
      return this.#join();
    }
    this.#probes = (this.#probes + 1) % 2 ** 32;
    this.#probe = encodeNodeMessage(this.node, { case: 'probe', value: { number: this.#probes } });
    // Past the bound for commands: much to do is no reason to be on one's own.
    const [redis, probe] = [this.#redis, bufferOf(this.#probe)];
    redis
      // In the slot of the channel: other servers of a cluster are no concern of this one.
      ?.set(keyOf(channelOf(this.node)), '', { PX: 1 })
      .then(() => redis.sPublish(channelOf(this.node), probe))
      .catch((error: Error) => {
        if (error instanceof ErrorReply && redis === this.#redis) this.#lastError = error.message;
      });
  }

  #onMessage(message: Uint8Array): void {
    if (!bufferOf(this.#probe).equals(message)) return this.#options.onMessage(message);
    this.#heardAt = performance.now();
    if (this.#isUp) return;
    this.#isUp = true;
    this.#round = undefined;
    this.#due = 0;
    this.#isNew = true;
    this.#hasComplained = false;
    this.#lastError = 'no answer';
    this.#options.log.info({ node: this.node }, 'joined other trackers by Redis');
  }

  /** Says of a part of the contents that this node has them; soon of all, when it has just come. */
  async #announce(): Promise<void> {
    if (!this.#isUp) return;
    const share = this.#isNew ? 10 : 1;
    const due = this.#due + (this.#options.count() * share) / limits.ANNOUNCE_SLICES;
    // No debt beyond that: what could not be said in time comes as soon as it can.
    this.#due = Math.min(due, limits.MAX_ANNOUNCED);
    if (this.#isAnnouncing) return;
    this.#isAnnouncing = true;
    const said: Promise<number>[] = [];
    for (; this.#due >= 1 && said.length < limits.MAX_ANNOUNCED; this.#due--) {
      this.#round ??= this.#options.keys()[Symbol.iterator]();
      const { done, value } = this.#round.next();
      if (done) {
        this.#round = undefined;
        this.#isNew = false;
      } else said.push(this.#enter(value));
    }
    // Not for ever: one server of a cluster may not answer, and the others have to hear the rest.
    const waited = setTimeoutAsync(limits.PROBE_MS, [], { ref: false });
    const results = await Promise.race([Promise.allSettled(said), waited]);
    if (results.some(({ status }) => status === 'rejected')) this.#isNew = true;
    this.#isAnnouncing = false;
  }
}

/** In braces what is hashed to a slot of a cluster. */
function keyOf(content: string): string {
  return `zf:{${content}}`;
}

function channelOf(node: string): string {
  return `node:${node}`;
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '../../scripts/free-port.ts';

const run = promisify(execFile);
const COMMAND = fileURLToPath(new URL('../bin/zauberflote-tracker.ts', import.meta.url));

/** A redis-server of one's own that keeps nothing on disk, on loopback. */
export class RedisServer {
  readonly port: number;
  readonly #args: readonly string[];
  readonly #folder = mkdtempSync(join(tmpdir(), 'zf-redis-'));
  #child: ChildProcess | undefined;

  private constructor(port: number, args: readonly string[]) {
    this.port = port;
    this.#args = args;
  }

  static async start(...args: readonly string[]): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), args);
    await server.run();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts it, after the start as well: it is empty then. */
  async run(): Promise<void> {
    const basic = ['--port', `${this.port}`, '--bind', '127.0.0.1', '--save', '', '--dir'];
    const child = spawn('redis-server', [...basic, this.#folder, ...this.#args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    for await (const line of createInterface(child.stdout!))
      if (line.includes('Ready to accept connections')) {
        child.stdout!.resume();
        return;
      }
    assert.fail('redis-server did not start');
  }

  /** What redis-cli prints. */
  async ask(...command: readonly string[]): Promise<string> {
    const { stdout } = await run('redis-cli', ['-p', `${this.port}`, ...command]);
    return stdout.trim();
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    this.#child = undefined;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Three servers that share the slots of a cluster. */
export async function startCluster(): Promise<readonly RedisServer[]> {
  const servers: RedisServer[] = [];
  for (let i = 0; i < 3; i++) servers.push(await RedisServer.start('--cluster-enabled', 'yes'));
  const ranges = [
    [0, 5_460],
    [5_461, 10_922],
    [10_923, 16_383],
  ];
  for (const [i, [from, to]] of ranges.entries())
    await servers[i]!.ask('cluster', 'addslotsrange', `${from}`, `${to}`);
  for (const { port } of servers.slice(1))
    await servers[0]!.ask('cluster', 'meet', '127.0.0.1', `${port}`);
  for (const server of servers)
    await until('the cluster is whole', async () =>
      (await server.ask('cluster', 'info')).includes('cluster_state:ok'),
    );
  return servers;
}

/** A tracker process. */
export class TrackerProcess {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  static async start(...args: readonly string[]): Promise<TrackerProcess> {
    const listen = ['--port', '0', '--host', '127.0.0.1', '--log-level', 'silent'];
    const child = spawn(process.execPath, [COMMAND, ...listen, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit').then(([code]) => assert.fail(`it ended with ${code}`));
    const [line] = await Promise.race([once(createInterface(child.stdout!), 'line'), ended]);
    ended.catch(() => {}); // That comes later, when the test ends it.
    return new TrackerProcess(child, /ws:\/\/\S+$/.exec(line)?.[0] ?? assert.fail(line));
  }

  /** How many hold a content, as curl would ask. */
  async count(digest: Uint8Array): Promise<{ complete?: number; partial?: number }> {
    const url = new URL('/zauberflote.v1.TrackerService/GetSwarm', this.url);
    url.protocol = 'http:';
    const content = {
      algorithm: 'HASH_ALGORITHM_MANIFEST_SHA256',
      digest: Buffer.from(digest).toString('base64'),
    };
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ content }),
    });
    assert.equal(response.status, 200);
    return (await response.json()) as { complete?: number; partial?: number };
  }

  /** How many clients are connected, and contents that they hold. */
  async health(): Promise<{ peers: number; swarms: number }> {
    const response = await fetch(new URL('/healthz', this.url.replace('ws:', 'http:')));
    return (await response.json()) as { peers: number; swarms: number };
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit').then(() => true);
    this.#child.kill(signal);
    // It ends itself long before that, whatever is left open.
    if (await Promise.race([exit, setTimeout(60_000, false, { ref: false })])) return;
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    this.#child.kill('SIGKILL');
    assert.fail(`a tracker went on for a minute after ${signal}: ${/^State:.*/m.exec(status)}`);
  }
}

/** Waits until `holds` does; fails after a minute, with what is waited for. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await holds())) {
    assert.ok(performance.now() < deadline, `waited for a minute until ${what}`);
    await setTimeout(50);
  }
}

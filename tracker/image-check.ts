/**
 * Builds tracker/Dockerfile with buildah, runs the image as it is, and checks what docs/operations.md
 * promises of it. Needs root, buildah and a free port 8080.
 *
 *   npx node tracker/image-check.ts [options for `buildah bud`…]
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Client } from './test-support/client.ts';
import { have, signal, want } from './test-support/messages.ts';

const IMAGE = 'zauberflote-tracker';
const ROOT = fileURLToPath(new URL('..', import.meta.url));

interface ImageConfig {
  readonly User: string;
  readonly Entrypoint: readonly string[];
  readonly ExposedPorts: Readonly<Record<string, object>>;
  readonly Healthcheck: { readonly Test: readonly string[] };
}

function buildah(...args: readonly string[]): string {
  return execFileSync('buildah', args, { encoding: 'utf8', cwd: ROOT }).trim();
}

/** What `buildah run` needs to start `command` in the container, with no network of its own. */
const inside = (container: string, command: readonly string[]) => [
  ...['run', '--isolation', 'chroot', container, '--'],
  ...command,
];

/** The process deepest below `pid`: buildah starts others around the one that it runs. */
function deepest(pid: number): number {
  // A process is listed with the thread that started it.
  const children = readdirSync(`/proc/${pid}/task`)
    .map((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim())
    .filter((list) => list !== '');
  return children[0] === undefined ? pid : deepest(Number.parseInt(children[0], 10));
}

function build(args: readonly string[]): ImageConfig {
  const options = ['--isolation', 'chroot', '--format', 'docker', ...args];
  execFileSync('buildah', ['bud', ...options, '-f', 'tracker/Dockerfile', '-t', IMAGE, '.'], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  return JSON.parse(buildah('inspect', '--type', 'image', IMAGE)).Docker.config;
}

/** Whether the image's own health check passes, run as it says. */
function healthy(container: string, { Healthcheck }: ImageConfig): boolean {
  const [kind, ...command] = Healthcheck.Test;
  assert.equal(kind, 'CMD');
  try {
    execFileSync('buildah', inside(container, command), { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function check(container: string, config: ImageConfig): Promise<void> {
  assert.deepEqual(Object.keys(config.ExposedPorts), ['8080/tcp']);
  assert.equal(healthy(container, config), false, 'port 8080 is in use by something else');
  const run = spawn('buildah', inside(container, config.Entrypoint), {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(run, 'exit');
  const pid = await started(run);
  try {
    const [uid] = /(?<=^Uid:\t)\d+/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    assert.ok(Number(uid) > 0, 'the tracker runs as root');
    assert.equal(healthy(container, config), true, 'the health check fails');

    const holder = await Client.open('ws://127.0.0.1:8080/');
    holder.send(have([1]));
    await holder.ask(want([1]));
    const asker = await Client.open('ws://127.0.0.1:8080/');
    const peers = await asker.ask(want([1]));
    assert.ok(peers.case === 'peers');
    assert.equal(peers.value.swarms[0]?.holders[0]?.peerId, holder.id);
    asker.send(signal('offer', holder.id, 1));
    assert.equal((await holder.next()).case, 'signal');
    const health = await fetch('http://127.0.0.1:8080/healthz');
    assert.deepEqual(await health.json(), { status: 'ok', peers: 2, swarms: 1 });

    process.kill(pid, 'SIGTERM');
    for (const client of [holder, asker]) assert.equal((await client.ended()).code, 6);
    assert.deepEqual(await exit, [0, null], 'not the exit code of a graceful stop');
    console.log(
      `The image works: uid ${uid}, introduction and relay, health check, graceful stop.`,
    );
  } finally {
    if (run.exitCode === null) process.kill(pid, 'SIGKILL');
  }
}

/** Waits for the tracker's first line; gives its process id. */
async function started(run: ChildProcess): Promise<number> {
  const line = await Promise.race([
    once(createInterface(run.stdout!), 'line').then(([line]) => String(line)),
    once(run, 'exit').then(([code]) => assert.fail(`the container ended with ${code}`)),
  ]);
  assert.match(line, /listening on ws:\/\/localhost:8080\//);
  return deepest(run.pid!);
}

const config = build(process.argv.slice(2));
const container = buildah('from', '--pull-never', IMAGE);
try {
  await check(container, config);
} finally {
  buildah('rm', container);
}

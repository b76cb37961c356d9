/**
 * Builds tracker/Dockerfile, runs the image and compose.yaml with Docker, and checks what
 * docs/operations.md promises of them. Needs an engine, `docker compose` and a free port 8080.
 *
 *   npx node tracker/image-check.ts [options for `docker build`…]
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client } from './test-support/client.ts';
import { have, signal, want } from './test-support/messages.ts';

const IMAGE = 'zauberflote-tracker';
const CONTAINER = 'zauberflote-check';
const SITES = Array.from({ length: 32 }, (_, i) => `https://site-${i}.example`);

function docker(...args: readonly string[]): string {
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const stdio: ['ignore', 'pipe', 'inherit'] = ['ignore', 'pipe', 'inherit'];
  return execFileSync('docker', args, { encoding: 'utf8', cwd, stdio }).trim();
}

const compose = (...args: readonly string[]) =>
  docker('compose', '--file', 'tracker/compose.yaml', '--project-name', CONTAINER, ...args);

/** What fails is not so yet: containers take a moment to answer. */
async function until(what: string, holds: () => boolean | Promise<boolean>, ms = 30_000) {
  let last: unknown;
  for (const end = Date.now() + ms; Date.now() < end; await delay(250))
    try {
      if (await holds()) return;
    } catch (error) {
      last = error;
    }
  throw new Error(`not within ${ms} ms: ${what}`, { cause: last });
}

/** How many peers the tracker of `service` in compose.yaml has. */
const peersOf = (service: string) =>
  Number(
    compose(
      ...['exec', '-T', service, 'node', '--eval'],
      "fetch('http://127.0.0.1:8080/healthz').then((r) => r.json()).then((h) => console.log(h.peers))",
    ),
  );

/** How many of the first `n` contents a newcomer is told a holder of. */
async function named(n: number): Promise<number> {
  const asker = await Client.open('ws://127.0.0.1:8080/');
  const peers = await asker.ask(want(Array.from({ length: n }, (_, i) => i + 1)));
  await asker.leave();
  assert.ok(peers.case === 'peers');
  return peers.value.swarms.filter(({ holders }) => holders.length > 0).length;
}

async function checkImage(): Promise<void> {
  const state = (field: string) => docker('inspect', '--format', `{{.State.${field}}}`, CONTAINER);
  const options = ['--detach', '--read-only', '--cap-drop=ALL', '--publish=8080:8080'];
  try {
    docker('run', ...options, '--name', CONTAINER, IMAGE);
    await until('healthy', () => state('Health.Status') === 'healthy');
    assert.notEqual(docker('exec', CONTAINER, 'id', '-u'), '0', 'the tracker runs as root');
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

    const stopped = Promise.all([holder, asker].map((client) => client.ended()));
    docker('stop', CONTAINER);
    for (const { code } of await stopped) assert.equal(code, 6);
    assert.equal(state('ExitCode'), '0', 'not the exit code of a graceful stop');
    console.log('The image: not root, introduction and relay, health check, graceful stop.');
  } finally {
    docker('rm', '--force', '--volumes', CONTAINER);
  }
}

async function checkCompose(): Promise<void> {
  try {
    compose('up', '--detach');
    await until('ready', async () => (await fetch('http://127.0.0.1:8080/readyz')).ok);
    const holders = await Promise.all(
      SITES.map((origin) => Client.open('ws://127.0.0.1:8080/', { origin })),
    );
    for (const [i, holder] of holders.entries()) holder.send(have([i + 1]));
    await until(
      'holders of both trackers named',
      async () => (await named(SITES.length)) === SITES.length,
    );

    compose('kill', 'tracker-1');
    const cut = () => holders.filter(({ socket }) => socket.readyState === socket.CLOSED).length;
    await until('those of the dead tracker are cut', () => cut() > 0);
    await delay(500);
    assert.ok(cut() < SITES.length, 'both trackers had some');
    for (const origin of SITES)
      await (await Client.open('ws://127.0.0.1:8080/', { origin })).leave();

    // The host has restarted, and one tracker does not come up.
    compose('restart', 'balancer');
    await until('visitors are let in', async () => {
      for (const origin of SITES)
        await (await Client.open('ws://127.0.0.1:8080/', { origin })).leave();
      return true;
    });

    // As an upgrade does: the balancer must find what comes in place of the old ones.
    compose('up', '--detach', '--force-recreate', '--no-deps', 'tracker-2', 'tracker-1');
    await until('all of the old are cut', () => cut() === SITES.length);
    await until('both take visitors', async () => {
      const opened = await Promise.allSettled(
        SITES.map((origin) => Client.open('ws://127.0.0.1:8080/', { origin })),
      );
      const clients = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      const both = peersOf('tracker-1') > 0 && peersOf('tracker-2') > 0;
      for (const client of clients) await client.leave();
      return both && clients.length === SITES.length;
    });
    console.log('compose.yaml: introductions across trackers, one killed, both replaced.');
  } finally {
    compose('down', '--volumes');
  }
}

docker('build', ...process.argv.slice(2), '--file', 'tracker/Dockerfile', '--tag', IMAGE, '.');
await checkImage();
await checkCompose();

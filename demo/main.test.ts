import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

type Child = ChildProcessByStdio<null, Readable, Readable>;

function start(...args: string[]): Child {
  return spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function run(...args: string[]) {
  const child = start(...args);
  const [out, err, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ]);
  return { out, err, code: code as number };
}

/** The first match in what the process prints. Rejects if it ends without. */
async function printed(child: Child, pattern: RegExp): Promise<RegExpExecArray> {
  let out = '';
  for await (const chunk of child.stdout) {
    out += chunk;
    const match = pattern.exec(out);
    if (match) return match;
  }
  throw new Error(`The demo ended without printing ${pattern}: ${out}${await text(child.stderr)}`);
}

/** A port that is taken until the test lets go of it. */
async function takenPort(): Promise<{ port: number; free(): void }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as { port: number }).port, free: () => server.close() };
}

describe('npm start', () => {
  it('prints its flags on --help', async () => {
    const { out, code } = await run('--help');
    assert.equal(code, 0);
    for (const flag of ['--port', '--tracker-port', '--host']) assert.ok(out.includes(flag));
  });

  for (const args of [
    ['--bogus'],
    ['extra'],
    ['--port', 'http'],
    ['--port', '65536'],
    ['--port='],
    ['--port', '-1'],
    ['--tracker-port', '80.5'],
    ['--host='],
  ]) {
    it(`ends with 2 and its usage for ${args.join(' ')}`, async () => {
      const { out, err, code } = await run(...args);
      assert.equal(code, 2);
      assert.equal(out, '');
      assert.match(err, /Usage: npm start/);
      assert.doesNotMatch(err, /\n {4}at /);
    });
  }

  for (const [flag, other, what] of [
    ['--port', '--tracker-port', 'demo site'],
    ['--tracker-port', '--port', 'tracker'],
  ] as const) {
    it(`names the ${what} and ${flag} when the port is in use`, async () => {
      const { port, free } = await takenPort();
      try {
        const { err, code } = await run('--host', '127.0.0.1', flag, `${port}`, other, '0');
        assert.equal(code, 1);
        assert.match(err, new RegExp(`Port ${port} for the ${what} is in use`));
        assert.match(err, new RegExp(`npm start -- ${flag} ${port + 1}`));
      } finally {
        free();
      }
    });
  }

  it('says so when the address is not of this machine', async () => {
    const { err, code } = await run('--host', '192.0.2.1', '--port', '0', '--tracker-port', '0');
    assert.equal(code, 1);
    assert.match(err, /"192\.0\.2\.1" is no address of this machine/);
  });

  it('names the addresses for other devices when told to listen on all', async () => {
    const child = start('--host', '0.0.0.0', '--port', '0', '--tracker-port', '0');
    try {
      const [all] = await printed(child, /demo:[\s\S]*Ctrl-C/);
      const shown = Array.from(all.matchAll(/on your network: http:\/\/([\d.]+):/g), (m) => m[1]);
      const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
      const expected = own.filter(({ family, internal }) => family === 'IPv4' && !internal);
      assert.deepEqual(
        shown,
        expected.map(({ address }) => address),
      );
      assert.match(all, /demo: http:\/\/localhost:\d+\/\n/);
    } finally {
      child.kill('SIGKILL');
    }
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`serves page and tracker, and ends with 0 on ${signal}`, async () => {
      const child = start('--host', '127.0.0.1', '--port', '0', '--tracker-port', '0');
      try {
        const [, url] = await printed(child, /demo: (http:\S+)\n[\s\S]*Ctrl-C/);
        const html = await (await fetch(url!)).text();
        const tracker = /ws:\/\/127\.0\.0\.1:\d+\//.exec(html)![0];
        const health = await fetch(new URL('/healthz', tracker.replace('ws:', 'http:')));
        assert.equal(health.status, 200);
        await health.text();
        // A visitor is there while it stops.
        const socket = new WebSocket(tracker, 'zauberflote.v1');
        await once(socket, 'open');
        child.kill(signal);
        const [code] = await once(child, 'exit');
        assert.equal(code, 0);
      } finally {
        child.kill('SIGKILL');
      }
    });
  }
});

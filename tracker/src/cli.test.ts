import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { jwtVerify } from 'jose';
import { freePort } from '../../scripts/free-port.ts';
import manifest from '../package.json' with { type: 'json' };
import { Client } from '../test-support/client.ts';
import { want } from '../test-support/messages.ts';
import { until } from '../test-support/redis.ts';
import { ED25519, pem } from '../test-support/tokens.ts';
import { SPARE_FILES } from './limits.ts';

const COMMAND = fileURLToPath(new URL('../bin/zauberflote-tracker.ts', import.meta.url));

/** Runs the command to its end. */
function run(...args: readonly string[]) {
  return new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [COMMAND, ...args], (error, stdout, stderr) =>
      resolve({ code: error ? error.code : 0, stdout, stderr }),
    );
  });
}

/** Starts the command and waits for the line that names its address. */
async function start(...args: readonly string[]): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [COMMAND, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface(child.stdout!), 'line');
  const url = /^Zauberflöte tracker listening on (ws:\/\/\S+)$/.exec(line)?.[1];
  return { child, url: url ?? assert.fail(line) };
}

describe('zauberflote-tracker', () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    it(`serves until ${signal}, then says goodbye and exits with 0`, async () => {
      const { child, url } = await start('--port', '0', '--host', '127.0.0.1');
      const exit = once(child, 'exit');
      const client = await Client.open(url);
      assert.equal((await client.ask(want([1]))).case, 'peers');
      child.kill(signal);
      assert.equal((await client.ended()).code, 6);
      assert.deepEqual(await exit, [0, null]);
    });

  it('goes on at SIGHUP, which means for others that they should read their files again', async () => {
    const { child, url } = await start('--port', '0', '--host', '127.0.0.1');
    const exit = once(child, 'exit');
    const client = await Client.open(url);
    child.kill('SIGHUP');
    for (const n of [1, 2, 3]) assert.equal((await client.ask(want([n]))).case, 'peers');
    child.kill();
    assert.equal((await client.ended()).code, 6);
    assert.deepEqual(await exit, [0, null]);
  });

  it('ends at once at the second signal', async () => {
    const { child, url } = await start(
      '--port',
      '0',
      '--host',
      '127.0.0.1',
      '--drain-seconds',
      '600',
    );
    const exit = once(child, 'exit');
    child.kill();
    const ready = new URL('/readyz', url.replace('ws:', 'http:'));
    while ((await fetch(ready)).status !== 503);
    child.kill();
    assert.deepEqual(await exit, [143, null]);
  });

  it('ends in time whatever a library left open, and says what', async () => {
    const leak = 'data:text/javascript,setInterval(() => {}, 1e6)';
    const child = spawn(
      process.execPath,
      ['--import', leak, COMMAND, '--port', '0', '--host', '127.0.0.1', '--log-level', 'silent'],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const said = text(child.stderr);
    await once(createInterface(child.stdout), 'line');
    const exit = once(child, 'exit');
    child.kill();
    assert.deepEqual(await exit, [1, null]);
    assert.match(await said, /did not come to its end in time.*; still open: .*Timeout/);
  });

  it('listens on every address when it is told none', async () => {
    const { child, url } = await start('--port', '0');
    const { port } = new URL(url);
    for (const address of ['127.0.0.1', 'localhost'])
      await (await Client.open(`ws://${address}:${port}/`)).leave();
    const exit = once(child, 'exit');
    child.kill();
    await exit;
  });

  it('ends with 2 when it cannot use a file of keys or of the password of Redis, where it is to join others', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'zf-cli-'));
    try {
      const bad = join(folder, 'short');
      writeFileSync(bad, '');
      const redis = ['--port', '0', '--redis', 'redis://127.0.0.1:1'];
      for (const [flag, says] of [
        ['--token-keys-file', /at least 32 bytes/],
        ['--redis-password-file', /is empty/],
      ] as const) {
        const { code, stderr } = await run(...redis, flag, bad);
        assert.equal(code, 2);
        assert.match(stderr, says);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('explains itself', async () => {
    const { code, stdout } = await run('--help');
    assert.equal(code, 0);
    for (const word of ['--port', '--host', '--help', '--version', '8080'])
      assert.ok(stdout.includes(word), `${word} is not explained`);
  });

  it('tells its version', async () => {
    const { code, stdout } = await run('--version');
    assert.deepEqual({ code, stdout }, { code: 0, stdout: `${manifest.version}\n` });
  });

  for (const { args, says } of [
    { args: ['--prot', '1'], says: /'--prot'/ },
    { args: ['--port', '65536'], says: /0 to 65535, not 65536/ },
    { args: ['--port', '-1'], says: /--port/ },
    { args: ['--port', '80x'], says: /not '80x'/ },
    { args: ['--port', ''], says: /not ''/ },
    { args: ['--port'], says: /--port/ },
    { args: ['--host', ''], says: /--host takes a HOST/ },
    { args: ['--help=yes'], says: /--help/ },
    { args: ['8080'], says: /'8080'/ },
  ])
    it(`refuses ${args.join(' ')} with exit code 2`, async () => {
      const { code, stdout, stderr } = await run(...args);
      assert.deepEqual({ code, stdout }, { code: 2, stdout: '' });
      assert.match(stderr, says);
      assert.match(stderr, /^zauberflote-tracker: .*\nTry: zauberflote-tracker --help\n$/s);
    });

  describe('token', () => {
    let folder: string;
    let key: string;
    let publicKey: string;
    let empty: string;
    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'zf-token-'));
      key = join(folder, 'key');
      publicKey = join(folder, 'public');
      empty = join(folder, 'empty');
      writeFileSync(empty, '');
      writeFileSync(key, pem(ED25519.privateKey));
      writeFileSync(publicKey, pem(ED25519.publicKey));
    });
    after(() => rmSync(folder, { recursive: true }));

    it('prints one that a tracker takes, and the tracker none that it does not', async () => {
      const { child, url } = await start('--port', '0', '--token-keys-file', publicKey);
      const { code, stdout } = await run('token', '--key-file', key, '--site', 'example.com');
      assert.equal(code, 0);
      assert.match(stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
      const client = await Client.open(`${url}?token=${stdout.trim()}`);
      assert.equal((await client.ask(want([1]))).case, 'peers');
      await assert.rejects(Client.open(url), /401/);
      const exit = once(child, 'exit');
      child.kill();
      await exit;
    });

    it('is for the sites, the time and the audience that it is told', async () => {
      const jwks = join(folder, 'jwks');
      writeFileSync(
        jwks,
        JSON.stringify({ ...ED25519.privateKey.export({ format: 'jwk' }), kid: 'k1' }),
      );
      const args = ['--site', 'a.test,*.b.test', '--expires-in', '15m', '--audience', 'me'];
      const { stdout } = await run('token', '--key-file', jwks, ...args);
      const { payload, protectedHeader } = await jwtVerify(stdout.trim(), ED25519.publicKey);
      assert.deepEqual(protectedHeader, { alg: 'EdDSA', kid: 'k1' });
      const { site, aud, iat, exp } = payload;
      assert.deepEqual({ site, aud }, { site: ['a.test', '*.b.test'], aud: 'me' });
      assert.equal(exp! - iat!, 900);
    });

    it('explains itself', async () => {
      const { code, stdout } = await run('token', '--help');
      assert.equal(code, 0);
      for (const word of ['--key-file', '--site', '--expires-in', '--audience', '24h'])
        assert.ok(stdout.includes(word), `${word} is not explained`);
    });

    for (const { what, args, says } of [
      { what: 'no key', args: ['--site', 'a.test'], says: /--key-file is missing/ },
      { what: 'no site', args: ['--key-file', 'KEY'], says: /--site is missing/ },
      { what: 'a site that is none', args: ['--key-file', 'KEY', '--site', '*'], says: /not '\*'/ },
      {
        what: 'too long a time',
        args: ['--key-file', 'KEY', '--site', 'a.test', '--expires-in', '25h'],
        says: /up to 24h such as 15m, not '25h'/,
      },
      {
        what: 'no time',
        args: ['--key-file', 'KEY', '--site', 'a.test', '--expires-in', '0s'],
        says: /not '0s'/,
      },
      {
        what: 'the public key',
        args: ['--key-file', 'PUBLIC', '--site', 'a.test'],
        says: /This is a public key/,
      },
      {
        what: 'a key that is none',
        args: ['--key-file', 'EMPTY', '--site', 'a.test'],
        says: /at least 32 bytes/,
      },
      { what: 'no file', args: ['--key-file', 'NONE', '--site', 'a.test'], says: /ENOENT/ },
      { what: 'another flag', args: ['--sites', 'a.test'], says: /--sites/ },
    ])
      it(`refuses ${what} with exit code 2`, async () => {
        const files: Readonly<Record<string, string>> = {
          KEY: key,
          PUBLIC: publicKey,
          EMPTY: empty,
        };
        const { code, stdout, stderr } = await run(
          'token',
          ...args.map((arg) => files[arg] ?? arg),
        );
        assert.deepEqual({ code, stdout }, { code: 2, stdout: '' });
        assert.match(stderr, says);
        assert.match(stderr, /Try: zauberflote-tracker token --help\n$/);
      });
  });

  it('does not start with token keys that it cannot use', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'zf-token-'));
    const path = join(folder, 'key');
    writeFileSync(path, pem(ED25519.privateKey));
    const { code, stderr } = await run('--port', '0', '--token-keys-file', path);
    rmSync(folder, { recursive: true });
    assert.equal(code, 2);
    assert.match(stderr, /--token-keys-file\): This is a private key\. .*openssl pkey/);
  });

  it('says so when the port is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const { code, stderr } = await run('--host', '127.0.0.1', '--port', `${port}`);
    other.close();
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`port ${port}: the port is in use; .*--port`));
  });

  it('says so when the port for the operator is', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const { code, stderr } = await run('--port', '0', '--admin-port', `${port}`);
    other.close();
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`127\\.0\\.0\\.1, port ${port}: .* with --admin-port$`, 'm'));
  });

  it('keeps files for the operator, says that there are few, and counts whom it cannot take', async () => {
    const adminPort = await freePort();
    const args = ['--port', '0', '--host', '127.0.0.1', '--admin-port', `${adminPort}`];
    const sockets: Socket[] = [];
    const child = spawn('sh', [
      '-c',
      'ulimit -n 120 && exec "$0" "$@"',
      process.execPath,
      COMMAND,
      ...args,
    ]);
    const exit = once(child, 'exit');
    let said = '';
    child.stderr.on('data', (part) => {
      said += part;
    });
    try {
      const [line] = await once(child.stdout, 'data');
      const port = Number(/:(\d+)\//.exec(`${line}`)?.[1]);
      await until('it says so', async () => /"files":120,"maxPeers":1,.*raise/.test(said));
      for (let i = 0; i < 100; i++) sockets.push(connect(port, '127.0.0.1').on('error', () => {}));
      const dropped = async () =>
        /^zauberflote_connections_dropped_total (\d+)$/m.exec(
          await (await fetch(`http://127.0.0.1:${adminPort}/metrics?at=once`)).text(),
        )?.[1];
      await until(
        'they are counted',
        async () => Number(await dropped()) >= 100 - (120 - SPARE_FILES),
      );
    } finally {
      for (const socket of sockets) socket.destroy();
      child.kill();
      await exit;
    }
  });

  it('says so when the address is not of this machine', async () => {
    const { code, stderr } = await run('--host', '192.0.2.1', '--port', '0');
    assert.equal(code, 1);
    assert.match(stderr, /does not have that address/);
  });
});

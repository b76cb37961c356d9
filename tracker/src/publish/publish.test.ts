import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { TrackerService } from '@zauberflote/proto/full';
import { Client } from '../../test-support/client.ts';
import { content, have, want } from '../../test-support/messages.ts';
import { contentJson, type Publishing, publishTo } from '../../test-support/publish.ts';
import { EC, ED25519, pem, token } from '../../test-support/tokens.ts';
import { startTracker } from '../../test-support/tracker.ts';
import { KeyError } from '../access/keys.ts';
import type { RunningTracker, TrackerOptions } from '../server.ts';
import { MAX_PUBLISH_SECONDS, MAX_PUBLISHED_PER_REQUEST } from './limits.ts';
import { PublicationsError } from './publications.ts';

describe('publishing, over real sockets', () => {
  let folder: string;
  let settings: { readonly publishKeysFile: string; readonly publishedFile: string };
  const running: RunningTracker[] = [];
  const start = async (options: TrackerOptions = {}): Promise<RunningTracker> => {
    const all = { port: 0, host: '127.0.0.1', adminPort: 0, ...settings, ...options };
    const tracker = await startTracker(all);
    running.push(tracker);
    return tracker;
  };
  const stop = () => Promise.all(running.splice(0).map((tracker) => tracker.close()));
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'zf-publish-'));
    settings = {
      publishKeysFile: join(folder, 'publish-keys'),
      publishedFile: join(folder, 'published.db'),
    };
    writeFileSync(settings.publishKeysFile, pem(ED25519.publicKey));
  });
  afterEach(async () => {
    await stop();
    rmSync(folder, { recursive: true });
  });

  const base = (tracker: RunningTracker) => `http://127.0.0.1:${tracker.port}`;
  const publish = async (tracker: RunningTracker, what: Publishing) =>
    publishTo(base(tracker), { token: token(), ...what });
  const published = async (tracker: RunningTracker, what: Publishing) => {
    const response = await publish(tracker, what);
    const text = await response.text();
    assert.equal(response.status, 200, text);
    return (JSON.parse(text) as { published?: number }).published ?? 0;
  };
  /** A seeder of these who has been heard. */
  const seeder = async (tracker: RunningTracker, contents: readonly number[]) => {
    const client = await Client.open(tracker.url);
    client.send(have(contents));
    await client.ask(want([99]));
    return client;
  };
  const swarm = async (tracker: RunningTracker, n: number) => {
    const response = await fetch(`${base(tracker)}/${TrackerService.typeName}/GetSwarm`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ content: contentJson(n) }),
    });
    return (await response.json()) as { complete?: number; served?: boolean };
  };
  const metric = async (tracker: RunningTracker, name: string) => {
    const text = await (await fetch(`http://127.0.0.1:${tracker.adminPort}/metrics`)).text();
    return new RegExp(`^zauberflote_${name} (\\d+)$`, 'm').exec(text)?.[1];
  };

  it('serves what was published, and nothing else, to visitors without any token', async () => {
    const tracker = await start();
    assert.equal(await published(tracker, { contents: [1, 2] }), 2);
    await seeder(tracker, [1, 2, 3]);
    const visitor = await Client.open(tracker.url);
    const reply = await visitor.ask(want([1, 2, 3]));
    assert.ok(reply.case === 'peers');
    assert.deepEqual(
      reply.value.swarms.map(({ holders }) => holders.length),
      [1, 1, 0],
    );
    assert.deepEqual(await swarm(tracker, 1), { complete: 1, served: true });
    assert.deepEqual(await swarm(tracker, 3), {});
    assert.equal(await metric(tracker, 'published'), '2');
    assert.equal(await metric(tracker, 'unserved_total'), '1');
    const status = await fetch(`http://127.0.0.1:${tracker.adminPort}/status.json`);
    const { published: count, unserved } = (await status.json()) as Record<string, unknown>;
    assert.deepEqual([count, unserved], [2, 1]);
  });

  it('says where it serves everything', async () => {
    const tracker = await startTracker({ port: 0, host: '127.0.0.1' });
    running.push(tracker);
    await seeder(tracker, [1]);
    assert.deepEqual(await swarm(tracker, 1), { complete: 1, served: true });
    const response = await publish(tracker, { contents: [1] });
    assert.equal(response.status, 400);
    assert.match(await response.text(), /failed_precondition.*--published-file/);
  });

  it('takes it back at once: its holders are forgotten and stay connected', async () => {
    const tracker = await start();
    await published(tracker, { contents: [1, 2] });
    const holder = await seeder(tracker, [1, 2]);
    assert.equal(await published(tracker, { contents: [1], ttlSeconds: 0 }), 1);
    assert.deepEqual(await swarm(tracker, 1), {});
    assert.deepEqual(await swarm(tracker, 2), { complete: 1, served: true });
    const reply = await holder.ask(want([1]));
    assert.ok(reply.case === 'peers');
  });

  it('serves what one of two sites still has, and lets neither speak for the other', async () => {
    const tracker = await start();
    const others = await token({ site: ['other.test', '*.other.test'] });
    await published(tracker, { contents: [1] });
    assert.equal(
      await published(tracker, { token: others, site: 'www.other.test', contents: [1, 2] }),
      2,
    );
    const stolen = await publish(tracker, { token: others, site: 'example.com', contents: [1] });
    assert.equal(stolen.status, 403);
    assert.match(await stolen.text(), /permission_denied.*not for example\.com/);
    await published(tracker, { contents: [1], ttlSeconds: 0 });
    assert.equal((await swarm(tracker, 1)).served, true);
    await published(tracker, {
      ...{ token: others, site: 'www.other.test', contents: [1], ttlSeconds: 0 },
    });
    assert.deepEqual(await swarm(tracker, 1), {});
  });

  it('keeps it over a restart', async () => {
    const tracker = await start();
    await published(tracker, { contents: [1] });
    await stop();
    const again = await start();
    await seeder(again, [1, 2]);
    assert.deepEqual(await swarm(again, 1), { complete: 1, served: true });
    assert.deepEqual(await swarm(again, 2), {});
  });

  it('is one for two trackers that share the file, and ends at both', async () => {
    const [first, second] = [await start(), await start({ heartbeatMs: 1_000 })];
    await published(first, { contents: [1, 2, 3] });
    await seeder(second, [1, 2, 3]);
    assert.deepEqual(await swarm(second, 1), { complete: 1, served: true });
    await published(first, { contents: [1], ttlSeconds: 0 });
    await published(first, { contents: [2], ttlSeconds: 1 });
    while (second.stats().swarms > 1) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(await swarm(second, 3), { complete: 1, served: true });
  });

  it('asks visitors for tokens of their own, which do not publish', async () => {
    const tokenKeysFile = join(folder, 'keys');
    writeFileSync(tokenKeysFile, pem(EC.publicKey));
    const tracker = await start({ tokenKeysFile });
    const visiting = await token({}, EC.privateKey, { alg: 'ES256' });
    await published(tracker, { contents: [1] });
    const refused = await publish(tracker, { token: visiting, contents: [2] });
    assert.equal(refused.status, 401);
    assert.match(await refused.text(), /unauthenticated/);
    const visitor = await Client.open(`${tracker.url}?token=${visiting}`);
    await visitor.leave();
    await assert.rejects(Client.open(`${tracker.url}?token=${await token()}`));
  });

  const many = Array.from({ length: MAX_PUBLISHED_PER_REQUEST + 1 }, (_, n) => n);
  // Each token is made when it is used: it is valid for a minute.
  for (const { what, request, status, says } of [
    {
      what: 'no token',
      request: () => ({ token: undefined }),
      status: 401,
      says: /asks for a token/,
    },
    {
      what: 'a token of another key',
      request: () => ({ token: token({}, EC.privateKey, { alg: 'ES256' }) }),
      status: 401,
      says: /algorithm.*EdDSA/,
    },
    {
      what: 'an expired token',
      request: () => ({ token: token({ exp: 1_000_000_000, iat: 999_999_999 }) }),
      status: 401,
      says: /expired|longer than/,
    },
    {
      what: 'no contents',
      request: () => ({ contents: [] }),
      status: 400,
      says: /1 to 256, not 0/,
    },
    {
      what: 'too many',
      request: () => ({ contents: many }),
      status: 400,
      says: /1 to 256, not 257/,
    },
    {
      what: 'a time too long',
      request: () => ({ ttlSeconds: MAX_PUBLISH_SECONDS + 1 }),
      status: 400,
      says: /ttl_seconds is at most/,
    },
    {
      what: 'a site that is none',
      request: () => ({ site: 'https://example.com/' }),
      status: 400,
      says: /host such as example\.com, in lower case, not .*https/,
    },
    {
      what: 'no site, where the token is for two',
      request: () => ({ token: token({ site: ['example.com', 'b.test'] }) }),
      status: 400,
      says: /site is needed/,
    },
    {
      what: 'no site, where the token is for all below one',
      request: () => ({ token: token({ site: '*.example.com' }) }),
      status: 400,
      says: /site is needed/,
    },
  ] as const)
    it(`refuses ${what}, and says what is wrong`, async () => {
      const tracker = await start();
      const response = await publish(tracker, { contents: [1], ...request() });
      assert.equal(response.status, status);
      assert.match(await response.text(), says);
      assert.equal(await metric(tracker, 'published'), '0');
    });

  it('refuses a malformed id among good ones, over gRPC as well, and takes none of them', async () => {
    const tracker = await start();
    const transport = createGrpcTransport({ baseUrl: base(tracker) });
    const rpc = createClient(TrackerService, transport);
    const headers = { Authorization: `Bearer ${await token()}` };
    const wrong = { ...content(2), digest: new Uint8Array(3) };
    await assert.rejects(
      rpc.publish({ contents: [content(1), wrong] }, { headers }),
      (error) =>
        ConnectError.from(error).code === Code.InvalidArgument && /contents\[1\]/.test(`${error}`),
    );
    assert.deepEqual(await swarm(tracker, 1), {});
    const { published: count } = await rpc.publish(
      { contents: [content(1), content(1)] },
      { headers },
    );
    assert.equal(count, 1);
  });

  it('publishes nothing when the file cannot be written, and says so', async () => {
    const tracker = await start({ logLevel: 'silent' });
    await published(tracker, { contents: [1] });
    const { DatabaseSync } = await import('node:sqlite');
    const other = new DatabaseSync(settings.publishedFile);
    other.exec('BEGIN IMMEDIATE');
    const response = await publish(tracker, { contents: [2] });
    assert.equal(response.status, 503);
    assert.match(await response.text(), /nothing of it was published/);
    other.exec('ROLLBACK');
    other.close();
    assert.deepEqual(await swarm(tracker, 2), {});
    assert.equal(await published(tracker, { contents: [2] }), 2);
  });

  it('serves nothing, and goes on, while the file cannot be read', async () => {
    const lines: string[] = [];
    const logTo = { write: (line: string) => void lines.push(line) };
    const tracker = await start({ logTo });
    await published(tracker, { contents: [1] });
    const { DatabaseSync } = await import('node:sqlite');
    const other = new DatabaseSync(settings.publishedFile);
    other.exec('DROP TABLE publications');
    other.close();
    const holder = await seeder(tracker, [1, 2, 3]);
    assert.deepEqual(await swarm(tracker, 1), {});
    // What it was when it could be read is not known any more, but that is no reason to end.
    assert.match((await metric(tracker, 'published')) ?? '', /^\d+$/);
    assert.equal(await metric(tracker, 'unserved_total'), '3');
    assert.equal((await publish(tracker, { contents: [2] })).status, 503);
    await holder.leave();
    const faults = lines.filter((line) => line.includes('publications cannot be read'));
    assert.equal(faults.length, 1, 'said once in a while');
    assert.ok(Number(await metric(tracker, 'publication_faults_total')) > 1, 'each is counted');
  });

  it('takes no token of a key that is for visitors too by now, and says so', async () => {
    const tokenKeysFile = join(folder, 'visitors');
    writeFileSync(tokenKeysFile, pem(EC.publicKey));
    const lines: string[] = [];
    const logTo = { write: (line: string) => void lines.push(line) };
    const tracker = await start({ tokenKeysFile, keyFilePollMs: 20, logTo });
    await published(tracker, { contents: [1] });
    writeFileSync(`${tokenKeysFile}.new`, pem(EC.publicKey) + pem(ED25519.publicKey));
    renameSync(`${tokenKeysFile}.new`, tokenKeysFile);
    while (!lines.some((line) => line.includes('every visitor could publish')))
      await new Promise((resolve) => setTimeout(resolve, 20));
    const refused = await publish(tracker, { contents: [2] });
    assert.equal(refused.status, 400);
    assert.match(await refused.text(), /failed_precondition.*make another pair for publishing/);
  });

  it('does not start without its files', async () => {
    await assert.rejects(start({ publishedFile: join(folder, 'no', 'db') }), PublicationsError);
    await assert.rejects(start({ publishKeysFile: join(folder, 'none') }), KeyError);
    await assert.rejects(
      startTracker({ port: 0, publishedFile: settings.publishedFile }),
      /needed both/,
    );
    const tokenKeysFile = join(folder, 'visitors');
    writeFileSync(tokenKeysFile, pem(EC.publicKey) + pem(ED25519.publicKey));
    await assert.rejects(start({ tokenKeysFile }), /every visitor could publish/);
    const redisPasswordFile = join(folder, 'no-password');
    await assert.rejects(
      start({ redis: 'redis://127.0.0.1:1', redisPasswordFile }),
      /--redis-password-file cannot be read/,
    );
    writeFileSync(settings.publishKeysFile, pem(ED25519.privateKey));
    await assert.rejects(start(), /--publish-keys-file\).*private key/);
  });
});

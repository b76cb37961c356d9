import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '../test-support/client.ts';
import { have, want } from '../test-support/messages.ts';
import { Nginx } from '../test-support/nginx.ts';
import { RedisServer, TrackerProcess, until } from '../test-support/redis.ts';
import { ED25519, pem } from '../test-support/tokens.ts';
import { startTracker } from '../test-support/tracker.ts';
import { readConfig } from './config/read.ts';

const read = (name: string) => readFileSync(new URL(`../deploy/${name}`, import.meta.url), 'utf8');

/** Names of metrics in an expression of Prometheus. */
const metricsIn = (text: string) => text.match(/\b(zauberflote|process|nodejs)_\w+/g) ?? [];

describe('files to deploy with', () => {
  let known: Set<string>;

  before(async () => {
    // Never there, but then the metrics of several trackers are.
    const redis = 'redis://127.0.0.1:1';
    const folder = mkdtempSync(join(tmpdir(), 'zf-deploy-'));
    const publishKeysFile = join(folder, 'keys');
    writeFileSync(publishKeysFile, pem(ED25519.publicKey));
    const publishedFile = join(folder, 'published.db');
    const [tlsCertFile, tlsKeyFile] = [join(folder, 'cert.pem'), join(folder, 'cert.key')];
    const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    const of = ['-subj', '/CN=localhost', '-keyout', tlsKeyFile, '-out', tlsCertFile];
    execFileSync('openssl', [...made, ...of], { stdio: 'pipe' });
    const tracker = await startTracker({
      ...{ port: 0, host: '127.0.0.1', adminPort: 0, redis, publishKeysFile, publishedFile },
      ...{ tlsCertFile, tlsKeyFile },
      logLevel: 'silent',
    });
    const text = await (await fetch(`http://127.0.0.1:${tracker.adminPort}/metrics`)).text();
    known = new Set(Array.from(text.matchAll(/^# TYPE (\w+)/gm), ([, name]) => name as string));
    await tracker.close();
    rmSync(folder, { recursive: true });
  });

  it('a dashboard whose panels show metrics that there are', () => {
    const { panels } = JSON.parse(read('grafana.json'));
    const used = panels.flatMap(({ targets }: { targets: { expr: string }[] }) =>
      targets.flatMap(({ expr }) => metricsIn(expr)),
    );
    assert.ok(used.length >= panels.length);
    assert.deepEqual(
      used.filter((name: string) => !known.has(name)),
      [],
    );
    const own = [...known].filter((name) => name.startsWith('zauberflote_'));
    assert.ok(own.length > 15);
  });

  it('alerts on metrics that there are, each with its cure in the runbook', () => {
    const rules = read('alerts.yaml');
    const used = metricsIn(rules.replaceAll(/summary:.*/g, ''));
    assert.ok(used.length > 5);
    assert.deepEqual(
      used.filter((name) => !known.has(name)),
      [],
    );
    const runbook = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
    const alerts = Array.from(rules.matchAll(/alert: (\w+)/g), ([, name]) => name as string);
    assert.ok(alerts.length > 3);
    for (const alert of alerts) assert.ok(runbook.includes(`\`${alert}\``), alert);
  });

  it('containers that set only what there is to set', () => {
    const text = readFileSync(new URL('../compose.yaml', import.meta.url), 'utf8');
    const variables = Array.from(text.matchAll(/^ +(ZF_\w+): "?([^"\n]*)/gm), ([, name, value]) => [
      name,
      value,
    ]);
    assert.ok(variables.length >= 3);
    const command = readConfig([], Object.fromEntries(variables));
    assert.ok(command.kind === 'start' && command.config.redis !== undefined);
  });
});

describe('files to build the image with', () => {
  const file = (name: string) =>
    readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8').split('\n');

  it('a .dockerignore that leaves all that the Dockerfile copies, named in full', () => {
    // Docker goes into no folder for an exception with a wildcard; buildah does.
    const left = file('.dockerignore').flatMap((line) =>
      line.startsWith('!') ? [line.slice(1)] : [],
    );
    const copied = file('tracker/Dockerfile').flatMap((line) =>
      /^COPY (?!--from)/.test(line) ? line.split(' ').slice(1, -1) : [],
    );
    assert.ok(copied.length > 15);
    assert.deepEqual(copied.filter((path) => !left.includes(path)).join(' '), '');
    for (const path of copied)
      assert.ok(existsSync(new URL(`../../${path}`, import.meta.url)), path);
  });

  it('each workspace’s manifest, as npm wants all that the lock file names', () => {
    const { workspaces } = JSON.parse(file('package.json').join('\n'));
    const dockerfile = file('tracker/Dockerfile');
    for (const folder of workspaces)
      assert.ok(dockerfile.includes(`COPY ${folder}/package.json ${folder}/`), folder);
  });

  it('one service that builds it: Docker refuses to build one name twice at once', () => {
    assert.equal(file('tracker/compose.yaml').filter((line) => /^ +build:/.test(line)).length, 1);
  });
});

describe('the load balancer of compose.yaml', () => {
  let redis: RedisServer;
  let balancer: Nginx;
  const trackers: TrackerProcess[] = [];

  before(async () => {
    redis = await RedisServer.start();
    for (let i = 0; i < 2; i++) trackers.push(await TrackerProcess.start('--redis', redis.url));
    let conf = read('nginx.conf');
    for (const [i, { url }] of trackers.entries())
      conf = conf.replace(`tracker-${i + 1}:8080`, new URL(url).host);
    balancer = await Nginx.start(conf);
  });
  after(async () => {
    await balancer?.stop();
    for (const tracker of trackers) await tracker.end();
    await redis?.remove();
  });

  it('leads visitors to a tracker that is there, where they find those of the other', async () => {
    const sites = Array.from({ length: 32 }, (_, i) => `https://site-${i}.example`);
    const holders = await Promise.all(sites.map((origin) => Client.open(balancer.url, { origin })));
    const ids = sites.map((_, i) => i + 1);
    holders.forEach((holder, i) => void holder.send(have([ids[i]!])));
    const asker = await Client.open(balancer.url);
    const named = async () => {
      const reply = await asker.ask(want(ids));
      assert.ok(reply.case === 'peers');
      return reply.value.swarms.filter(({ holders }) => holders.length > 0).length;
    };
    await until('all are named', async () => (await named()) === ids.length);

    await trackers[0]!.end('SIGKILL');
    const isGone = (client: Client) => client.socket.readyState === client.socket.CLOSED;
    await until('those of the dead one are cut', async () => holders.some(isGone));
    const gone = holders.filter(isGone).length;
    assert.ok(gone > 0 && gone < holders.length, 'both had some');
    for (const origin of sites) await (await Client.open(balancer.url, { origin })).leave();
    for (const client of [asker, ...holders]) client.socket.terminate();
  });

  it('leads all to one that has come back when the other one goes, as when both are updated in turn', async () => {
    const { port } = new URL(trackers[0]!.url);
    trackers[0] = await TrackerProcess.start('--port', port);
    await trackers[1]!.end();
    // None of them leaves: nginx takes for a success only what has ended.
    const urls = Array.from({ length: 8 }, (_, i) => `https://site-${i}.example`);
    const clients = await Promise.all(urls.map((origin) => Client.open(balancer.url, { origin })));
    for (const client of clients) client.socket.terminate();
  });
});

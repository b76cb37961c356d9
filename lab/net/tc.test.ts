import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, tc } from './command.ts';
import { createNet } from './index.ts';
import { echo, fetchAll, ping, sender } from './net-test-tools.ts';
import { FRAME_BYTES, FRAME_PAYLOAD_BYTES } from './shaping.ts';
import type { TcHost } from './tc-host.ts';
import { MAX_LINK_ERROR, type Net } from './types.ts';
import { Unsupported } from './unsupported.ts';

const KB = 1024;

/** Reads all from a server, as the driver. */
function read(address: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let bytes = 0;
    connect(port, address)
      .on('data', (data) => {
        bytes += data.length;
      })
      .on('end', () => resolve(bytes))
      .on('error', reject);
  });
}

describe('network of namespaces', () => {
  let net: Net;
  beforeEach(async () => {
    net = await createNet({ shaper: 'tc', seed: 7 });
  });
  afterEach(() => net.close());

  it('carries what links are set to, and finds so with transfers', async () => {
    await net.host('slow', { upBytesPerSecond: 64 * KB, downBytesPerSecond: 64 * KB });
    await net.host('fast', { upBytesPerSecond: 1024 * KB, downBytesPerSecond: 1024 * KB });
    await net.host('free');
    const measured = await net.measure('before');
    assert.deepEqual(
      measured.map(({ host, direction, when }) => `${host} ${direction} ${when}`),
      ['slow up before', 'slow down before', 'fast up before', 'fast down before'],
    );
    for (const link of measured) {
      assert.ok(Math.abs(link.error) < MAX_LINK_ERROR, JSON.stringify(link));
      const error = link.measuredBytesPerSecond / link.setBytesPerSecond - 1;
      assert.ok(Math.abs(error - link.error) < 1e-4, JSON.stringify(link));
    }
  });

  it('takes the time that files of any size need', async () => {
    const origin = await net.host('origin', { upBytesPerSecond: 64 * KB });
    const visitor = await net.host('visitor');
    for (const bytes of [32 * KB, 96 * KB]) {
      const port = await sender(origin, bytes);
      // A busy machine only makes it longer.
      let best = Infinity;
      for (let i = 0; i < 3; i++)
        best = Math.min(best, (await fetchAll(visitor, origin.address, port)).seconds);
      const expected = (bytes * FRAME_BYTES) / FRAME_PAYLOAD_BYTES / (64 * KB);
      const error = best / expected - 1;
      assert.ok(error > -MAX_LINK_ERROR && error < 0.5, `${bytes} bytes took ${best} s`);
    }
  });

  it('holds back nothing where there is no limit', async () => {
    const origin = await net.host('origin');
    const visitor = await net.host('visitor');
    const bytes = 32 * KB * KB;
    const { seconds } = await fetchAll(visitor, origin.address, await sender(origin, bytes));
    assert.ok(bytes / seconds > 10_000 * KB, `${bytes / seconds} bytes per second`);
    assert.deepEqual(await net.measure('after'), []);
  });

  it('notices a link that does not carry what it is set to', async () => {
    const actual = new Map([
      ['slower', 115 * KB],
      ['faster', 141 * KB],
    ]);
    for (const [name, rate] of actual) {
      const host = (await net.host(name, { upBytesPerSecond: 128 * KB })) as TcHost;
      const wrong = `htb rate ${rate}bps ceil ${rate}bps burst 1514b cburst 1514b`;
      await tc(host.link.namespace, `class change dev eth0 parent 1: classid 1:10 ${wrong}`);
    }
    for (const link of await net.measure('after')) {
      assert.ok(Math.abs(link.error) > MAX_LINK_ERROR, JSON.stringify(link));
      const error = link.measuredBytesPerSecond / actual.get(link.host)! - 1;
      assert.ok(Math.abs(error) < MAX_LINK_ERROR, JSON.stringify(link));
    }
  });

  it('counts a transfer, but neither counts nor limits what the driver does', async () => {
    const origin = await net.host('origin', { upBytesPerSecond: 512 * KB });
    const visitor = await net.host('visitor');
    const bytes = 256 * KB;
    const port = await sender(origin, bytes);
    assert.equal((await fetchAll(visitor, origin.address, port)).bytes, bytes);
    const before = { origin: await origin.counters(), visitor: await visitor.counters() };
    const frames = (bytes * FRAME_BYTES) / FRAME_PAYLOAD_BYTES;
    for (const count of [before.origin.upBytes, before.visitor.downBytes])
      assert.ok(count >= frames && count < frames * 1.05, `${count} of ${frames} bytes`);
    for (const count of [before.origin.downBytes, before.visitor.upBytes])
      assert.ok(count > 0 && count < frames / 10, `${count} bytes of acknowledgements`);

    const large = await sender(origin, 16 * KB * KB);
    const from = performance.now();
    assert.equal(await read(origin.address, large), 16 * KB * KB);
    const seconds = (performance.now() - from) / 1000;
    assert.ok(seconds < 16, `32 s if it were limited, took ${seconds} s`);
    const after = await origin.counters();
    // Address resolution is no traffic of the driver's address.
    assert.ok(after.upBytes - before.origin.upBytes < 1000, JSON.stringify(after));
    assert.ok(after.downBytes - before.origin.downBytes < 1000, JSON.stringify(after));
  });

  it('delays packets, and loses the share it should', async () => {
    const far = await net.host('far', { rttMs: 60, upBytesPerSecond: 128 * KB });
    const lossy = await net.host('lossy', { loss: 0.1 });
    const near = await net.host('near');
    const [fromFar] = await ping(near, [`${far.address}:${await echo(far)}`], 200, 5000);
    assert.equal(fromFar!.answers, 200);
    // A busy machine makes some late; nothing may come early, by more than a timer's resolution.
    assert.ok(fromFar!.leastMs > 58.9 && fromFar!.leastMs < 66, `${fromFar!.leastMs} ms`);
    const [fromLossy] = await ping(near, [`${lossy.address}:${await echo(lossy)}`], 1000, 5000);
    // There and back: 0.9² = 810 of 1 000 come back; 5 standard deviations are 62.
    assert.ok(Math.abs(fromLossy!.answers - 810) < 62, `${fromLossy!.answers} of 1000`);
    const [link] = await net.measure('before');
    assert.ok(Math.abs(link!.error) < MAX_LINK_ERROR, JSON.stringify(link));
  });

  it('hides hosts behind a NAT from all but the driver', async () => {
    const alice = await net.host('alice', { behindNat: true });
    const bob = await net.host('bob', { behindNat: true });
    const open = await net.host('open');
    const port = await sender(alice, 1000);
    assert.equal((await fetchAll(bob, alice.address, port, 1500)).error, 'timeout');
    assert.equal(await read(alice.address, port), 1000, 'the driver reaches it');
    const out = await fetchAll(alice, open.address, await sender(open, 5000));
    assert.equal(out.bytes, 5000, 'it reaches others');

    const targets = [await echo(open), await echo(open)].map((at) => `${open.address}:${at}`);
    const seen = await ping(alice, targets, 3, 5000);
    assert.ok(seen.every(({ answers }) => answers === 3));
    assert.notEqual(seen[0]!.seenPort, seen[1]!.seenPort, 'a port for each destination');
    const [direct] = await ping(bob, [`${alice.address}:${await echo(alice)}`], 5, 500);
    assert.equal(direct!.answers, 0);
  });

  it('notices that its delay line broke', async () => {
    const far = (await net.host('far', { rttMs: 20, upBytesPerSecond: 128 * KB })) as TcHost;
    if (far.link.delay === 'netem') return;
    const wire = far.namespace.replace(/host-far$/, 'wire');
    const [pid] = (await run('ip', ['netns', 'pids', wire])).split('\n');
    process.kill(Number(pid), 'SIGKILL');
    await assert.rejects(async () => {
      // It may take a moment to hear of it.
      for (;;) await net.measure('after');
    }, /The delay line broke: .*SIGKILL|Measuring/);
  });

  it('says what to install if there is neither netem nor socat', async () => {
    const path = process.env.PATH;
    const folder = mkdtempSync(join(tmpdir(), 'zfn-path-'));
    try {
      for (const program of ['ip', 'tc', 'nsenter', 'sh']) {
        const from = path!.split(':').map((of) => join(of, program));
        symlinkSync(from.find((file) => existsSync(file))!, join(folder, program));
      }
      process.env.PATH = folder;
      const made = await net.host('far', { rttMs: 20 }).catch((error: Error) => error);
      if (made instanceof Error) {
        assert.match(made.message, /apt-get install socat/);
        assert.ok(made instanceof Unsupported);
      } else assert.equal((made as TcHost).link.delay, 'netem');
    } finally {
      process.env.PATH = path;
      rmSync(folder, { recursive: true });
    }
  });

  it('is there also with the PATH that cron gives, which lacks tc and nft', async () => {
    const path = process.env.PATH;
    process.env.PATH = '/usr/bin:/bin';
    try {
      const other = await createNet({ shaper: 'tc' });
      try {
        const host = await other.host('a', { behindNat: true, upBytesPerSecond: 64 * KB });
        assert.ok((await host.counters()).upBytes >= 0);
      } finally {
        await other.close();
      }
    } finally {
      process.env.PATH = path;
    }
  });

  it('does not take a mistake for something that the machine lacks', async () => {
    await net.host('one');
    const mistake = await net.host('one').catch((error: Error) => error);
    assert.ok(mistake instanceof Error && !(mistake instanceof Unsupported), String(mistake));
  });

  it('says what is wrong with a host', async () => {
    await net.host('one');
    await assert.rejects(net.host('one'), /already a host named one/);
    await assert.rejects(net.host('a/b'), /"a\/b" cannot be a host's name/);
    await assert.rejects(
      net.host('two', { loss: 2 }),
      /host two: loss is 2, it must be from 0 to 1/,
    );
    await assert.rejects(net.host('two', { upBytesPerSecond: 0 }), /upBytesPerSecond is 0/);
    await net.close();
    await assert.rejects(net.host('three'), /the network is closed/);
  });
});

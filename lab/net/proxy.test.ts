import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createNet } from './index.ts';
import { fetchAll, said, script, sender } from './net-test-tools.ts';
import { asOrdinaryUser } from './ordinary-user.ts';
import { MAX_LINK_ERROR, type Net } from './types.ts';

const KB = 1024;

describe('network of proxies', () => {
  let net: Net;
  beforeEach(async () => {
    net = await createNet({ shaper: 'proxy' });
  });
  afterEach(() => net.close());

  it('carries what links are set to, and finds so with transfers', async () => {
    await net.host('slow', { upBytesPerSecond: 64 * KB });
    await net.host('fast', { upBytesPerSecond: 1024 * KB });
    await net.host('free');
    const measured = await net.measure('before');
    assert.deepEqual(
      measured.map((link) => link.host),
      ['slow', 'fast'],
    );
    for (const link of measured)
      assert.ok(Math.abs(link.error) < MAX_LINK_ERROR, JSON.stringify(link));
  });

  it('shares the rate evenly between all connections to all ports, and counts', async () => {
    const origin = await net.host('origin', { upBytesPerSecond: 128 * KB });
    const bytes = 64 * KB;
    const at = await origin.expose(await sender(origin, bytes));
    const other = await origin.expose(await sender(origin, bytes));
    assert.deepEqual(await origin.expose(0), await origin.expose(0), 'one proxy for a port');
    const from = performance.now();
    const loads = await Promise.all(
      [at, at, at, other].map(({ host, port }) => fetchAll(origin, host, port)),
    );
    const seconds = (performance.now() - from) / 1000;
    assert.ok(loads.every((load) => load.bytes === bytes && load.error === undefined));
    // Four times 64 KB at 128 KB/s, less the burst; the rest is starting the programs that load.
    assert.ok(seconds > 1.9, `${seconds} s`);
    // The last three are equals: none is done when half of all has passed.
    // Programs do not start at one instant, so one may have the link to itself at first.
    assert.ok(Math.min(...loads.map((load) => load.seconds)) > 0.6, JSON.stringify(loads));
    assert.deepEqual(await origin.counters(), { upBytes: 4 * bytes, downBytes: 0 });
  });

  it('passes requests and closed directions on, unlimited too', async () => {
    const origin = await net.host('origin');
    const source = `
      const server = require('net').createServer({ allowHalfOpen: true }, (socket) => {
        let bytes = 0;
        socket.on('data', (data) => { bytes += data.length; });
        socket.on('end', () => socket.end(String(bytes)));
      });
      server.listen(0, '127.0.0.1', () => console.log(server.address().port));`;
    const { port } = await origin.expose((await said(script(origin, source))) as number);
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const bytes = 8 * KB * KB;
    socket.end(Buffer.alloc(bytes));
    const [answer] = await once(socket, 'data');
    assert.equal(answer.toString(), String(bytes));
    assert.deepEqual(await origin.counters(), { upBytes: 7, downBytes: bytes });
  });

  it('disconnects who asks for a port where nobody listens', async () => {
    const origin = await net.host('origin', { upBytesPerSecond: 64 * KB });
    const { port } = await origin.expose(1);
    const { bytes } = await fetchAll(origin, '127.0.0.1', port);
    assert.equal(bytes, 0);
  });

  it('ends what hosts run when it is closed', async () => {
    const origin = await net.host('origin');
    const child = origin.spawn('sleep', ['3600'], { stdio: 'ignore' });
    const ended = once(child, 'exit');
    await net.close();
    assert.equal((await ended)[1], 'SIGKILL');
  });

  it('refuses what it cannot do, and says who can', async () => {
    for (const options of [
      { downBytesPerSecond: 1000 },
      { rttMs: 20 },
      { loss: 0.1 },
      { behindNat: true },
    ])
      await assert.rejects(
        net.host('visitor', options),
        new RegExp(`knows no ${Object.keys(options)[0]}\\. The tc shaper does: run this as root`),
      );
  });

  it('is what others than root get, and tc tells them why not', async () => {
    const source = `
      const { createNet } = await import(process.argv[1]);
      const net = await createNet();
      await net.close();
      const refused = await createNet({ shaper: 'tc' }).catch((error) => error);
      console.log(JSON.stringify([net.shaper, net.why, refused.message]));`;
    const dir = mkdtempSync(join(tmpdir(), 'zf-user-'));
    chmodSync(dir, 0o777);
    const index = fileURLToPath(new URL('index.ts', import.meta.url));
    const child = asOrdinaryUser(dir, ['--input-type=module', '-e', source, index], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_V8_COVERAGE: '' },
    });
    const [shaper, why, refused] = (await said(child)) as string[];
    assert.equal(shaper, 'proxy');
    const reason = process.platform === 'linux' ? /not root/ : /tc is Linux/;
    assert.match(why!, reason);
    assert.match(refused!, reason);
    rmSync(dir, { recursive: true });
  });
});

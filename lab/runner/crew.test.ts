import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findBrowser } from '../browsers/programs.ts';
import { createNet } from '../net/index.ts';
import type { Net } from '../net/types.ts';
import { cpuNow } from './cpu.ts';
import { Crew } from './crew.ts';

const PAGE = '<!doctype html><script>lab = { done: true }</script>';

describe('The crew of a lab', () => {
  let dir: string;
  let net: Net;
  let server: Server;
  let crew: Crew;

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'zf-crew-'));
    net = await createNet({ shaper: 'proxy' });
    server = createServer((_, response) =>
      response.setHeader('content-type', 'text/html').end(PAGE),
    );
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    crew = new Crew({
      ...{ programs: findBrowser(), dir, log: () => {} },
      ...{ secureOrigins: [origin], firstPage: `${origin}/` },
    });
  });
  afterEach(async () => {
    await crew.quit();
    await net.close();
    server.closeAllConnections();
    server.close();
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  });

  it('has another browser in the place of one that died while its chromedriver lives', async () => {
    const host = await net.host('l1');
    const [first] = await crew.gather([host]);
    assert.ok(first);
    assert.deepEqual(await crew.gather([host]), [first], 'one that lives stays');
    const browsers = [...((await cpuNow())?.processes ?? [])].filter(
      ([, { parent }]) => parent === first.pid,
    );
    assert.equal(browsers.length, 1, `children of chromedriver: ${browsers.length}`);
    process.kill(browsers[0]![0], 'SIGKILL');
    while (first.alive) await sleep(20);
    const [second] = await crew.gather([host]);
    assert.ok(second?.alive);
    assert.notEqual(second, first);
    const tab = await second.open();
    await tab.close();
  });
});

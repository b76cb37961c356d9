import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { freePort } from '../../scripts/free-port.ts';
import { createNet } from '../net/index.ts';
import type { Net } from '../net/types.ts';
import { pageSite } from './assets.ts';
import { type Nginx, nginx } from './nginx.ts';
import { sentBytes } from './scripts.ts';

describe('The web server of the lab', () => {
  let dir: string;
  let net: Net;
  let server: Nginx;
  let host: string;
  const assets = pageSite();

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'zf-nginx-'));
    const root = join(dir, 'root');
    mkdirSync(join(root, 'assets'), { recursive: true });
    for (const { path, body } of assets) writeFileSync(join(root, path), body);
    net = await createNet({ shaper: 'proxy' });
    const origin = await net.host('origin');
    host = origin.address;
    const accessLog = join(dir, 'access.log');
    server = nginx(origin, { dir: join(dir, 'nginx'), root, port: await freePort(), accessLog });
    await server.start();
  });
  after(async () => {
    await server.stop();
    await net.close();
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  });

  async function get(path: string, headers: Record<string, string> = {}) {
    const asked = request({
      ...{ host, port: server.port, path },
      headers: { 'accept-encoding': 'gzip, deflate', ...headers },
    });
    const [response] = (await once(asked.end(), 'response')) as [IncomingMessage];
    const { statusCode, headers: answered } = response;
    return {
      status: statusCode,
      coding: answered['content-encoding'],
      body: await buffer(response),
    };
  }

  it('compresses what of a site is text, as any site does, and nothing else', async () => {
    for (const asset of assets) {
      const { path, body } = asset;
      const sent = await get(path);
      const text = /\.(css|js|svg)$/.test(path);
      assert.deepEqual([sent.status, sent.coding], [200, text ? 'gzip' : undefined], path);
      assert.deepEqual(text ? gunzipSync(sent.body) : sent.body, Buffer.from(body), path);
      // The two have not the same zlib.
      const expected = sentBytes(asset);
      assert.ok(Math.abs(sent.body.length / expected - 1) < 0.03, `${path}: ${expected}`);
      assert.ok(!text || sent.body.length < body.length, path);
    }
  });

  it('sends ranges as they are', async () => {
    for (const { path, body } of assets) {
      const { status, coding, body: sent } = await get(path, { range: 'bytes=100-599' });
      assert.deepEqual([status, coding], [206, undefined], path);
      assert.deepEqual(sent, Buffer.from(body.subarray(100, 600)), path);
    }
  });
});

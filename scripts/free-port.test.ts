import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { freePort } from './free-port.ts';

describe('a free port', () => {
  it('can be listened on, and is none that systems give away by themselves', async () => {
    const port = await freePort();
    // Also the one that a Redis of a cluster takes beside it.
    assert.ok(port + 10_000 < 32_768, `${port}`);
    const server = createServer().listen(port);
    await once(server, 'listening');
    assert.equal((server.address() as AddressInfo).port, port);
    server.close();
    await once(server, 'close');
  });
});

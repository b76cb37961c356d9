import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { runInNewContext } from 'node:vm';
import { contentKey, HashAlgorithm } from '@zauberflote/proto';
import fc from 'fast-check';
import { Client } from '../../test-support/client.ts';
import { have, want } from '../../test-support/messages.ts';
import { startTracker } from '../../test-support/tracker.ts';
import { Peer } from '../registry/peer.ts';
import { largest, Swarm } from '../registry/swarm.ts';
import type { RunningTracker } from '../server.ts';

describe('status of a tracker', () => {
  let tracker: RunningTracker;
  let clients: Client[];
  const get = (path: string, init?: RequestInit) =>
    fetch(`http://127.0.0.1:${tracker.adminPort}${path}`, init);

  beforeEach(async () => {
    tracker = await startTracker({ port: 0, host: '127.0.0.1', adminPort: 0, maxPeers: 4 });
    clients = [];
  });
  afterEach(() => tracker.close());

  async function open(): Promise<Client> {
    const client = await Client.open(tracker.url);
    clients.push(client);
    return client;
  }

  it('counts what there is and was, and names the largest swarms as pages do', async () => {
    const digest = createHash('sha256').update('a file').digest();
    const content = { algorithm: HashAlgorithm.SHA256, digest };
    for (const partial of [false, true, true]) {
      const client = await open();
      client.send({ case: 'have', value: { holdings: [{ content, size: 6n, partial }] } });
      await client.ask(want([9]));
    }
    const other = await open();
    other.send(have([1], 10n));
    await other.ask(want([9]));
    const response = await get('/status.json');
    assert.equal(response.headers.get('content-type'), 'application/json');
    const status = await response.json();
    assert.deepEqual(
      [status.status, status.peers, status.maxPeers, status.swarms, status.holdings],
      ['full', 4, 4, 2, 4],
    );
    // Four haves and four wants; four greetings and four replies.
    assert.deepEqual(
      [status.totals.received, status.totals.sent, status.totals.sessions],
      [8, 8, 4],
    );
    assert.deepEqual(status.largest[0], {
      content: `sha256-${digest.toString('base64')}`,
      complete: 1,
      partial: 2,
    });
    assert.equal(status.largest.length, 2);
    assert.ok(status.memoryBytes > 1e7);
  });

  it('says what clients ran into', async () => {
    for (let i = 0; i < 4; i++) await open();
    const beyond = await Client.open(tracker.url).catch(() => undefined);
    assert.equal(beyond, undefined);
    const { limits, ended } = await (await get('/status.json')).json();
    assert.deepEqual([limits['max-peers'], ended], [1, { OVERLOADED: 1 }]);
  });

  it('is a page of one file that may load nothing from elsewhere, on the admin port only', async () => {
    const response = await get('/');
    assert.equal(response.headers.get('content-type'), 'text/html; charset=utf-8');
    assert.match(response.headers.get('content-security-policy') ?? '', /^default-src 'none';/);
    assert.match(await response.text(), /^<!doctype html>/);
    assert.equal((await get('/', { method: 'HEAD' })).status, 200);
    const elsewhere = await get('/nothing');
    assert.equal(elsewhere.status, 404);
    assert.match(await elsewhere.text(), /\/metrics.*\/readyz on this port/);
    assert.equal((await get('/readyz')).status, 200);
    assert.equal((await fetch(`http://127.0.0.1:${tracker.port}/status.json`)).status, 404);
  });

  it('does not show for long what a tracker said that hangs', async () => {
    const [, script = ''] = /<script>(.*)<\/script>/s.exec(await (await get('/')).text()) ?? [];
    const element = () => ({ append() {}, insertAdjacentHTML() {}, textContent: 'ready' });
    const status = element();
    let isLate: (() => void) | undefined;
    const again = new Promise<void>((resolve) => {
      runInNewContext(script, {
        document: {
          getElementById: (id: string) => (id === 'status' ? status : element()),
          createElement: element,
        },
        AbortSignal: {
          timeout: () => ({
            set late(act: () => void) {
              isLate = act;
            },
          }),
        },
        fetch: (_: string, { signal }: { signal?: { late: () => void } }) =>
          new Promise((_, reject) => {
            if (signal) signal.late = () => reject(new Error('late'));
          }),
        setTimeout: () => resolve(),
      });
    });
    assert.ok(isLate, 'there is a time in which it has to answer');
    isLate();
    await again;
    assert.equal(status.textContent, 'not reachable');
  });

  it('lists as a sort would', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(9), fc.nat(9)), { maxLength: 60 }),
        fc.integer({ min: 1, max: 30 }),
        (sizes, count) => {
          const swarms = sizes.map(([complete, partial], i) => {
            const digest = new Uint8Array(32).fill(i);
            const swarm = new Swarm(contentKey({ algorithm: HashAlgorithm.SHA256, digest }));
            for (let n = 0; n < complete + partial; n++)
              swarm.add(new Peer(BigInt(n + 1), {}), 1n, n < partial);
            return swarm;
          });
          const sizeOf = (swarm: Swarm<unknown>) => swarm.complete + swarm.partial;
          const expected = swarms
            .slice(0, 40)
            .toSorted((a, b) => sizeOf(b) - sizeOf(a))
            .slice(0, count);
          assert.deepEqual(
            largest(swarms, count, 40).map(({ key }) => key),
            expected.map(({ key }) => key),
          );
        },
      ),
    );
  });
});

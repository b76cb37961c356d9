import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type RawData, WebSocketServer } from 'ws';
import { seeded } from '../../demo/random.ts';
import { bittorrent } from './bittorrent.ts';
import { join, pace, saturate } from './introductions.ts';
import { withTracker } from './measure.ts';
import { parse, type Sizes } from './options.ts';
import type { Client } from './protocol.ts';
import { LIMIT, TRACKERS } from './protocol.ts';
import type { Results } from './run.ts';
import { run } from './run.ts';
import { LoadSocket } from './socket.ts';
import { table } from './table.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

const TINY: Sizes = {
  connections: 50,
  // As many as are timed: none has to wait for another, however busy the machine is.
  active: 100,
  swarmSize: 10,
  memoryConnections: 100,
  introductions: 200,
  rounds: 1,
  window: 8,
  latency: { perSecond: 400, count: 100 },
  scaling: { peersInOneSwarm: [10, 20], swarms: [10], connections: 30, introductions: 100 },
};

describe('lab/load: both trackers', () => {
  let results: Results;

  before(async () => {
    results = await run({ sizes: TINY, seed: 3, core: undefined, onStep: () => {} });
  });

  for (const name of TRACKERS)
    it(`measures ${name}`, () => {
      const of = results.trackers[name];
      // As much as four descriptions take at least, and at most with all that is around them.
      const [least, most] = name === 'zauberflote' ? [500, 2_000] : [2_800, 8_000];
      for (const bytes of [of.bytesPerIntroduction, of.asItsClientAsks.bytesPerIntroduction])
        assert.ok(bytes > least && bytes < most, `${bytes} bytes`);
      assert.ok(of.introductionsPerCpuSecond > 0);
      const { user, system } = of.cpuMicroseconds;
      assert.ok(Math.abs((user + system) * of.introductionsPerCpuSecond - 1e6) < 1);
      // Over so few connections, memory that was free before may serve them all.
      assert.ok(Number.isFinite(of.activeBytesPerConnection));
      assert.ok(Number.isFinite(of.beforeCollection.activeBytesPerConnection));
      assert.ok(of.p50Ms > 0 && of.p50Ms <= of.p99Ms && of.p99Ms <= of.latency.maxMs);
      assert.equal(of.latency.introductions, TINY.latency.count);
      assert.deepEqual(
        of.scaling.map(({ probe, of: count, connections }) => [probe, count, connections]),
        [
          ['peersInOneSwarm', 10, 20],
          ['peersInOneSwarm', 20, 20],
          ['connections', 10, 10],
          ['swarms', 10, 30],
        ],
      );
    });

  it('finds that asking for several peers at once costs fewer bytes each', () => {
    for (const name of TRACKERS) {
      const { bytesPerIntroduction, asItsClientAsks } = results.trackers[name];
      assert.ok(asItsClientAsks.bytesPerIntroduction < bytesPerIntroduction);
    }
  });

  it('prints a line for every figure', () => {
    const lines = table(results).split('\n');
    assert.match(lines[0] as string, /zauberflote +bittorrent-tracker$/);
    assert.equal(lines.length, 17);
    assert.match(lines.at(-1)!, /^bare-relay, on the same sockets: [\d,]+; as its client asks/);
    for (const line of lines) assert.equal(line.includes('NaN'), false, line);
  });
});

describe('lab/load: what is counted', () => {
  for (const name of [...TRACKERS, LIMIT] as const)
    it(`delivers every offer and answer of ${name}, to the number`, async () => {
      const place = { name, sizes: TINY, seed: 5, core: undefined };
      await withTracker(place, async (_tracker, crowd, random) => {
        const clients = await crowd.connect(30);
        await join(clients, 2, 1);
        await crowd.flushed();
        const asking = { clients, random };
        assert.equal(await saturate({ ...asking, offers: 1, count: 60, window: 4 }), 60);
        assert.equal(await saturate({ ...asking, offers: 4, count: 60, window: 1 }), 60);
        const paced = await pace({ ...asking, offers: 1, count: 30, perSecond: 30 });
        assert.equal(paced.made, 30);
      });
    });

  it('puts visitors into swarms of the same size, into each once', async () => {
    const place = { name: TRACKERS[0], sizes: TINY, seed: 5, core: undefined };
    await withTracker(place, async (_tracker, crowd) => {
      const clients = await crowd.connect(20);
      await join(clients, 40, 4);
      const sizes = new Map<number, number>();
      for (const { swarms } of clients) {
        assert.equal(new Set(swarms).size, 4);
        for (const swarm of swarms) sizes.set(swarm, (sizes.get(swarm) ?? 0) + 1);
      }
      assert.deepEqual([...sizes.values()], Array(40).fill(2));
    });
  });

  it('fails when a tracker names nobody', async () => {
    const place = { name: TRACKERS[0], sizes: TINY, seed: 5, core: undefined };
    await withTracker(place, async (_tracker, crowd, random) => {
      const clients = await crowd.connect(1);
      await join(clients, 1, 1);
      const alone = saturate({ clients, random, offers: 1, count: 1, window: 1 });
      await assert.rejects(alone, /named nobody/);
    });
  });

  it('fails when a tracker changes an answer', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    server.on('connection', (socket) =>
      socket.on('message', (data: RawData) => {
        const { offers } = JSON.parse(String(data));
        const [{ offer_id }] = offers as [{ offer_id: string }];
        socket.send(JSON.stringify({ offer_id, answer: { type: 'answer', sdp: 'v=0' } }));
      }),
    );
    const { port } = server.address() as AddressInfo;
    let client: Client | undefined;
    const options = { port, host: '127.0.0.1', localAddress: '127.0.0.1', subprotocol: undefined };
    await LoadSocket.open({ ...options, mask: Uint8Array.of(1, 2, 3, 4) }, (socket) => {
      client = bittorrent.client(socket, seeded(1)).client;
    });
    await assert.rejects(async () => client?.introduce(1, 1), /does not fit the offer/);
    client?.socket.destroy();
    server.close();
  });

  it('says why a tracker refused a connection', async () => {
    const place = { name: TRACKERS[0], sizes: TINY, seed: 5, core: undefined };
    await withTracker(place, async ({ port, host }) => {
      const options = { port, host, localAddress: '127.0.0.1', subprotocol: 'other' };
      const opening = LoadSocket.open({ ...options, mask: Uint8Array.of(1, 1, 1, 1) }, () => {});
      await assert.rejects(opening, /refused a connection: HTTP\/1.1 400/);
    });
  });
});

describe('lab/load: the command', () => {
  const refused: readonly (readonly [string, string[], RegExp])[] = [
    ['no file', [], /--out FILE .* required/],
    ['too few connections', ['--out', 'x', '--connections', '99'], /from 100 to 18000, not '99'/],
    ['no number', ['--out', 'x', '--connections', 'many'], /not 'many'/],
    ['a negative seed', ['--out', 'x', '--seed=-1'], /--seed takes a whole number/],
    ['an unknown option', ['--out', 'x', '--fast'], /--fast/],
  ];
  for (const [what, args, message] of refused)
    it(`refuses ${what}`, () => {
      assert.throws(() => parse(args), message);
    });

  it('measures memory over no more connections than were asked for', () => {
    const command = parse(['--out', 'x', '--connections', '200']);
    assert.ok(command.kind === 'run');
    assert.equal(command.sizes.connections, 200);
    assert.equal(command.sizes.memoryConnections, 200);
  });

  const start = (...args: string[]) =>
    new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
      execFile(process.execPath, [MAIN, ...args], (error, stdout, stderr) =>
        resolve({ code: error?.code ?? 0, stdout, stderr }),
      );
    });

  it('ends with 2 on wrong arguments, and says where help is', async () => {
    const { code, stderr } = await start('--quick');
    assert.equal(code, 2);
    assert.match(stderr, /^load: --out FILE .*\nTry: npm run load -- --help\n$/);
  });

  it('refuses a file it cannot write before it measures', async () => {
    const { code, stderr } = await start('--out', joinPath(tmpdir(), 'no such folder', 'x.json'));
    assert.equal(code, 2);
    assert.match(stderr, /cannot write .*folder does not exist/);
  });

  it('writes the figures and their conditions', async () => {
    const folder = mkdtempSync(joinPath(tmpdir(), 'load-'));
    try {
      const out = joinPath(folder, 'load.json');
      const { code, stdout, stderr } = await start('--quick', '--connections', '100', '--out', out);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /introductions per CPU second/);
      const { conditions, trackers, limits } = JSON.parse(readFileSync(out, 'utf8'));
      assert.equal(conditions.options.connections, 100);
      assert.equal(conditions.versions.node, process.versions.node);
      assert.deepEqual(Object.keys(trackers), [...TRACKERS]);
      for (const name of TRACKERS)
        for (const key of ['introductionsPerCpuSecond', 'bytesPerIntroduction', 'p99Ms'])
          assert.ok(trackers[name][key] > 0, `${name}.${key}`);
      // On the same bytes as our tracker, or it would be no limit of it.
      const { bytesPerIntroduction } = limits[LIMIT];
      assert.ok(
        Math.abs(bytesPerIntroduction / trackers.zauberflote.bytesPerIntroduction - 1) < 0.02,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

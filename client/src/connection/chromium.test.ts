import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import * as codec from '@zauberflote/proto';
import { rollup } from 'rollup';
import { Builder, type WebDriver } from 'selenium-webdriver';
import { Options, ServiceBuilder } from 'selenium-webdriver/chrome.js';
import { browserPrograms } from '../../../scripts/debian-packages.ts';
import { closeNodeWebRtc } from './node-webrtc.ts';
import { TestNet } from './test-net.ts';

const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** What the page of this test offers to the test: managers joined by an in-page relay. */
const PAGE = `
import { ConnectionManager } from './connection-manager.ts';
import { SignalingChannel } from '../signaling/signaling-channel.ts';
import { browserPlatform } from '../platform.ts';
import { encodeSessionRequest, decodeSessionRequest, encodeSessionResponse, decodeSessionResponse } from '@zauberflote/proto';

const channels = new Map();
/** Signals to peers outside of the page, as bytes. */
globalThis.outbox = [];
globalThis.told = [];
globalThis.inject = (to, from, bytes) => {
  const { value } = decodeSessionRequest(Uint8Array.from(bytes)).body;
  const frame = encodeSessionResponse({ case: 'signal', value: { ...value, peerId: BigInt(from) } });
  channels.get(String(to)).receive(decodeSessionResponse(frame).body.value);
};
/** Whether candidates travel apart: the answerer's before its answer, the offerer's behind its offer. */
globalThis.apart = false;
globalThis.manager = (id) => {
  const signal = (value) => {
    const { body } = value;
    if (!globalThis.apart || !body.value.candidates?.length || body.case === 'candidates') return send(value);
    const { candidates, ...description } = body.value;
    const parts = [{ case: body.case, value: description }, { case: 'candidates', value: { candidates } }];
    if (body.case === 'answer') parts.reverse();
    for (const body of parts) send({ ...value, body });
    return true;
  };
  const send = (value) => {
    const bytes = [...encodeSessionRequest({ case: 'signal', value })];
    const to = String(value.peerId);
    if (channels.has(to)) setTimeout(() => globalThis.inject(to, id, bytes));
    else globalThis.outbox.push(bytes);
    return true;
  };
  const signaling = new SignalingChannel({ ownId: BigInt(id), signal });
  channels.set(String(id), signaling);
  const state = { messages: [], bytes: 0 };
  const tell = (what) => { globalThis.told.push([id, ...what]); globalThis.check?.(); };
  const connections = new ConnectionManager(browserPlatform(), signaling, {
    firstRequest: () => undefined,
    onOpen: (peer) => tell(['open', Number(peer)]),
    onMessage: (peer, { body }) => {
      tell([body.case, body.value.requestId]);
      if (body.case === 'fragment') state.bytes += body.value.data.length;
    },
    onClose: (peer, reason) => tell(['close', Number(peer), reason]),
    onWritable: () => {},
  }, { maxConnections: 4, maxIncoming: 4 });
  return { connections, state };
};
/** Resolves when all of these were told. */
globalThis.expectTold = (...expected) => new Promise((resolve) => {
  globalThis.check = () => {
    const seen = globalThis.told.map(String);
    if (expected.every((one) => seen.includes(String(one)))) resolve(globalThis.told);
  };
  globalThis.check();
});
`;

async function bundle(): Promise<string> {
  const entry = fileURLToPath(new URL('page.entry.ts', import.meta.url));
  const build = await rollup({
    input: entry,
    onwarn: () => {}, // protobuf-es carries helpers of tsc that rollup remarks on.
    plugins: [
      nodeResolve({ browser: true, extensions: ['.ts', '.js'] }),
      {
        name: 'typescript',
        resolveId: (id) => (id === entry ? id : null),
        load: (id) => (id === entry ? PAGE : null),
        transform: (code, id) => (id.endsWith('.ts') ? stripTypeScriptTypes(code) : null),
      },
    ],
  });
  const { output } = await build.generate({ format: 'iife' });
  await build.close();
  return output[0].code;
}

describe('ConnectionManager in Chromium', () => {
  let driver: WebDriver;
  let profile: string;
  const net = new TestNet();

  before(async () => {
    const code = await bundle();
    profile = await mkdtemp(join(tmpdir(), 'zf-chromium-'));
    const options = new Options();
    options.addArguments(...FLAGS, `--user-data-dir=${profile}`);
    const { chrome, chromedriver } = browserPrograms();
    options.setChromeBinaryPath(chrome);
    driver = await new Builder()
      .forBrowser('chrome')
      .setChromeOptions(options)
      .setChromeService(new ServiceBuilder(chromedriver))
      .build();
    await driver.manage().setTimeouts({ script: 60_000 });
    await driver.get('data:text/html,<title>test</title>');
    await driver.executeScript(code);
  });

  after(async () => {
    net.close();
    closeNodeWebRtc();
    await driver?.quit();
    // Of the browser, something may still write there.
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  });

  function inPage<T>(script: string, ...args: unknown[]): Promise<T> {
    return driver.executeAsyncScript(
      `const done = arguments[arguments.length - 1], args = arguments;
       (async () => { ${script} })().then(done, (error) => done({ error: String(error) }));`,
      ...args,
    );
  }

  it('connects two peers by compact descriptions with mDNS names, and carries fragments', async () => {
    const told = await inPage<unknown[]>(`
      const a = manager(1), b = manager(2);
      a.connections.connect(2n);
      await expectTold([1, 'open', 2], [2, 'open', 1]);
      const most = a.connections.maxFragmentBytes(2n);
      b.connections.send(1n, { case: 'request', value: { requestId: 5, content: { algorithm: 1, digest: new Uint8Array(20) }, offset: 0n, length: most } });
      await expectTold([1, 'request', 5]);
      a.connections.send(2n, { case: 'fragment', value: { requestId: 5, offset: 0, data: new Uint8Array(most) } });
      b.connections.send(1n, { case: 'cancel', value: { requestId: 6 } });
      await expectTold([2, 'fragment', 5], [1, 'cancel', 6]);
      told.push(['bytes', b.state.bytes, most]);
      a.connections.close();
      return expectTold([2, 'close', 1, 'lost'], [1, 'close', 2, 'closed']);`);
    assert.ok(Array.isArray(told), JSON.stringify(told));
    assert.deepEqual(
      told.find((one) => Array.isArray(one) && one[0] === 'bytes'),
      ['bytes', 65_536, 65_536],
    );
  });

  it('connects through candidates that come apart from the descriptions, before or after', async () => {
    const told = await inPage<unknown[]>(`
      globalThis.apart = true;
      const a = manager(3), b = manager(4);
      a.connections.connect(4n);
      const told = await expectTold([3, 'open', 4], [4, 'open', 3]);
      globalThis.apart = false;
      a.connections.close();
      return told;`);
    assert.ok(Array.isArray(told), JSON.stringify(told));
  });

  for (const offerer of ['Chromium', 'Node'] as const)
    it(`connects with node-datachannel when ${offerer} offers`, async () => {
      const [page, node] = offerer === 'Chromium' ? [11, 12] : [13, 14];
      const peer = net.peer(BigInt(node));
      let running = true;
      // One after the other, as a tracker relays them: candidates before their offer are dropped.
      let injected: Promise<unknown> = Promise.resolve();
      const sent: unknown[] = [];
      net.route = (_, signal) => {
        const { case: kind, value } = signal.body;
        sent.push([kind, kind === 'offer' && value.candidates.length === 0]);
        const bytes = [...codec.encodeSessionRequest({ case: 'signal', value: signal })];
        const inject = () => driver.executeScript('inject(...arguments)', page, node, bytes);
        injected = injected.then(inject);
      };
      await inPage(`globalThis.m${page} = manager(${page});`);
      if (offerer === 'Chromium') await inPage(`m${page}.connections.connect(${node}n);`);
      else peer.connections.connect(BigInt(page));
      const pump = (async () => {
        while (running) {
          const frames = await driver.executeScript<number[][]>('return outbox.splice(0)');
          for (const frame of frames) {
            // Chromium's first checks are here before its answer, as they may be in any network.
            await setTimeout(30);
            const { body } = codec.decodeSessionRequest(Uint8Array.from(frame));
            assert.ok(body.case === 'signal');
            peer.signaling.receive({ ...body.value, peerId: BigInt(page) });
          }
        }
      })();
      await peer.opened(BigInt(page));
      running = false;
      await pump;
      await injected;
      await inPage(`await expectTold([${page}, 'open', ${node}]);`);
      // Else those checks would have come before the answer.
      if (offerer === 'Node')
        assert.deepEqual(sent.slice(0, 2), [
          ['offer', true],
          ['candidates', false],
        ]);
      peer.connections.send(BigInt(page), { case: 'cancel', value: { requestId: 9 } });
      await inPage(`
        await expectTold([${page}, 'cancel', 9]);
        m${page}.connections.send(${node}n, { case: 'cancel', value: { requestId: 8 } });`);
      await peer.until(() => peer.messages.length === 1);
      await inPage(`m${page}.connections.close();`);
      assert.equal(await peer.closed(BigInt(page)), 'lost');
      // Candidates that are found late are not for the next test, nor for a browser that is gone.
      net.route = () => {};
      await injected;
    });
});

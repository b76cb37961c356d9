import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import type { nodePlatform } from '@zauberflote/client/src/connection/node-webrtc.ts';
import { browserPlatform } from '@zauberflote/client/src/platform.ts';
import { WebSocketServer } from 'ws';
import { NoWebRtcError, seedPlatform } from './platform.ts';
import { TestFolder } from './test-folder.ts';

describe('seedPlatform', () => {
  let folder: TestFolder;
  let server: WebSocketServer;
  const asked: string[] = [];

  before(async () => {
    server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    server.on('connection', (_, { url }) => asked.push(url ?? ''));
    await new Promise((resolve) => server.once('listening', resolve));
  });

  after(() => server.close());

  beforeEach(() => {
    folder = new TestFolder();
    asked.length = 0;
  });

  afterEach(() => folder.remove());

  const url = (path: string) =>
    `ws://127.0.0.1:${(server.address() as { port: number }).port}${path}`;
  const none = { tokenFile: undefined, udpPorts: undefined };

  it('says how to get WebRTC where it is missing', async () => {
    const missing = () =>
      Promise.reject(new Error("Cannot find package 'node-datachannel'\nRequire…"));
    await assert.rejects(seedPlatform(none, missing), (error: Error) => {
      assert.ok(error instanceof NoWebRtcError);
      assert.match(error.message, /\(Cannot find package 'node-datachannel'\).*run: npm ci/);
      return true;
    });
  });

  it('gives the token to the tracker as it is at that time', async () => {
    const file = folder.at('token');
    folder.write('token', 'one\n');
    const { platform, left } = await seedPlatform({ ...none, tokenFile: file });
    const visit = async () => {
      const socket = new platform.WebSocket!(url('/?a=b'));
      await new Promise((resolve) => socket.addEventListener('open', resolve));
      socket.close();
      await left();
      assert.equal(socket.readyState, socket.CLOSED);
    };
    await visit();
    folder.write('token', 'two/+');
    await visit();
    rmSync(file);
    await visit();
    assert.deepEqual(asked, ['/?a=b&token=one', '/?a=b&token=two%2F%2B', '/?a=b&token=two%2F%2B']);
    await assert.rejects(seedPlatform({ ...none, tokenFile: file }), { code: 'ENOENT' });
  });

  it('asks WebRTC for the ports that were named, and for nothing else', async () => {
    const made: unknown[] = [];
    class Recorded {
      constructor(configuration: unknown) {
        made.push(configuration);
      }
    }
    const fake = {
      nodePlatform: () => ({ ...browserPlatform(), RTCPeerConnection: Recorded as never }),
      closeNodeWebRtc() {},
    } satisfies { nodePlatform: typeof nodePlatform; closeNodeWebRtc: () => void };
    const load = () => Promise.resolve(fake);
    const configuration = { iceTransportPolicy: 'all' } as const;
    for (const udpPorts of [undefined, [50_000, 50_099] as const]) {
      const { platform } = await seedPlatform({ ...none, udpPorts }, load);
      new platform.RTCPeerConnection!(configuration);
    }
    const ports = { portRangeBegin: 50_000, portRangeEnd: 50_099 };
    assert.deepEqual(made, [configuration, { ...configuration, ...ports }]);
  });
});

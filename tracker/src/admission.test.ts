import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { WebSocket } from 'ws';
import { startTracker } from '../test-support/tracker.ts';
import { SPARE_CONNECTIONS, SPARE_CONNECTIONS_PER_ADDRESS } from './limits.ts';
import type { RunningTracker, TrackerOptions } from './server.ts';

describe('admission over real sockets', () => {
  let tracker: RunningTracker;
  const start = async (options: TrackerOptions) => {
    tracker = await startTracker({ port: 0, host: '127.0.0.1', ...options });
  };
  afterEach(() => tracker.close());

  const open = (headers: Readonly<Record<string, string>> = {}, origin?: string) =>
    new WebSocket(tracker.url, 'zauberflote.v1', { headers, ...(origin && { origin }) });
  const opened = async (socket: WebSocket) => {
    await once(socket, 'open');
    return socket;
  };
  const refused = async (socket: WebSocket) => {
    const [request, response] = await once(socket, 'unexpected-response');
    const text = (await response.toArray()).join('');
    request.destroy();
    return { status: response.statusCode, retryAfter: response.headers['retry-after'], text };
  };

  it('lets in pages of allowed sites only, and says what to do', async () => {
    await start({ allowOrigin: ['example.com'] });
    await opened(open({}, 'https://example.com'));
    await opened(open());
    const { status, text } = await refused(open({}, 'https://other.test'));
    assert.equal(status, 403);
    assert.match(text, /"https:\/\/other\.test" .*--allow-origin/);
  });

  it('limits the connections of an address behind a proxy, until one closes', async () => {
    await start({ connectionsPerAddress: 2 });
    const from = (address: string) => open({ 'X-Forwarded-For': `198.51.100.1, ${address}` });
    const first = await opened(from('2001:db8::1'));
    await opened(from('2001:db8::2'));
    const { status, retryAfter, text } = await refused(from('2001:db8::3'));
    assert.equal(status, 429);
    assert.ok(Number(retryAfter) > 0);
    assert.match(text, /--connections-per-address/);
    await opened(from('2001:db8:0:1::1'));
    await opened(open());
    first.close();
    await once(first, 'close');
    await opened(from('2001:db8::3'));
  });

  it('limits how fast an address connects, and believes no stranger', async () => {
    await start({ connectRatePerAddress: 1, trustedProxies: [] });
    const outcomes = await Promise.all(
      Array.from({ length: 60 }, (_, n) => {
        const socket = open({ 'X-Forwarded-For': `198.51.100.${n}` });
        return Promise.race([
          opened(socket).then(() => 101),
          refused(socket).then((r) => r.status),
        ]);
      }),
    );
    assert.ok(outcomes.filter((status) => status === 101).length >= 10);
    assert.ok(outcomes.includes(429), 'none was refused');
  });

  const come = () => {
    const socket = connect(tracker.port, '127.0.0.1');
    socket.on('error', () => {});
    return socket.resume();
  };
  const answered = async () => {
    const socket = come();
    // Kept alive by requests.
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    const result = await Promise.race([
      once(socket, 'data').then(() => true),
      once(socket, 'close').then(() => false),
    ]);
    return { socket, result };
  };
  const metric = async (name: string) => {
    const metrics = await fetch(`http://127.0.0.1:${tracker.adminPort}/metrics`);
    const lines = (await metrics.text()).split('\n');
    return lines
      .find((line) => line.startsWith(`zauberflote_${name} `))
      ?.split(' ')
      .at(-1);
  };

  it('closes connections of an address that has many, whatever they are for', async () => {
    await start({ connectionsPerAddress: 1, trustedProxies: [], adminPort: 0 });
    const first = await Promise.all(
      Array.from({ length: 1 + SPARE_CONNECTIONS_PER_ADDRESS }, () => answered()),
    );
    assert.ok(first.every(({ result }) => result));
    assert.equal((await answered()).result, false);
    assert.equal(await metric('limit_hits_total{limit="connections-per-address"}'), '1');
    first[0]?.socket.destroy();
    while (!(await answered()).result);
    for (const { socket } of first) socket.destroy();
  });

  it('takes some more connections than peers, whatever they are for, and drops others until one closes', async () => {
    const forLong = { headersTimeoutMs: 600_000, requestTimeoutMs: 600_000 };
    await start({ maxPeers: 1, adminPort: 0, ...forLong });
    const silent: Socket[] = [];
    // A part of them at a time, so that they need not wait to be accepted.
    while (silent.length < SPARE_CONNECTIONS) {
      const some = Array.from({ length: 100 }, come);
      await Promise.all(some.map((socket) => once(socket, 'connect')));
      silent.push(...some);
    }
    // Those before it were accepted before.
    await opened(open());
    assert.equal((await answered()).result, false);
    assert.equal(await metric('connections_dropped_total'), '1');
    silent[0]!.destroy();
    while (!(await answered()).result);
    for (const socket of silent) socket.destroy();
  });

  it('closes connections whose request does not come', async () => {
    await start({ headersTimeoutMs: 500 });
    const sockets = ['', 'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n'].map((head) => {
      const socket = connect(tracker.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.resume();
      socket.write(head);
      return socket;
    });
    await Promise.all(sockets.map((socket) => once(socket, 'close')));
  });
});

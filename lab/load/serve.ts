/**
 * A tracker in a process of its own, for the generator to measure from outside:
 * `node --expose-gc serve.ts NAME LIMITS`, started with an IPC channel. Sends `{port}` once it listens;
 * `'settle'` collects garbage and is echoed; it ends when the channel does.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { startTracker } from '@zauberflote/tracker';
import { startBareRelay } from './bare-relay.ts';
import type { ServerName, TrackerLimits } from './protocol.ts';
import { MAX_CONNECTIONS } from './protocol.ts';

const HOST = '127.0.0.1';

/** What is used of `bittorrent-tracker/server`, which has no types. */
interface RivalServer extends NodeJS.EventEmitter {
  readonly http: { address(): AddressInfo };
  listen(port: number, host: string): void;
}
type Rival = { readonly default: new (options: object) => RivalServer };

const [name, limits] = process.argv.slice(2) as [ServerName, TrackerLimits];

const start: Readonly<Record<ServerName, () => Promise<number>>> = {
  async zauberflote() {
    const options =
      limits === 'default'
        ? // Loopback addresses stand for visitors' own, so none of them is a proxy.
          { trustedProxies: [] }
        : // A few clients stand for many.
          { messagesPerSecond: 1e9, bytesPerSecond: 1e9, contentsPerSecond: 1e9 };
    const { port } = await startTracker({ port: 0, host: HOST, ...options });
    return port;
  },
  async 'bittorrent-tracker'() {
    const name: string = 'bittorrent-tracker/server';
    const { default: Server } = (await import(name)) as Rival;
    // It forgets all but the 1,000 latest peers of a swarm unless told otherwise, and their answers
    // with them.
    const peersCacheLength = MAX_CONNECTIONS;
    const server = new Server({
      http: false,
      udp: false,
      ws: true,
      stats: false,
      peersCacheLength,
    });
    server.on('warning', (error) => console.error('bittorrent-tracker:', error.message));
    server.listen(0, HOST);
    await once(server, 'listening');
    return server.http.address().port;
  },
  'bare-relay': () => startBareRelay(HOST),
};

const collect = globalThis.gc;
if (!process.send || !collect || !(name in start))
  throw new Error('this is started by lab/load/tracker-process.ts, not by hand');
process.on('disconnect', () => process.exit(0));
process.on('message', (message) => {
  if (message !== 'settle') return;
  // As after a shortage of memory: twice, because the first run only queues finalizers.
  for (let i = 0; i < 2; i++) collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  process.send?.('settle');
});
process.send({ port: await start[name]() });

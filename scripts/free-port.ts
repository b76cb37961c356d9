import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Browsers, and `fetch` of Node, refuse some ports; none of these. A Redis of a cluster listens also on the port
 * 10 000 higher: that is none of these either, and as safe from others.
 */
const [FIRST, END] = [12_000, 22_000];

/**
 * A TCP port that nobody listens on now, for a server that has to be told one. It is below those that systems
 * give to connections and to whoever listens on port 0 (from 32768 on, or higher): any of them could take it
 * before the server does, or while the server is away for a moment.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (END - FIRST));
    const probe = createServer().listen(port);
    try {
      await once(probe, 'listening');
    } catch {
      continue;
    }
    probe.close();
    await once(probe, 'close');
    return port;
  }
}

import { once } from 'node:events';
import type { Host } from '../net/types.ts';
import { listening } from '../runner/listening.ts';
import type { Service } from './types.ts';

/**
 * Starts a server on a host; resolves when it takes connections on its port.
 * @param what for error messages
 */
export async function program(
  host: Host,
  port: number,
  command: string,
  args: readonly string[],
  what: string,
): Promise<Service> {
  const child = host.spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const running = () => child.exitCode === null && child.signalCode === null;
  await listening(host, port, child, what);
  return {
    get running() {
      return running();
    },
    async stop() {
      if (!running()) return;
      const exit = once(child, 'exit');
      // As a crash would: what a tracker does when it stops in good order is another test's subject.
      child.kill('SIGKILL');
      await exit;
    },
  };
}

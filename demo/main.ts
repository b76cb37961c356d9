import { existsSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startTracker } from '@zauberflote/tracker';
import { startDemo } from './server.ts';

const HELP = `Starts a Zauberflöte tracker and a demo site.

Usage: npm start -- [options]
  --port N          port of the site (default 8000)
  --tracker-port N  port of the tracker (default 8080)
  --host HOST       address to listen on (default localhost, this machine only;
                    0.0.0.0 lets other devices in your network in)
  --help            this text
`;

const CLIENT = join(import.meta.dirname, '..', 'client', 'dist', 'zauberflote.js');

class UsageError extends Error {}

interface Flags {
  port: number;
  trackerPort: number;
  host: string;
}

function readFlags(args: string[]): Flags | 'help' {
  const { values } = parseFlags(args);
  if (values.help) return 'help';
  if (values.host === '') throw new UsageError('--host is empty; give a name or an address');
  return {
    port: portOf('--port', values.port),
    trackerPort: portOf('--tracker-port', values['tracker-port']),
    host: values.host,
  };
}

function parseFlags(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        port: { type: 'string', default: '8000' },
        'tracker-port': { type: 'string', default: '8080' },
        host: { type: 'string', default: 'localhost' },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function portOf(flag: string, value: string): number {
  const port = Number(value);
  if (/^\d+$/.test(value) && port <= 65535) return port;
  throw new UsageError(`${flag} is "${value}"; give a whole number from 0 to 65535`);
}

/** The reason a server could not listen, and what to do about it. */
function explain(error: unknown, what: string, flag: string, port: number, host: string): Error {
  const code = (error as NodeJS.ErrnoException).code;
  const other = `npm start -- ${flag} ${port < 65535 ? port + 1 : 8001}`;
  if (code === 'EADDRINUSE') {
    return new Error(
      `Port ${port} for the ${what} is in use, perhaps by another demo. ` +
        `Stop that program or take another port: ${other}`,
    );
  }
  if (code === 'EACCES') {
    return new Error(`Port ${port} for the ${what} needs more rights. Take another port: ${other}`);
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return new Error(`"${host}" is no address of this machine. Give --host localhost or 0.0.0.0.`);
  }
  return new Error(`The ${what} did not start: ${(error as Error).message}`, { cause: error });
}

function lanAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address);
}

async function main(): Promise<void> {
  const flags = readFlags(process.argv.slice(2));
  if (flags === 'help') {
    process.stdout.write(HELP);
    return;
  }
  const { host, port } = flags;
  const tracker = await startTracker({ port: flags.trackerPort, host }).catch((error: unknown) => {
    throw explain(error, 'tracker', '--tracker-port', flags.trackerPort, host);
  });
  const demo = await startDemo({ port, host, trackerPort: tracker.port }).catch(async (error) => {
    await tracker.close();
    throw explain(error, 'demo site', '--port', port, host);
  });

  let state: 'running' | 'stopping' = 'running';
  const stop = () => {
    // Ctrl-C in a terminal reaches both npm and this process, so it may come twice.
    if (state === 'stopping') return;
    state = 'stopping';
    Promise.all([demo.close(), tracker.close()]).catch((error: unknown) => {
      console.error(error);
      process.exitCode = 1;
    });
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);

  console.log(`\nZauberflöte demo: ${demo.url}`);
  if (host === '0.0.0.0') {
    for (const address of lanAddresses()) {
      console.log(`  on your network: http://${address}:${demo.port}/`);
    }
  }
  console.log(`Tracker:          port ${tracker.port}\n`);
  if (!existsSync(CLIENT)) {
    console.log(
      'The client is not built, so everything comes from the origin. Run npm run build.\n',
    );
  }
  console.log('1. Open the page.  2. Open it in a second window: its files come from the first.');
  console.log(
    '3. Press "Stop the origin" on the page and reload: it still loads.  Ctrl-C stops.\n',
  );
}

main().catch((error: Error) => {
  const usage = error instanceof UsageError;
  console.error(usage ? `${error.message}\n\n${HELP}` : error.message);
  process.exitCode = usage ? 2 : 1;
});

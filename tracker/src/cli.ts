import { parseArgs } from 'node:util';
import manifest from '../package.json' with { type: 'json' };
import { startTracker } from './server.ts';

const USAGE = `Usage: zauberflote-tracker [options]

Introduces visitors of a site to one another, so that they can serve each other. Clients connect
by WebSocket to /; GET /healthz tells whether it is up. Everything is kept in memory.

Options:
  --port PORT   TCP port to listen on, 0 to 65535; 0 takes a free one (default 8080)
  --host HOST   address or name to listen on (default: every address of this machine)
  --help        print this and exit
  --version     print the version and exit

It stops gracefully on SIGTERM and SIGINT.
`;

/** What can be said about a failure to listen. */
const LISTEN_ERRORS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use; stop what uses it or choose another with --port',
  EACCES: 'that port needs privileges; choose one above 1023 with --port',
  EADDRNOTAVAIL: 'this machine does not have that address; choose another with --host',
  ENOTFOUND: 'that name is not known; give another with --host',
};

type Command =
  | { readonly kind: 'print'; readonly text: string }
  | { readonly kind: 'start'; readonly port: number; readonly host: string | undefined };

/** Runs the command: resolves when it has printed what was asked for or the tracker has started. */
export async function main(args: readonly string[]): Promise<void> {
  let command: Command;
  try {
    command = parse(args);
  } catch (error) {
    return fail(2, `${(error as Error).message}\nTry: zauberflote-tracker --help`);
  }
  if (command.kind === 'print') {
    process.stdout.write(command.text);
    return;
  }
  const { port, host } = command;
  try {
    const tracker = await startTracker({ port, host });
    console.log(`Zauberflöte tracker listening on ${tracker.url}`);
    // Once: the same signal again ends the process at once.
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.once(signal, () => void tracker.close());
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const where = host === undefined ? `port ${port}` : `${host}, port ${port}`;
    fail(1, `cannot listen on ${where}: ${LISTEN_ERRORS[code ?? ''] ?? message}`);
  }
}

function parse(args: readonly string[]): Command {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: 'string', default: '8080' },
      host: { type: 'string' },
      help: { type: 'boolean' },
      version: { type: 'boolean' },
    },
  });
  if (values.help) return { kind: 'print', text: USAGE };
  if (values.version) return { kind: 'print', text: `${manifest.version}\n` };
  const port = Number(values.port);
  if (!/^\d+$/.test(values.port) || port > 65_535)
    throw new Error(`--port takes a whole number from 0 to 65535, not '${values.port}'`);
  if (values.host === '') throw new Error('--host takes an address or a name, not nothing');
  return { kind: 'start', port, host: values.host };
}

function fail(exitCode: number, message: string): void {
  console.error(`zauberflote-tracker: ${message}`);
  process.exitCode = exitCode;
}

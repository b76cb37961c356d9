import { constants } from 'node:os';
import { isatty } from 'node:tty';
import manifest from '../package.json' with { type: 'json' };
import { KeyError } from './access/keys.ts';
import { makeToken } from './access/token-command.ts';
import { AdminError } from './admin.ts';
import { CertificateError } from './certificate.ts';
import { helpText } from './config/help.ts';
import type { Command } from './config/read.ts';
import { ConfigError, readConfig } from './config/read.ts';
import { STOP_DEADLINE_MS } from './limits.ts';
import { PublicationsError } from './publish/publications.ts';
import { PublishError, publishFiles } from './publish/publish-command.ts';
import { startTracker } from './server.ts';

/** What can be said about a failure to listen. */
const LISTEN_ERRORS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use; stop what uses it or choose another with --port',
  EACCES: 'that port needs privileges; choose one above 1023 with --port',
  EADDRNOTAVAIL: 'this machine does not have that address; choose another with --host',
  ENOTFOUND: 'that name is not known; give another with --host',
  EINVAL: 'an address that begins with fe80: needs its interface, as in --host fe80::1%eth0',
};

/** Runs the command: resolves when it has printed what was asked for or the tracker has started. */
export async function main(args: readonly string[]): Promise<void> {
  const [first, ...rest] = args;
  if (first === 'token') return print('token', makeToken(rest, new Date()));
  if (first === 'publish') return print('publish', publishFiles(rest, new Date()));
  let command: Command;
  try {
    command = readConfig(args, process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return fail(2, `${error.message}\nTry: zauberflote-tracker --help`);
  }
  if (command.kind !== 'start') {
    process.stdout.write(command.kind === 'help' ? helpText() : `${manifest.version}\n`);
    return;
  }
  const { config } = command;
  try {
    const tracker = await startTracker(config);
    const stop = () => {
      setTimeout(
        () => {
          const open = process.getActiveResourcesInfo().join(', ');
          fail(1, `did not come to its end in time, and was ended; still open: ${open}`);
          process.exit();
        },
        config.drainSeconds * 1_000 + STOP_DEADLINE_MS,
      ).unref();
      void tracker.close();
    };
    // The same signal again ends it at once: by hand, as in a container nothing else would.
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.once(signal, () => {
        process.once(signal, () => process.exit(128 + constants.signals[signal]));
        stop();
      });
    // The terminal has gone that it was started at. Else somebody means to have it read its files again, which it
    // does by itself; and systemd takes an end by this signal for one that was wanted, and would not start it again.
    const isAtTerminal = isatty(0);
    process.on('SIGHUP', () => {
      if (isAtTerminal) stop();
    });
    // After that, as who reads it may send one.
    console.log(`Zauberflöte tracker listening on ${tracker.url}`);
  } catch (error) {
    if (
      error instanceof KeyError ||
      error instanceof CertificateError ||
      error instanceof PublicationsError ||
      error instanceof ConfigError
    )
      return fail(2, error.message);
    const { code = '', message } = error as NodeJS.ErrnoException;
    const isAdmin = error instanceof AdminError;
    const [host, port] = isAdmin
      ? [config.adminHost, config.adminPort]
      : [config.host, config.port];
    const where = host === undefined ? `port ${port}` : `${host}, port ${port}`;
    const why = LISTEN_ERRORS[code] ?? message;
    fail(1, `cannot listen on ${where}: ${isAdmin ? why.replace('--', '--admin-') : why}`);
  }
}

async function print(command: string, text: Promise<string>): Promise<void> {
  try {
    process.stdout.write(await text);
  } catch (error) {
    if (!(error instanceof KeyError || error instanceof PublishError)) throw error;
    fail(2, `${error.message}\nTry: zauberflote-tracker ${command} --help`);
  }
}

function fail(exitCode: number, message: string): void {
  console.error(`zauberflote-tracker: ${message}`);
  process.exitCode = exitCode;
}

import type { DestinationStream, Logger } from 'pino';
import { destination, pino, stdTimeFunctions } from 'pino';

/** What a log may be set to; each has those before it. */
export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** Lines that a program can read. Addresses of visitors are for `debug` only. */
export type Log = Pick<Logger, Exclude<LogLevel, 'silent'> | 'isLevelEnabled'>;

/**
 * A log of one JSON object a line, with the time as text and the level by name.
 * @param to where it goes; without it stderr, written at once, so that nothing is lost at the end
 */
export function logOf(level: LogLevel, to: DestinationStream = stderr()): Log {
  return pino(
    {
      level,
      // Process and machine are known to whoever collects it.
      base: undefined,
      timestamp: stdTimeFunctions.isoTime,
      // Other properties of an error may hold an address, or a URL with its token.
      serializers: { err: ({ name, message, stack }: Error) => ({ type: name, message, stack }) },
      formatters: { level: (label) => ({ level: label }) },
    },
    to,
  );
}

function stderr(): DestinationStream {
  const to = destination({ dest: 2, sync: true });
  // A full disk or a terminal that has gone must not end the tracker.
  to.on('error', () => {});
  return to;
}

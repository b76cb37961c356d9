import { parseArgs } from 'node:util';
import { SignJWT } from 'jose';
import { isOriginPattern } from '../abuse/origins.ts';
import { MAX_TOKEN_SECONDS } from '../limits.ts';
import { readNow } from './key-file.ts';
import { KeyError, readKeys } from './keys.ts';

export const TOKEN_HELP = `Usage: zauberflote-tracker token --key-file FILE --site HOST,… [options]

Prints a token for clients of a tracker with --token-keys-file.

  --key-file FILE
        private key (PEM or JWK), or the secret
  --site HOST,…
        sites whose pages may use it, such as example.com or *.example.com
  --expires-in TIME
        how long it is valid, such as 90s, 15m or 2h; up to ${MAX_TOKEN_SECONDS / 3_600}h (default 1h)
  --audience TEXT
        where the tracker has --token-audience TEXT
`;

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600 };

/**
 * What `zauberflote-tracker token` prints.
 * @param args what follows `token`
 * @throws {KeyError} for anything wrong, in words
 */
export async function makeToken(args: readonly string[], now: Date): Promise<string> {
  const { values } = parse(args);
  if (values.help) return TOKEN_HELP;
  const { 'key-file': path, site, 'expires-in': expires, audience } = values;
  if (path === undefined) throw new KeyError('--key-file is missing');
  const sites = site?.split(',').map((entry) => entry.trim()) ?? [];
  if (sites.length === 0) throw new KeyError('--site is missing');
  const wrong = sites.find((entry) => !isOriginPattern(entry));
  if (wrong !== undefined)
    throw new KeyError(`--site takes hosts such as example.com, not '${wrong}'`);
  const [, count, unit] = /^(\d{1,6})([smh])$/.exec(expires) ?? [];
  const seconds = Number(count) * (SECONDS[unit ?? ''] ?? 0);
  if (!(seconds > 0 && seconds <= MAX_TOKEN_SECONDS))
    throw new KeyError(
      `--expires-in takes a time up to ${MAX_TOKEN_SECONDS / 3_600}h such as 15m, not '${expires}'`,
    );
  const [first] = readKeys(readNow(path), 'private');
  const { algorithm, key, id } = first!;
  const issued = Math.floor(now.getTime() / 1_000);
  const jwt = new SignJWT({ site: sites.length === 1 ? sites[0] : sites })
    .setProtectedHeader({ alg: algorithm, ...(id !== undefined && { kid: id }) })
    .setIssuedAt(issued)
    .setExpirationTime(issued + seconds);
  if (audience !== undefined) jwt.setAudience(audience);
  return `${await jwt.sign(key)}\n`;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        'key-file': { type: 'string' },
        site: { type: 'string' },
        'expires-in': { type: 'string', default: '1h' },
        audience: { type: 'string' },
        help: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new KeyError((error as Error).message);
  }
}

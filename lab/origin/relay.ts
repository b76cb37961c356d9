import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { find } from '../../scripts/debian-packages.ts';
import { freePort } from '../../scripts/free-port.ts';
import type { IceServer } from '../modes/types.ts';
import type { Host } from '../net/types.ts';
import { Unsupported } from '../net/unsupported.ts';
import { listening } from '../runner/listening.ts';

export const COTURN = { debianPackage: 'coturn', programs: ['turnserver', '/usr/bin/turnserver'] };

/** Starts coturn as STUN and TURN server for one user. @throws {Unsupported} if it is missing */
export async function startRelay(host: Host, dir: string): Promise<IceServer> {
  const program = find(COTURN, process.env);
  if (!program)
    throw new Unsupported('coturn is missing: apt-get install --no-install-recommends coturn');
  mkdirSync(dir, { recursive: true });
  const port = await freePort();
  const user = { username: 'lab', credential: 'lab' };
  const child = host.spawn(
    program,
    [
      ...['-n', '--no-cli', '--no-tls', '--no-dtls', '--lt-cred-mech', '--fingerprint'],
      `--listening-ip=${host.address}`,
      `--relay-ip=${host.address}`,
      `--listening-port=${port}`,
      `--user=${user.username}:${user.credential}`,
      '--realm=lab',
      `--userdb=${join(dir, 'turndb')}`,
      `--pidfile=${join(dir, 'turnserver.pid')}`,
      `--log-file=${join(dir, 'turnserver.log')}`,
      '--simple-log',
    ],
    { stdio: 'ignore' },
  );
  await listening(host, port, child, 'coturn');
  return { urls: `turn:${host.address}:${port}?transport=udp`, ...user };
}

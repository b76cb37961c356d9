import { parseArgs } from 'node:util';
import { DEPOSITS } from '@zauberflote/client/src/connection/deposits.ts';
import { MAX_REQUEST_BYTES } from '@zauberflote/proto';
import { FORMS, type Form } from './identify.ts';
import {
  DEFAULT_MAX_PEERS,
  DEFAULT_RESCAN_SECONDS,
  MAX_CONTENTS,
  MAX_MAX_PEERS,
  MAX_SECONDS,
} from './limits.ts';

export const USAGE = `Usage: zauberflote-seed --tracker URL [options] FILE|FOLDER...

Keeps files available to the visitors of a site: joins its tracker, as a page does, and serves the files to
browsers over WebRTC. Of a FOLDER, all files in it and below; not hidden ones, empty ones, manifests (.zf) and
symbolic links. Files that come, change or go while it runs are noticed.

Options:
  --tracker URL       as in data-tracker: wss://... (or ws://...); may be given several times, in the same order
                      as in the pages: the first that works is used
  --token-file FILE   a token for a tracker that asks for one, read again for every connection
  --id FORM           what the pages call the files by: ${FORMS.join(', ')}; several may be named, as in
                      zf1,sha384 (default zf1)
  --chunk-size BYTES  as for zauberflote-manifest, for files without a manifest (FILE.zf) beside them
  --max-peers N       most visitors at once, 1 to ${MAX_MAX_PEERS} (default ${DEFAULT_MAX_PEERS})
  --max-upload-bytes-per-second N
                      to all of them together (default 0: as much as the line gives)
  --ice-server URL    a STUN server, or in JSON a TURN server: {"urls":"turn:...","username":"...","credential":"..."};
                      may be given several times
  --udp-ports A-B     UDP ports for visitors, for a firewall: as many as --max-peers and ${DEPOSITS} more (default any)
  --rescan SECONDS    pause between two looks at the files, 1 to ${MAX_SECONDS} (default ${DEFAULT_RESCAN_SECONDS}); longer
                      where looking takes more than a second
  --status-every SECONDS
                      writes a line of JSON to stdout as often: {time, tracker, peers, files, contents, bytes, sent};
                      sent has bytes by file (default never)
  --help              print this and exit
  --version           print the version and exit

What happens is said on stderr. At most ${MAX_CONTENTS} contents are seeded: files times forms. SIGTERM or SIGINT ends it,
a second one at once. Exit status: 0 after a signal, 1 if it cannot run (nothing named can be read, WebRTC is
missing, no tracker can be used), 2 for wrong options. A tracker that does not answer is tried again, for ever.
`;

export interface SeedOptions {
  readonly named: readonly string[];
  readonly trackers: readonly string[];
  readonly tokenFile: string | undefined;
  readonly forms: readonly Form[];
  readonly chunkSize: number | undefined;
  readonly maxPeers: number;
  readonly maxUploadBytesPerSecond: number;
  readonly iceServers: RTCIceServer[];
  readonly udpPorts: readonly [first: number, last: number] | undefined;
  readonly rescanSeconds: number;
  /** 0: never. */
  readonly statusSeconds: number;
}

export type Command =
  | { readonly kind: 'help' | 'version' }
  | { readonly kind: 'seed'; readonly options: SeedOptions };

/** @throws {Error} that says what is wrong with which option, and what it takes */
export function parseOptions(args: readonly string[]): Command {
  const one = { type: 'string' } as const;
  const many = { type: 'string', multiple: true, default: [] as string[] } as const;
  const { values, positionals: named } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      tracker: many,
      'token-file': one,
      id: many,
      'chunk-size': one,
      'max-peers': one,
      'max-upload-bytes-per-second': one,
      'ice-server': many,
      'udp-ports': one,
      rescan: one,
      'status-every': one,
      help: { type: 'boolean' },
      version: { type: 'boolean' },
    },
  });
  if (values.help) return { kind: 'help' };
  if (values.version) return { kind: 'version' };
  if (named.length === 0) throw new Error('name at least one file or folder');
  if (values.tracker.length === 0)
    throw new Error('name the tracker of the site with --tracker, as in its data-tracker');
  const number = (name: keyof typeof values & string, least: number, most: number) => {
    const text = values[name] as string | undefined;
    if (text === undefined) return undefined;
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new Error(`--${name} takes a whole number from ${least} to ${most}, not '${text}'`);
  };
  const maxPeers = number('max-peers', 1, MAX_MAX_PEERS) ?? DEFAULT_MAX_PEERS;
  const rate = number('max-upload-bytes-per-second', 0, Number.MAX_SAFE_INTEGER);
  const options: SeedOptions = {
    named,
    trackers: values.tracker.map(tracker),
    tokenFile: values['token-file'],
    forms: formsOf(values.id),
    chunkSize: number('chunk-size', 1, MAX_REQUEST_BYTES),
    maxPeers,
    maxUploadBytesPerSecond: rate ?? 0,
    iceServers: values['ice-server'].map(iceServer),
    udpPorts: udpPorts(values['udp-ports'], maxPeers),
    rescanSeconds: number('rescan', 1, MAX_SECONDS) ?? DEFAULT_RESCAN_SECONDS,
    statusSeconds: number('status-every', 1, MAX_SECONDS) ?? 0,
  };
  return { kind: 'seed', options };
}

/** What a WebSocket would not take, and what the client would take for two addresses. */
function tracker(text: string): string {
  const wanted = '--tracker takes an address such as wss://tracker.example/';
  const url = URL.parse(text);
  if (!url || /[\s,]/.test(text)) throw new Error(`${wanted}, not '${text}'`);
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:')
    throw new Error(`${wanted}, not one that begins with ${url.protocol} as '${text}' does`);
  if (text.includes('#')) throw new Error(`${wanted}, without a # as in '${text}'`);
  if (url.username || url.password)
    throw new Error(`${wanted}, without a name or password in it; see --token-file`);
  return text;
}

function formsOf(texts: readonly string[]): Form[] {
  const words = texts.flatMap((text) => text.split(','));
  for (const word of words)
    if (!(FORMS as readonly string[]).includes(word))
      throw new Error(`--id takes ${FORMS.join(', ')}, or several with commas, not '${word}'`);
  return words.length > 0 ? [...new Set(words as Form[])] : ['zf1'];
}

function iceServer(text: string): RTCIceServer {
  const bad = () =>
    new Error(
      `--ice-server takes an address such as stun:stun.example:3478, or JSON such as ` +
        `{"urls":"turn:turn.example","username":"…","credential":"…"}, not '${text}'`,
    );
  if (/^stuns?:[^\s@]+$/.test(text)) return { urls: text };
  let server: unknown;
  try {
    server = JSON.parse(text);
  } catch {
    throw bad();
  }
  const { urls, username, credential } = (server ?? {}) as Partial<RTCIceServer>;
  const isUrl = (url: unknown) => typeof url === 'string' && /^(stun|turn)s?:[^\s@]+$/.test(url);
  const areTexts = [username, credential].every(
    (one) => one === undefined || typeof one === 'string',
  );
  const all = [urls].flat();
  if (all.length === 0 || !all.every(isUrl) || !areTexts) throw bad();
  return {
    urls: all as string[],
    ...(username && { username }),
    ...(credential && { credential }),
  };
}

function udpPorts(text: string | undefined, maxPeers: number): SeedOptions['udpPorts'] {
  if (text === undefined) return undefined;
  const [, a, b] = /^(\d{1,5})-(\d{1,5})$/.exec(text) ?? [];
  const [first, last] = [Number(a), Number(b)];
  if (!(first >= 1024 && last >= first && last <= 65_535))
    throw new Error(
      `--udp-ports takes two ports from 1024 to 65535 as in 50000-50199, not '${text}'`,
    );
  const wanted = maxPeers + DEPOSITS;
  if (last - first + 1 < wanted)
    throw new Error(
      `--udp-ports ${text} are ${last - first + 1} ports, but --max-peers ${maxPeers} needs ${wanted}`,
    );
  return [first, last];
}

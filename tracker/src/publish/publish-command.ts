import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { create, fromJsonString, toJsonString } from '@bufbuild/protobuf';
import type { ContentId } from '@zauberflote/proto';
import { contentKey, parseContentId } from '@zauberflote/proto';
import {
  PublishRequestSchema,
  PublishResponseSchema,
  TrackerService,
} from '@zauberflote/proto/full';
import { makeToken } from '../access/token-command.ts';
import { CONNECT_RATE_PER_ADDRESS } from '../limits.ts';
import { type Hash, hashesIn } from './hashes.ts';
import { MAX_PUBLISH_SECONDS, MAX_PUBLISHED_PER_REQUEST } from './limits.ts';

export const PUBLISH_HELP = `Usage: zauberflote-tracker publish --tracker URL --key-file FILE --site HOST [options] FILE…

Publishes what pages refer to by data-zf-hash, data-zf-srcset and data-zf-poster, at a tracker with --publish-keys-file.

  FILE…
        HTML files; other texts may have one id a line, such as sha256-…; - is standard input
  --tracker URL
        such as https://tracker.example; once for each, if there are several
  --key-file FILE
        private key (PEM or JWK), or the secret
  --site HOST
        whose they are, such as example.com
  --for TIME
        for how long, such as 12h or 30d; up to ${MAX_PUBLISH_SECONDS / 86_400}d (default 30d)
  --withdraw
        takes it back
  --audience TEXT
        where the tracker has --token-audience TEXT
`;

/** What is wrong with the command, its files or the tracker's answer. */
export class PublishError extends Error {}

type Id = Pick<ContentId, 'algorithm' | 'digest'>;

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };
/** The token is for so long. */
const TOKEN_TIME = '15m';
/** Longest that one call may take, in milliseconds. */
const CALL_TIMEOUT_MS = 30_000;

/**
 * Does what `zauberflote-tracker publish` says. @returns what it prints
 * @param args what follows `publish`
 * @throws {PublishError} for anything wrong, in words; what was published before stays
 * @throws {KeyError} if the key cannot be used
 */
export async function publishFiles(args: readonly string[], now: Date): Promise<string> {
  const { values, positionals: files } = parse(args);
  if (values.help) return PUBLISH_HELP;
  const { tracker: trackers = [], 'key-file': keyFile, site, audience, withdraw } = values;
  if (trackers.length === 0) throw new PublishError('--tracker is missing');
  if (keyFile === undefined) throw new PublishError('--key-file is missing');
  if (site === undefined) throw new PublishError('--site is missing');
  if (files.length === 0) throw new PublishError('name the files of the site: HTML, or - for ids');
  const urls = trackers.map(urlOf);
  const ttlSeconds = withdraw ? 0 : secondsOf(values.for);
  const contents = idsOf(files);
  const forWhom = audience === undefined ? [] : ['--audience', audience];
  const token = await makeToken(
    ['--key-file', keyFile, '--site', site, '--expires-in', TOKEN_TIME, ...forWhom],
    now,
  );
  const told = await Promise.all(
    urls.map(async (url) => {
      try {
        const published = await publishAt(url, { site, contents, ttlSeconds }, token.trim());
        return { text: `${url} serves ${published} contents of ${site} now`, isWell: true };
      } catch (error) {
        return { text: `${url} does not take it: ${reasonOf(error)}`, isWell: false };
      }
    }),
  );
  const text = told.map((each) => each.text).join('\n');
  if (!told.every(({ isWell }) => isWell)) throw new PublishError(text);
  return `${contents.length} contents ${withdraw ? 'taken back' : 'published'}\n${text}\n`;
}

/** How many contents the site has there then. @throws {Error} */
async function publishAt(
  base: string,
  { contents, ...rest }: { readonly site: string; contents: readonly Id[]; ttlSeconds: number },
  token: string,
): Promise<number> {
  let count = 0;
  for (let at = 0; at < contents.length; at += MAX_PUBLISHED_PER_REQUEST) {
    // Each call counts as a connection.
    if (at > 0)
      await new Promise((resolve) => setTimeout(resolve, 1_000 / CONNECT_RATE_PER_ADDRESS));
    const some = contents.slice(at, at + MAX_PUBLISHED_PER_REQUEST);
    const request = create(PublishRequestSchema, { ...rest, contents: some });
    count = await call(base, toJsonString(PublishRequestSchema, request), token);
  }
  return count;
}

/** Calls as curl would: what refuses it on the way speaks HTTP, not gRPC. @throws {Error} */
async function call(base: string, body: string, token: string): Promise<number> {
  const response = await fetch(`${base}/${TrackerService.typeName}/Publish`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
    redirect: 'manual',
    signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
    body,
  });
  const text = await response.text();
  const { status, headers } = response;
  const location = headers.get('location');
  if (location) {
    const [there] = new URL(location, base).href.split(`/${TrackerService.typeName}`);
    throw new Error(`it is elsewhere; name ${there}`);
  }
  const isJson = headers.get('content-type')?.startsWith('application/json');
  if (status === 200 && isJson)
    return fromJsonString(PublishResponseSchema, text, { ignoreUnknownFields: true }).published;
  const said = isJson && messageOf(text);
  throw new Error(
    said || `HTTP ${status}: ${text.trim().slice(0, 200) || 'no tracker answers there'}`,
  );
}

/** Of an error as Connect has it. */
function messageOf(text: string): string | undefined {
  try {
    const error: { readonly message?: unknown } | null = JSON.parse(text);
    return typeof error?.message === 'string' ? error.message : undefined;
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? cause.message || message : message;
}

/** Where its calls are: pages name the same by ws: and wss:. @throws {PublishError} */
function urlOf(text: string): string {
  const url = URL.parse(text.replace(/^ws(?=s?:)/, 'http'));
  if (url && /^https?:$/.test(url.protocol)) return url.origin + url.pathname.replace(/\/$/, '');
  throw new PublishError(`--tracker takes a URL such as https://tracker.example, not '${text}'`);
}

/** The ids in the files, each once. @throws {PublishError} */
function idsOf(files: readonly string[]): Id[] {
  const ids = new Map<string, Id>();
  for (const file of files) {
    const name = file === '-' ? 'standard input' : file;
    const text = textOf(file, name);
    for (const { value, problem, line } of text.includes('<') ? hashesIn(text) : linesOf(text)) {
      const id = problem ?? parseContentId(value);
      if (typeof id === 'string') throw new PublishError(`${name}, line ${line}: ${id}`);
      ids.set(contentKey(id), id);
    }
  }
  if (ids.size === 0)
    throw new PublishError(
      'there is no data-zf-hash, data-zf-srcset or data-zf-poster in these files, so there is nothing to publish',
    );
  return [...ids.values()];
}

/** @throws {PublishError} */
function textOf(file: string, name: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new PublishError(
      code === 'EISDIR'
        ? `${name} is a folder; name the files: $(find ${name} -name '*.html')`
        : `${name} cannot be read: ${message}`,
    );
  }
}

function linesOf(text: string): Hash[] {
  const lines = text.replace(/^\uFEFF/, '').split('\n');
  return lines
    .map((value, index) => ({ value, line: index + 1 }))
    .filter(({ value }) => value.trim() !== '');
}

/** @throws {PublishError} */
function secondsOf(time: string): number {
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(time) ?? [];
  const seconds = Number(count) * (SECONDS[unit ?? ''] ?? 0);
  if (seconds > 0 && seconds <= MAX_PUBLISH_SECONDS) return seconds;
  throw new PublishError(
    `--for takes a time up to ${MAX_PUBLISH_SECONDS / 86_400}d such as 30d, not '${time}'`,
  );
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        tracker: { type: 'string', multiple: true },
        'key-file': { type: 'string' },
        site: { type: 'string' },
        for: { type: 'string', default: '30d' },
        withdraw: { type: 'boolean' },
        audience: { type: 'string' },
        help: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new PublishError((error as Error).message);
  }
}

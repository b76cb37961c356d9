import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parseContentId } from '@zauberflote/client/src/integrity/content-id.ts';
import { typeByExtension } from '@zauberflote/client/src/sources/media-types.ts';
import { decodeManifest, MAX_MANIFEST_BYTES } from '@zauberflote/proto';
import { type ManifestOptions, makeManifest } from '../manifest.ts';
import { ChangedError, type DiskFile, openAs } from './disk-file.ts';
import { type FoundFile, stateOf } from './find-files.ts';
import { HASH_READ_BYTES } from './limits.ts';

/** What pages may call a file by, see `data-zf-hash`. */
export const FORMS = ['zf1', 'sha256', 'sha384', 'sha512', 'sha1'] as const;
export type Form = (typeof FORMS)[number];

export interface IdentifyOptions {
  readonly forms: readonly Form[];
  /** Of files without a manifest beside them. @default by size */
  readonly chunkSize?: number | undefined;
  /** Ends it, with its reason. */
  readonly signal: AbortSignal;
}

/**
 * Reads all of a file, and says what pages may call it and what its chunks are. What a manifest beside it is made with,
 * its owner has most likely given to the pages.
 * @throws {ChangedError} if the file is changed meanwhile
 */
export async function identify(
  found: FoundFile,
  options: IdentifyOptions,
): Promise<{ readonly file: DiskFile; readonly isManifestWrong: boolean }> {
  const beside = await manifestBeside(found);
  const usual = { chunkSize: options.chunkSize, mediaType: typeByExtension(found.path) };
  let hashed = await hash(found, beside?.options ?? usual, options);
  const isTheirs = !!beside?.bytes.equals(hashed.manifest);
  if (beside && !isTheirs) hashed = await hash(found, usual, options);
  const { path, name, size, state, manifestState } = found;
  const { manifest } = hashed;
  // A part of the same memory.
  const { chunkSize, chunkSha256: hashes } = decodeManifest(manifest);
  const contents = options.forms.map((form) => parseContentId(hashed.ids[form]));
  const file = { path, name, size, state, manifestState, chunkSize, manifest, hashes, contents };
  return { file, isManifestWrong: manifestState !== undefined && !isTheirs };
}

/** Reads a file once, from its first to its last byte. */
async function hash(
  { path, state, size }: FoundFile,
  made: ManifestOptions,
  { forms, signal }: IdentifyOptions,
) {
  const more = forms.filter((form) => form === 'sha384' || form === 'sha512');
  const hashes = more.map((form) => [form, createHash(form)] as const);
  const handle = await openAs(path, state);
  try {
    const parts = handle.createReadStream({ autoClose: false, highWaterMark: HASH_READ_BYTES });
    const read = seen(parts, (part) => {
      signal.throwIfAborted();
      for (const [, one] of hashes) one.update(part);
    });
    const hasChanged = async () => stateOf(await handle.stat({ bigint: true })) !== state;
    const change = () => new ChangedError('it was changed while it was read');
    const { id, sha1, sha256, manifest } = await makeManifest(read, size, made).catch(
      // One that grows or shrinks has not the bytes that it should have.
      async (error) => {
        throw !signal.aborted && (await hasChanged()) ? change() : error;
      },
    );
    if (await hasChanged()) throw change();
    const sri = (form: string, digest: Buffer) => `${form}-${digest.toString('base64')}`;
    const ids: Partial<Record<Form, string>> = { zf1: id, sha1 };
    ids.sha256 = sri('sha256', Buffer.from(sha256, 'hex'));
    for (const [form, one] of hashes) ids[form] = sri(form, one.digest());
    return { manifest, ids: ids as Readonly<Record<Form, string>> };
  } finally {
    await handle.close();
  }
}

async function* seen(parts: AsyncIterable<Uint8Array>, see: (part: Uint8Array) => void) {
  for await (const part of parts) {
    see(part);
    yield part;
  }
}

/** What a manifest beside a file was made with, if it can be one of it. */
async function manifestBeside({ path, size, manifestState }: FoundFile) {
  if (manifestState === undefined) return undefined;
  try {
    const handle = await openAs(`${path}.zf`, manifestState);
    try {
      if ((await handle.stat()).size > MAX_MANIFEST_BYTES) return undefined;
      const bytes = await readFile(handle);
      const { chunkSize, mediaType, size: said } = decodeManifest(bytes);
      return Number(said) === size ? { bytes, options: { chunkSize, mediaType } } : undefined;
    } finally {
      await handle.close();
    }
  } catch {
    return undefined;
  }
}

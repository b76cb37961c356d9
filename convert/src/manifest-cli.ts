import { rename, rm, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { EXTENSIONS } from '@zauberflote/client/src/sources/media-types.ts';
import { isMediaType, MAX_REQUEST_BYTES } from '@zauberflote/proto';
import manifest from '../package.json' with { type: 'json' };
import { type ManifestOptions, manifestOfFile } from './manifest.ts';

/** The extensions that say a type, a line for each kind. */
const KNOWN = Object.entries(EXTENSIONS)
  .map(([type, words]) => `                      ${type}: ${words.replaceAll(/=\S+/g, '')}`)
  .join('\n');

const USAGE = `Usage: zauberflote-manifest [options] FILE...

Prints a line of JSON for each FILE:
  {file, id, size, chunkSize, chunks, sha1, sha256, manifest}
The id goes into data-zf-hash. The manifest, here in base64, goes into the page:
  <script type="application/zauberflote-manifest">BASE64</script>
or beside the file on the server, as FILE.zf. Sizes are in bytes, hashes in hex.

Options:
  --write             also write the manifest to FILE.zf (a FILE that ends in .zf is passed over)
  --chunk-size BYTES  1 to ${MAX_REQUEST_BYTES} (default by size: 16384 up to 1 MiB, 32768 up to 4 MiB, ...);
                      from 4096 on peers take any number of them
  --type MEDIA-TYPE   such as 'text/html;charset=utf-8', or '' for none (default by extension, none for
                      others than these:
${KNOWN})
  --help              print this and exit
  --version           print the version and exit

A file and the same options always give the same id. Exit status: 0, or 1 if a file could not be
read or written (the others are still done), or 2 for wrong options.
`;

/** Requests for less count as small messages, and who sends too many is disconnected (docs/protocol.md). */
const FAIR_CHUNK_BYTES = 4_096;

/** What can be said about a failure to read or write. */
const FILE_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a directory',
  EACCES: 'no permission',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
};

type Command =
  | { readonly kind: 'print'; readonly text: string }
  | {
      readonly kind: 'make';
      readonly files: readonly string[];
      readonly write: boolean;
      readonly options: ManifestOptions;
    };

/** Runs the command; sets the exit code of the process. */
export async function main(args: readonly string[]): Promise<void> {
  let command: Command;
  try {
    command = parse(args);
  } catch (error) {
    return fail(2, `${(error as Error).message}\nTry: zauberflote-manifest --help`);
  }
  if (command.kind === 'print') {
    process.stdout.write(command.text);
    return;
  }
  // Whoever reads may have enough, as head does. Without a word, and what is left is not written either, as with other commands.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
  for (const file of command.files)
    try {
      await make(file, command.write, command.options);
    } catch (error) {
      fail(1, `${file}: ${reason(error)}`);
    }
}

async function make(file: string, write: boolean, options: ManifestOptions): Promise<void> {
  if (write && file.endsWith('.zf')) {
    console.error(`zauberflote-manifest: ${file}: passed over, it is a manifest by its name`);
    return;
  }
  const made = await manifestOfFile(file, options);
  if (write) await replace(`${file}.zf`, made.manifest);
  if (made.chunkSize < FAIR_CHUNK_BYTES && made.chunks > 1)
    console.error(
      `zauberflote-manifest: ${file}: peers may end connections over chunks of ${made.chunkSize} bytes, ` +
        `as messages too small; take ${FAIR_CHUNK_BYTES} or more`,
    );
  const base64 = Buffer.from(made.manifest).toString('base64');
  process.stdout.write(`${JSON.stringify({ file, ...made, manifest: base64 })}\n`);
}

/** Writes a file so that whoever reads it meanwhile gets all of the old or all of the new one. */
async function replace(path: string, data: Uint8Array): Promise<void> {
  const unfinished = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(unfinished, data);
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw new Error(`${path} could not be written: ${reason(error)}`, { cause: error });
  }
}

function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return FILE_ERRORS[code ?? ''] ?? message;
}

function parse(args: readonly string[]): Command {
  const { values, positionals: files } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      write: { type: 'boolean', default: false },
      'chunk-size': { type: 'string' },
      type: { type: 'string' },
      help: { type: 'boolean' },
      version: { type: 'boolean' },
    },
  });
  if (values.help) return { kind: 'print', text: USAGE };
  if (values.version) return { kind: 'print', text: `${manifest.version}\n` };
  if (files.length === 0) throw new Error('name at least one file');
  const { write, type: mediaType, 'chunk-size': digits } = values;
  const chunkSize = digits === undefined ? undefined : Number(digits);
  if (chunkSize !== undefined && !(/^\d+$/.test(digits!) && isChunkSize(chunkSize)))
    throw new Error(
      `--chunk-size takes a whole number from 1 to ${MAX_REQUEST_BYTES}, not '${digits}'`,
    );
  if (mediaType && !isMediaType(mediaType))
    throw new Error(`--type takes a media type such as image/jpeg, not '${mediaType}'`);
  return { kind: 'make', files, write, options: { chunkSize, mediaType } };
}

function isChunkSize(bytes: number): boolean {
  return bytes >= 1 && bytes <= MAX_REQUEST_BYTES;
}

function fail(exitCode: number, message: string): void {
  console.error(`zauberflote-manifest: ${message}`);
  process.exitCode = exitCode;
}

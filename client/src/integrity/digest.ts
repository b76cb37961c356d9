import { HashAlgorithm } from '@zauberflote/proto';
import { ZfError } from '../errors.ts';
import type { Content } from './content-id.ts';
import type { ManifestInfo } from './manifest.ts';

type Hash = (data: Uint8Array) => Uint8Array;

/** What the lazily loaded library (client/src/hash-library.ts) exports. */
export interface HashLibrary {
  readonly sha1: Hash;
  readonly sha256: Hash;
  readonly sha384: Hash;
  readonly sha512: Hash;
}

/** As in {@link HashLibrary}; crypto.subtle writes them "sha-256", in either case. */
const NAMES: Partial<Record<HashAlgorithm, keyof HashLibrary>> = {
  [HashAlgorithm.SHA1]: 'sha1',
  [HashAlgorithm.SHA256]: 'sha256',
  [HashAlgorithm.SHA384]: 'sha384',
  [HashAlgorithm.SHA512]: 'sha512',
  [HashAlgorithm.MANIFEST_SHA256]: 'sha256',
};

/**
 * Says whether bytes have the hash of a content, or of a chunk in a manifest. Uses crypto.subtle, or, on plain-http pages where
 * there is none, a library loaded when first needed.
 */
export class Verifier {
  readonly #subtle: SubtleCrypto | undefined;
  readonly #load: () => Promise<HashLibrary>;
  #library: Promise<HashLibrary> | undefined;

  constructor(subtle: SubtleCrypto | undefined, load: () => Promise<HashLibrary>) {
    this.#subtle = subtle;
    this.#load = load;
  }

  /**
   * Starts loading what hashing needs, so that it is there when bytes are.
   * @throws {ZfError} `no-hash-library`
   */
  async ready(): Promise<void> {
    if (!this.#subtle) await this.#loaded();
  }

  /**
   * @param data the file, or for the id of a manifest the bytes of that
   * @throws {ZfError} `no-hash-library`
   */
  matches(
    { algorithm, digest }: Pick<Content, 'algorithm' | 'digest'>,
    data: Uint8Array<ArrayBuffer>,
  ): Promise<boolean> {
    return this.#digest(algorithm, data).then(
      (actual) => actual?.length === digest.length && actual.every((byte, i) => byte === digest[i]),
    );
  }

  /**
   * Whether `data` is chunk `index` of the file that a manifest describes.
   * @throws {ZfError} `no-hash-library`
   */
  matchesChunk(
    { size, chunkSize, count, chunkSha256 }: ManifestInfo,
    index: number,
    data: Uint8Array<ArrayBuffer>,
  ): Promise<boolean> {
    if (index >= count || data.length !== Math.min(chunkSize, size - index * chunkSize))
      return Promise.resolve(false);
    const digest = chunkSha256.subarray(32 * index, 32 * index + 32);
    return this.matches({ algorithm: HashAlgorithm.SHA256, digest }, data);
  }

  /** @throws {ZfError} `no-hash-library` */
  async sha256(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
    return (await this.#digest(HashAlgorithm.SHA256, data)) as Uint8Array;
  }

  /** Undefined for an algorithm that is not known. */
  async #digest(
    algorithm: HashAlgorithm,
    data: Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array | undefined> {
    const name = NAMES[algorithm];
    if (!name) return undefined;
    return this.#subtle
      ? new Uint8Array(await this.#subtle.digest(name.replace('sha', 'sha-'), data))
      : (await this.#loaded())[name](data);
  }

  #loaded(): Promise<HashLibrary> {
    this.#library ??= this.#load().catch((cause: unknown) => {
      this.#library = undefined;
      throw new ZfError(
        'no-hash-library',
        'a page without https has no crypto.subtle, and the hash library could not be loaded: ' +
          'put zauberflote-hash.mjs beside zauberflote.js, or serve the page over https',
        { cause },
      );
    });
    return this.#library;
  }
}

import { HashAlgorithm } from '@zauberflote/proto';
import { ZfError } from '../errors.ts';
import type { Content } from './content-id.ts';

type Hash = (data: Uint8Array) => Uint8Array;

/** What the lazily loaded library (client/src/hash-library.ts) exports. */
export interface HashLibrary {
  readonly sha1: Hash;
  readonly sha256: Hash;
  readonly sha384: Hash;
  readonly sha512: Hash;
}

const NAMES: Partial<Record<HashAlgorithm, [subtle: string, library: keyof HashLibrary]>> = {
  [HashAlgorithm.SHA1]: ['SHA-1', 'sha1'],
  [HashAlgorithm.SHA256]: ['SHA-256', 'sha256'],
  [HashAlgorithm.SHA384]: ['SHA-384', 'sha384'],
  [HashAlgorithm.SHA512]: ['SHA-512', 'sha512'],
};

/**
 * Says whether bytes have the hash of a content. Uses crypto.subtle, or, on plain-http pages where
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

  /** @throws {ZfError} `no-hash-library` */
  async matches(content: Content, data: Uint8Array<ArrayBuffer>): Promise<boolean> {
    const names = NAMES[content.algorithm];
    if (!names) return false;
    const digest = this.#subtle
      ? new Uint8Array(await this.#subtle.digest(names[0], data))
      : (await this.#loaded())[names[1]](data);
    return (
      digest.length === content.digest.length &&
      digest.every((byte, i) => byte === content.digest[i])
    );
  }

  #loaded(): Promise<HashLibrary> {
    this.#library ??= this.#load().catch((cause: unknown) => {
      this.#library = undefined;
      throw new ZfError(
        'no-hash-library',
        'this page has no crypto.subtle (it is not served over https) and the hash library could ' +
          'not be loaded: put zauberflote-hash.mjs beside zauberflote.js, or serve the page over https',
        { cause },
      );
    });
    return this.#library;
  }
}

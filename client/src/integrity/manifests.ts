import { contentKey, HashAlgorithm } from '@zauberflote/proto';
import type { Content } from './content-id.ts';
import type { Verifier } from './digest.ts';
import { type ManifestInfo, parseManifest } from './manifest.ts';

/** Manifests kept at a time, about as many as assets; the oldest go. */
export const MAX_MANIFESTS = 1_024;

/** Manifests seen in the page and elsewhere, found by the content id that each proves for itself. */
export class Manifests {
  readonly #verifier: Verifier;
  readonly #byKey = new Map<string, ManifestInfo>();
  #unhashed: ManifestInfo[] = [];
  #hashed = Promise.resolve();

  constructor(verifier: Verifier) {
    this.#verifier = verifier;
  }

  /** Takes a manifest from anywhere; what is none is dropped. The bytes must not change any more. */
  add(bytes: Uint8Array<ArrayBuffer>): void {
    try {
      this.#unhashed.push(parseManifest(bytes));
    } catch {
      return;
    }
    if (this.#unhashed.length > MAX_MANIFESTS) this.#unhashed.shift();
  }

  /**
   * The manifest of a content, if it was seen.
   * @throws {ZfError} `no-hash-library`
   */
  async get({ algorithm, key }: Content): Promise<ManifestInfo | undefined> {
    if (algorithm !== HashAlgorithm.MANIFEST_SHA256) return undefined;
    await this.#verifier.ready();
    const fresh = this.#unhashed.splice(0).map((manifest) => this.#entry(manifest));
    // Kept in the order they came in, whichever was hashed first: the oldest go.
    this.#hashed = Promise.all([this.#hashed, ...fresh]).then(([, ...entries]) => {
      for (const entry of entries) this.#keep(...entry);
    });
    await this.#hashed;
    return this.#byKey.get(key);
  }

  async #entry(manifest: ManifestInfo): Promise<[string, ManifestInfo]> {
    const digest = await this.#verifier.sha256(manifest.bytes);
    return [contentKey({ algorithm: HashAlgorithm.MANIFEST_SHA256, digest }), manifest];
  }

  #keep(key: string, manifest: ManifestInfo): void {
    this.#byKey.set(key, manifest);
    for (const oldest of this.#byKey.keys()) {
      if (this.#byKey.size <= MAX_MANIFESTS) break;
      this.#byKey.delete(oldest);
    }
  }
}

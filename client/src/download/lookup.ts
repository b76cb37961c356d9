import { contentKey, HashAlgorithm, keyContent, MAX_MANIFEST_BYTES } from '@zauberflote/proto';
import type { EngineEvent, TrackerReach } from '../engine/types.ts';
import type { Content } from '../integrity/content-id.ts';
import type { SwarmReply } from '../tracker/types.ts';
import type { DownloadContext } from './download.ts';
import { Download } from './download.ts';

/** Who has a content, as the tracker said. */
export type Found = Omit<SwarmReply, 'contentKey'>;

/**
 * A manifest that peers are asked for. It is a content of its own, under the SHA-256 that is the digest of the content it
 * is of; they have it if they have that, and are connected to for that.
 */
export class Lookup extends Download {
  /** What it is of. */
  readonly of: Content;
  /** Whether the tracker named anybody. */
  isNamed = false;
  reach: TrackerReach = 'there';

  constructor(of: Content, context: DownloadContext) {
    const id = { algorithm: HashAlgorithm.SHA256, digest: of.digest };
    super({ ...id, key: contentKey(id) }, undefined, context, () => {});
    this.of = of;
  }

  /** Tells who has the content, if it is that. What they have of the manifest, they have to say themselves. */
  found(key: string, { holders }: Found): void {
    if (key !== this.of.key) return;
    this.isNamed ||= holders.length > 0;
    const unknown = { size: 0, partial: true };
    this.tell({ type: 'holders', holders: holders.map(({ peer }) => ({ peer, ...unknown })) });
  }

  /** Whether somebody may have it, as far as is known. */
  get hasHope(): boolean {
    return this.isNamed || this.reach === 'there' || this.reach === 'anew';
  }

  override tell(event: EngineEvent): void {
    if (event.type === 'tracker') this.reach = event.reach;
    // Who claims more would have it wait for what is none.
    if (event.type !== 'holdings' || event.size <= MAX_MANIFEST_BYTES) super.tell(event);
  }
}

/** The key of the content whose manifest, as a content, has this key; undefined if it can be none. */
export function keyOfManifested(key: string): string | undefined {
  const { algorithm, digest } = keyContent(key);
  return algorithm === HashAlgorithm.SHA256
    ? contentKey({ algorithm: HashAlgorithm.MANIFEST_SHA256, digest })
    : undefined;
}

import { typeByExtension } from '@zauberflote/client/src/sources/media-types.ts';
import { makeManifest } from '../../manifest.ts';
import { convertPage } from '../convert-page.ts';
import type { Asset, ConvertedPage, Files, PageOptions } from '../types.ts';
import { SiteUrls } from '../urls.ts';

export const OPTIONS: PageOptions = {
  minSize: 10,
  kinds: new Set(['pictures', 'scripts', 'styles', 'media']),
  noscript: true,
  script: '/zauberflote/zauberflote.js',
  trackers: ['wss://tracker.example/'],
  maxInlineBytes: 100_000,
};

/** A site in memory. */
export class MemorySite implements Files {
  readonly files = new Map<string, Buffer>();

  /** @param files contents by path; a number: so many bytes */
  constructor(files: Readonly<Record<string, string | number>>) {
    for (const [path, content] of Object.entries(files))
      this.files.set(
        path,
        typeof content === 'string' ? Buffer.from(content) : Buffer.alloc(content, path),
      );
  }

  async asset(path: string): Promise<Asset | undefined> {
    const bytes = this.files.get(path);
    if (!bytes) return undefined;
    const mediaType = typeByExtension(path);
    const { id, manifest } = await makeManifest([bytes], bytes.length, { mediaType });
    return { path, size: bytes.length, id, manifest, isTaken: false };
  }

  async bytes(path: string): Promise<Uint8Array> {
    return this.files.get(path)!;
  }

  convert(page: string | Uint8Array, options: Partial<PageOptions> = {}, path = 'index.html') {
    const bytes = typeof page === 'string' ? Buffer.from(page) : page;
    return convertPage(bytes, path, new SiteUrls(), { ...OPTIONS, ...options }, this);
  }

  async id(path: string): Promise<string> {
    return (await this.asset(path))!.id;
  }
}

/** The text of a page without what was put into its head. */
export function body({ bytes }: ConvertedPage): string {
  return Buffer.from(bytes)
    .toString()
    .replace(/<!--zauberflote-convert-->.*<!--\/zauberflote-convert-->/s, '');
}

/** Why elements stayed as they are. */
export function reasons({ skips }: ConvertedPage): string[] {
  return skips.map(({ reason }) => reason);
}

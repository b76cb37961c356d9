/** Entry of zauberflote.mjs, the library for pages that bundle their scripts. */
import type { ZauberfloteOptions } from './zauberflote.ts';
import { ZauberfloteCore } from './zauberflote.ts';

export type { Stats } from './download/download-manager.ts';
export type { UploadPolicy } from './download/manners.ts';
export type {
  ByteRange,
  BytesBySource,
  DownloadOptions,
  Progress,
  StreamHead,
  StreamOptions,
} from './download/types.ts';
export { ZfError, type ZfErrorCode } from './errors.ts';
export type { ZauberfloteOptions } from './zauberflote.ts';

/** {@inheritDoc ZauberfloteCore} */
export class Zauberflote extends ZauberfloteCore {
  constructor(options: ZauberfloteOptions = {}) {
    super(options, {
      loadHashes: () => import('./hash-library.ts'),
      loadCss: () => import('./dom/stylesheet.ts'),
      loadMedia: () => import('./dom/media-server.ts'),
      page: globalThis.window,
    });
  }
}

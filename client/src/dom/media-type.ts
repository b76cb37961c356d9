import { typeByExtension } from '../sources/media-types.ts';
import { parseUrl } from './url.ts';

/** What the paper (section 3.5) gives everything but scripts and stylesheets. */
export const UNKNOWN_TYPE = 'application/octet-stream';

/** Bytes of an asset in which {@link mediaType} looks for `<svg`. */
export const SNIFFED_BYTES = 1024;

export interface MediaTypeHints {
  /** What HTTP said, maybe empty. */
  readonly served: string;
  /** The element's `type` attribute. Kept only if it has the form of a media type (`type=image` has not). */
  readonly declared?: string | null | undefined;
  /** Where the asset is at its origin. */
  readonly url: string;
  /** The first {@link SNIFFED_BYTES} bytes. */
  readonly head: Uint8Array;
}

/**
 * The media type an asset is shown as. Browsers recognise pictures and media by their bytes, but
 * not SVG, fonts in CSS, or documents.
 */
export function mediaType({ served, declared, url, head }: MediaTypeHints): string {
  if (essence(served) !== '' && essence(served) !== UNKNOWN_TYPE) return served;
  if (declared?.includes('/')) return declared.trim();
  const expected = typeByExtension(parseUrl(url)?.pathname ?? '');
  if (expected) return expected;
  const start = new TextDecoder().decode(head.subarray(0, SNIFFED_BYTES));
  return /<svg[\s>]/i.test(start) ? 'image/svg+xml' : UNKNOWN_TYPE;
}

/** {@link mediaType} of a file. */
export async function typeOf(
  blob: Blob,
  declared: string | null | undefined,
  url: string,
): Promise<string> {
  const head = new Uint8Array(await blob.slice(0, SNIFFED_BYTES).arrayBuffer());
  return mediaType({ served: blob.type, declared, url, head });
}

/** The character set a media type names, or undefined. */
export function charset(type: string): string | undefined {
  return /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(type)?.[1];
}

/** `type`, with the character set of the type the asset was served as. */
export function withCharsetOf(type: string, served: string): string {
  const name = charset(served);
  return name === undefined ? type : `${type};charset=${name}`;
}

/** Whether a browser makes a page with an origin of its own from this type. */
export function isPage(type: string): boolean {
  return /^(?:text\/html|application\/xhtml\+xml)$/.test(essence(type));
}

function essence(type: string): string {
  return type.split(';', 1)[0]!.trim().toLowerCase();
}

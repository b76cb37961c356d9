import { typeByExtension } from '../sources/media-types.ts';
import { parseUrl } from './url.ts';

/** What the paper (section 3.5) gives everything but scripts and stylesheets. */
export const UNKNOWN_TYPE = 'application/octet-stream';

/** Bytes at the start of an asset in which `<svg` is looked for. */
export const SNIFFED_BYTES = 1024;

export interface MediaTypeHints {
  /** What HTTP said, maybe empty. */
  readonly served: string;
  /** The element's `type` attribute. Kept only if it has the form of a media type (`type=image` has not). */
  readonly declared?: string | null | undefined;
  /** Where the asset is at its origin. */
  readonly url: string;
}

/** The media type an asset is shown as, as far as that is said; else empty. */
export function mediaType({ served, declared, url }: MediaTypeHints): string {
  if (essence(served) !== '' && essence(served) !== UNKNOWN_TYPE) return served;
  if (declared?.includes('/')) return declared.trim();
  return typeByExtension(parseUrl(url)?.pathname ?? '');
}

/**
 * {@link mediaType} of a file; if nothing says it, what its first bytes do. Browsers recognise pictures
 * and media by themselves, but not SVG, fonts in CSS, or documents.
 */
export async function typeOf(
  blob: Blob,
  declared: string | null | undefined,
  url: string,
): Promise<string> {
  const said = mediaType({ served: blob.type, declared, url });
  // To read a Blob is to ask another process, which first has to take over all of it.
  if (said) return said;
  const start = await blob.slice(0, SNIFFED_BYTES).text();
  return /<svg[\s>]/i.test(start) ? 'image/svg+xml' : UNKNOWN_TYPE;
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

/** Whether a browser may run scripts in what it shows of this type: of all kinds of XML, SVG among them, it does. */
export function mayScript(type: string): boolean {
  return !/^(?:image\/(?!svg)|audio\/|video\/|application\/pdf$)/.test(essence(type));
}

function essence(type: string): string {
  return type.split(';', 1)[0]!.trim().toLowerCase();
}

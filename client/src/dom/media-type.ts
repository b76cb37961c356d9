import { parseUrl } from './url.ts';

/** Media types by file extension, of what web pages embed. */
const BY_EXTENSION: Readonly<Record<string, string>> = {
  avif: 'image/avif',
  css: 'text/css',
  gif: 'image/gif',
  html: 'text/html',
  ico: 'image/x-icon',
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  js: 'text/javascript',
  json: 'application/json',
  m4a: 'audio/mp4',
  mjs: 'text/javascript',
  mp3: 'audio/mpeg',
  mp4: 'video/mp4',
  oga: 'audio/ogg',
  ogg: 'audio/ogg',
  ogv: 'video/ogg',
  otf: 'font/otf',
  pdf: 'application/pdf',
  png: 'image/png',
  svg: 'image/svg+xml',
  ttf: 'font/ttf',
  txt: 'text/plain',
  vtt: 'text/vtt',
  wav: 'audio/wav',
  webm: 'video/webm',
  webp: 'image/webp',
  woff: 'font/woff',
  woff2: 'font/woff2',
};

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
  const extension = /\.([a-z0-9]+)$/i.exec(parseUrl(url)?.pathname ?? '')?.[1]?.toLowerCase();
  if (extension && Object.hasOwn(BY_EXTENSION, extension)) return BY_EXTENSION[extension]!;
  const start = new TextDecoder().decode(head.subarray(0, SNIFFED_BYTES));
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

function essence(type: string): string {
  return type.split(';', 1)[0]!.trim().toLowerCase();
}

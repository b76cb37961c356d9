/** A page as a text whose untouched parts become the very same bytes again. */
export interface PageText {
  readonly text: string;
  /** Of one that is not, bytes stand for characters: what is not ASCII must not be read as a name. */
  readonly isUtf8: boolean;
  encode(text: string): Buffer;
}

/**
 * Character sets in which the bytes of `<`, `>`, `=`, quotes and white space may be part of another character. Browsers
 * read some of them as something else again; a page in one of them is left alone.
 */
const NOT_ASCII = /^(?:utf-?16|utf-?32|utf-?7|ucs-?2|unicode|iso-2022|csiso2022|hz)/i;

/** How far browsers look for a `<meta charset>`, in bytes (HTML Standard, 13.2.3.2). */
export const META_CHARSET_BYTES = 1_024;

/** @returns why not, if the page cannot be changed without risk */
export function readPage(bytes: Uint8Array): PageText | string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const mark = buffer.toString('latin1', 0, 3);
  if (/^(?:\xfe\xff|\xff\xfe)/.test(mark)) return 'it is in UTF-16';
  const charset = mark === '\xef\xbb\xbf' ? 'utf-8' : metaCharset(buffer);
  if (NOT_ASCII.test(charset)) return `it is in ${charset}`;
  if (/^(?:|utf-?8|unicode-1-1-utf-8)$/i.test(charset))
    try {
      const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(buffer);
      return { text, isUtf8: true, encode: (changed) => Buffer.from(changed, 'utf8') };
    } catch {
      // Then it is another set, whatever it says, and each byte a character.
    }
  return {
    text: buffer.toString('latin1'),
    isUtf8: false,
    encode: (changed) => Buffer.from(changed, 'latin1'),
  };
}

/** What a `<meta>` says, as browsers look for it: before they know how to read the page. */
function metaCharset(buffer: Buffer): string {
  const start = buffer.toString('latin1', 0, META_CHARSET_BYTES);
  return /<meta\b[^>]*?\bcharset\s*=\s*["']?\s*([^\s"'/>;]+)/i.exec(start)?.[1] ?? '';
}

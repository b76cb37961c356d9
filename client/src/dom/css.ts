/**
 * Finds and rewrites the URLs of a stylesheet, following CSS Syntax Level 3 section 4 (tokens) as
 * far as it decides where a URL begins and ends. Everything that is not a URL stays as it is, to
 * the character: a stylesheet may hold hacks, errors and syntax that came after us.
 */

import { parseUrl } from './url.ts';

/** One URL in a stylesheet. */
export interface CssUrl {
  /** Offsets into the text of what a new URL, written as a string, replaces. */
  readonly start: number;
  readonly end: number;
  /** The URL with CSS escapes resolved. */
  readonly url: string;
  /** `import`: another stylesheet. */
  readonly kind: 'import' | 'resource';
}

/** A URL that depends on where the stylesheet is, or may be the URL of a marked asset. */
export interface CssReference {
  /** Absolute, without fragment. */
  readonly url: string;
  readonly kind: CssUrl['kind'];
}

const ESCAPED = '\\\\(?:[0-9a-fA-F]{1,6}(?:\\r\\n|[ \\t\\n\\r\\f])?|[^\\n\\r\\f0-9a-fA-F])';
const NAME = `(?:[-\\w\\0\\u0080-\\uffff]|${ESCAPED})+`;
const IDENT = `(?=--|-?(?:[A-Za-z_\\0\\u0080-\\uffff]|${ESCAPED}))${NAME}`;
const inQuotes = (quote: string) =>
  `${quote}((?:[^${quote}\\\\\\n\\r\\f]|\\\\\\r\\n|\\\\[\\s\\S]|\\\\$)*)${quote}?`;
const NUMBER = '\\d*\\.?\\d+(?:[eE][+-]?\\d+)?';
const TOKEN = new RegExp(
  [
    '(/\\*[\\s\\S]*?(?:\\*/|$)|[ \\t\\n\\r\\f]+)',
    inQuotes('"'),
    inQuotes("'"),
    `@(${IDENT})`,
    `#${NAME}|-->|<!--|${NUMBER}(?:${IDENT})?`,
    `(${IDENT})(\\(?)`,
    '[\\s\\S]',
  ].join('|'),
  'y',
);
/** The rest of `url(…)` without quotes, with the bracket; the URL is missing where it is none. */
const BARE_URL = new RegExp(
  `([ \\t\\n\\r\\f]*)(?![ \\t\\n\\r\\f"'])(?:((?:[^"'()\\\\ \\t\\n\\r\\f\\u0001-\\u0008\\u000b\\u000e-\\u001f\\u007f]|${ESCAPED})*)[ \\t\\n\\r\\f]*(?:\\)|$)|(?:[^)\\\\]|\\\\[\\s\\S])*\\)?)`,
  'y',
);
const ESCAPE = /\\(?:([0-9a-fA-F]{1,6})(?:\r\n|[ \t\n\r\f])?|(\r\n|[\n\r\f])|([\s\S])|$)/gu;

/** All URLs of a stylesheet, in order. Never throws: what is not CSS holds no URLs. */
export function findCssUrls(css: string): CssUrl[] {
  const found: CssUrl[] = [];
  /** Open blocks: `(`, `[`, `{`, or a function by its name. */
  const open: string[] = [];
  /** What a string here would be: the next token of `@import` or of `src(` and `url(`. */
  let awaiting: CssUrl['kind'] | undefined;
  let inNamespace = false;
  let at = 0;
  const match = (pattern: RegExp) => {
    pattern.lastIndex = at;
    return pattern.exec(css);
  };
  const add = (start: number, end: number, raw: string, kind: CssUrl['kind']) => {
    if (!inNamespace) found.push({ start, end, url: decodeEscapes(raw), kind });
  };
  while (at < css.length) {
    const [text, blank, double, single, rule, name, bracket] = match(TOKEN)!;
    const start = at;
    at += text.length;
    if (blank) continue;
    const expected = awaiting;
    const top = open.at(-1);
    awaiting = undefined;
    const raw = double ?? single;
    if (raw !== undefined) {
      const kind =
        expected ?? (/^(?:-webkit-)?image-set$/.test(top ?? '') ? 'resource' : undefined);
      // A string cut short by a line break is an error, one cut short by the end is not.
      if (kind && (text.length > raw.length + 1 || at === css.length)) add(start, at, raw, kind);
    } else if (rule) {
      const keyword = decodeEscapes(rule).toLowerCase();
      if (keyword === 'import') awaiting = 'import';
      inNamespace = keyword === 'namespace';
    } else if (bracket) {
      const callee = decodeEscapes(name!).toLowerCase();
      const kind = expected ?? 'resource';
      const bare = callee === 'url' && match(BARE_URL);
      if (bare) {
        const first = at + bare[1]!.length;
        const url = bare[2];
        if (url !== undefined) add(first, first + url.length, url, kind);
        at += bare[0].length;
      } else {
        open.push(callee);
        if (/^(?:url|src)$/.test(callee)) awaiting = kind;
      }
    } else {
      if ('([{'.includes(text)) open.push(text);
      else if (text === ')' ? top !== '[' && top !== '{' : top === { ']': '[', '}': '{' }[text])
        open.pop();
      if (';{}'.includes(text)) inNamespace = false;
    }
  }
  return found;
}

/** What a stylesheet refers to, once each: everything but `data:` URLs, fragments and non-URLs. */
export function cssReferences(css: string, base: string): CssReference[] {
  const references = new Map<string, CssReference>();
  rewriteCss(css, base, (reference) => {
    references.set(`${reference.kind} ${reference.url}`, reference);
    return undefined;
  });
  return [...references.values()];
}

/**
 * The stylesheet with every relative URL made absolute, as it would resolve at `base` (a blob: URL
 * is no base), and every URL `replacement` knows replaced; the fragment is carried over.
 * @param base absolute URL of the stylesheet
 */
export function rewriteCss(
  css: string,
  base: string,
  replacement: (reference: CssReference) => string | undefined = () => undefined,
): string {
  let out = '';
  let copied = 0;
  for (const { start, end, url, kind } of findCssUrls(css)) {
    const absolute = resolve(url, base);
    if (!absolute) continue;
    const { hash, href } = absolute;
    absolute.hash = '';
    const other = replacement({ url: absolute.href, kind });
    if (other === undefined && hasScheme(url)) continue;
    out += `${css.slice(copied, start)}"${inString(other === undefined ? href : other + hash)}"`;
    copied = end;
  }
  return out + css.slice(copied);
}

/** A URL as the URL Standard's parser sees it: no control characters around it, no line breaks in it. */
function trimmed(url: string): string {
  return url.replace(/^[\0-\x20]+|[\0-\x20]+$|[\t\n\r]/g, '');
}

function hasScheme(url: string): boolean {
  return /^[a-z][a-z\d+.-]*:/i.test(trimmed(url));
}

function resolve(url: string, base: string): URL | undefined {
  const text = trimmed(url);
  if (text === '' || text.startsWith('#') || /^data:/i.test(text)) return undefined;
  return parseUrl(text, base);
}

function decodeEscapes(text: string): string {
  return text
    .replaceAll('\0', '\ufffd')
    .replace(ESCAPE, (_, hex?: string, newline?: string, char?: string) => {
      if (hex !== undefined) {
        const code = Number.parseInt(hex, 16);
        const valid = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
        return valid ? String.fromCodePoint(code) : '\ufffd';
      }
      return newline !== undefined ? '' : (char ?? '');
    });
}

function inString(url: string): string {
  return url
    .replace(/["\\]/g, '\\$&')
    .replace(/[\n\r\f]/g, (char) => `\\${char.charCodeAt(0).toString(16)} `);
}

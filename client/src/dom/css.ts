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

const SPACE = /[ \t\n\r\f]*/y;
const ESCAPED = '\\\\(?:[0-9a-fA-F]{1,6}(?:\\r\\n|[ \\t\\n\\r\\f])?|[^\\n\\r\\f0-9a-fA-F])';
const NAME = new RegExp(`(?:[-\\w\\0\\u0080-\\uffff]|${ESCAPED})+`, 'y');
const NAME_START = new RegExp(`--|-?(?:[A-Za-z_\\0\\u0080-\\uffff]|${ESCAPED})`, 'y');
const NUMBER = /\d*\.?\d+(?:[eE][+-]?\d+)?/y;
/** The inside of `url(…)` without quotes, from its first character that is not white space. */
const BARE_URL = new RegExp(
  `((?:[^"'()\\\\ \\t\\n\\r\\f\\u0001-\\u0008\\u000b\\u000e-\\u001f\\u007f]|${ESCAPED})*)[ \\t\\n\\r\\f]*(?=\\)|$)`,
  'y',
);
const BAD_URL_REST = /(?:[^)\\]|\\[\s\S])*/y;
const STRINGS = {
  '"': /"((?:[^"\\\n\r\f]|\\\r\n|\\[\s\S]|\\$)*)/y,
  "'": /'((?:[^'\\\n\r\f]|\\\r\n|\\[\s\S]|\\$)*)/y,
};
const ESCAPE = /\\(?:([0-9a-fA-F]{1,6})(?:\r\n|[ \t\n\r\f])?|(\r\n|[\n\r\f])|([\s\S])|$)/gu;
const OPENER: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' };
const IMAGE_SET = /^(?:-webkit-)?image-set$/;

/** All URLs of a stylesheet, in order. Never throws: what is not CSS holds no URLs. */
export function findCssUrls(css: string): CssUrl[] {
  const found: CssUrl[] = [];
  /** Open blocks: `(`, `[`, `{`, or a function by its name. */
  const open: string[] = [];
  /** What a string here would be: the next token of `@import` or of `src(` and `url(`. */
  let awaiting: CssUrl['kind'] | undefined;
  let inNamespace = false;
  let at = 0;

  const match = (pattern: RegExp, from = at) => {
    pattern.lastIndex = from;
    return pattern.exec(css);
  };
  const add = (start: number, end: number, raw: string, kind: CssUrl['kind']) => {
    if (!inNamespace) found.push({ start, end, url: decodeEscapes(raw), kind });
  };
  const nameAt = (from: number) => (match(NAME_START, from) ? match(NAME, from)![0] : undefined);

  while (at < css.length) {
    const char = css[at]!;
    if (char === '/' && css[at + 1] === '*') {
      const end = css.indexOf('*/', at + 2);
      at = end < 0 ? css.length : end + 2;
      continue;
    }
    const space = match(SPACE)![0].length;
    if (space > 0) {
      at += space;
      continue;
    }

    const expected = awaiting;
    awaiting = undefined;
    if (char === '"' || char === "'") {
      const text = match(STRINGS[char])!;
      const end = at + text[0].length;
      const closed = css[end] === char;
      const kind = expected ?? (IMAGE_SET.test(open.at(-1) ?? '') ? 'resource' : undefined);
      // A string cut short by a line break is an error, one cut short by the end is not.
      if (kind && (closed || end === css.length)) add(at, closed ? end + 1 : end, text[1]!, kind);
      at = closed ? end + 1 : end;
    } else if (char === '@' || char === '#') {
      const name = char === '@' ? nameAt(at + 1) : match(NAME, at + 1)?.[0];
      at += 1 + (name?.length ?? 0);
      if (char === '@' && name) {
        const rule = decodeEscapes(name).toLowerCase();
        if (rule === 'import') awaiting = 'import';
        inNamespace = rule === 'namespace';
      }
    } else if (css.startsWith('-->', at)) at += 3;
    else if (css.startsWith('<!--', at)) at += 4;
    else if (match(NUMBER)) {
      at += match(NUMBER)![0].length;
      at += nameAt(at)?.length ?? 0;
    } else if (match(NAME_START)) {
      const name = nameAt(at)!;
      at += name.length;
      if (css[at] !== '(') continue;
      at++;
      const callee = decodeEscapes(name).toLowerCase();
      const kind = expected ?? 'resource';
      if (callee === 'url') at += match(SPACE)![0].length;
      if (callee === 'url' && css[at] !== '"' && css[at] !== "'") {
        const bare = match(BARE_URL);
        if (bare) {
          add(at, at + bare[1]!.length, bare[1]!, kind);
          at += bare[0].length + 1;
        } else at += match(BAD_URL_REST)![0].length + 1;
      } else {
        open.push(callee);
        if (callee === 'url' || callee === 'src') awaiting = kind;
      }
    } else {
      if (char === '(' || char === '[' || char === '{') open.push(char);
      else if (OPENER[char] && closes(char, open.at(-1))) open.pop();
      if (char === ';' || char === '{' || char === '}') inNamespace = false;
      at++;
    }
  }
  return found;
}

/** What a stylesheet refers to, once each: everything but `data:` URLs, fragments and non-URLs. */
export function cssReferences(css: string, base: string): CssReference[] {
  const references = new Map<string, CssReference>();
  for (const { url, kind } of findCssUrls(css)) {
    const absolute = resolve(url, base);
    if (!absolute) continue;
    absolute.hash = '';
    references.set(`${kind} ${absolute.href}`, { url: absolute.href, kind });
  }
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

function closes(closer: string, opener: string | undefined): boolean {
  if (opener === undefined) return false;
  return closer === ')' ? opener !== '[' && opener !== '{' : opener === OPENER[closer];
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

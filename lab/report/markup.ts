/** HTML and SVG from one function. Strings are always text: only {@link Markup} is taken as it is. */

/** Finished markup. Nothing else escapes escaping. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export type Child = Markup | string | number | null | readonly Child[];
export type Attributes = Readonly<Record<string, string | number | undefined>>;

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Elements of HTML that have no end tag. */
const VOID = new Set(['meta', 'br', 'hr', 'img', 'link']);

/**
 * Text that means itself in HTML, XML and quoted attributes. What XML 1.0 cannot hold at all
 * (control characters, half a surrogate pair) becomes U+FFFD, else one bad byte in an error
 * message would make a whole figure unreadable.
 */
export function escapeText(text: string): string {
  return (
    text
      .toWellFormed()
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must go
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
      .replace(/[&<>"']/g, (character) => ESCAPES[character]!)
  );
}

function render(child: Child): string {
  if (child === null) return '';
  if (child instanceof Markup) return child.text;
  if (typeof child === 'object') return child.map(render).join('');
  return escapeText(typeof child === 'number' ? short(child) : child);
}

/** A number for an attribute: two decimals are less than what an eye or a screen resolves. */
function short(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** An element. Attributes that are undefined are left out. */
export function h(name: string, attributes: Attributes, ...children: Child[]): Markup {
  let start = name;
  for (const [key, value] of Object.entries(attributes))
    if (value !== undefined)
      start += ` ${key}="${typeof value === 'number' ? short(value) : escapeText(value)}"`;
  if (VOID.has(name)) return new Markup(`<${start}>`);
  return new Markup(`<${start}>${render(children)}</${name}>`);
}

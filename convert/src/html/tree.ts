import { type DefaultTreeAdapterTypes, parse } from 'parse5';

export type Element = DefaultTreeAdapterTypes.Element;
type Node = DefaultTreeAdapterTypes.Node;

const HTML = 'http://www.w3.org/1999/xhtml';

/** Where a piece of the page is. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** An attribute as it stands in the page. */
export interface Attribute extends Span {
  /** In lower case. */
  readonly name: string;
  /** With character references resolved. */
  readonly value: string;
  /** As it stands there, without quotes. */
  readonly raw: Span & { readonly text: string; readonly quote: '"' | "'" | '' };
}

/** Where an element was found. */
export type Place = 'page' | 'template' | 'foreign';

export interface Found {
  readonly element: Element;
  readonly place: Place;
}

/** A page, parsed with the places of its parts. */
export class Tree {
  readonly text: string;
  /** In document order, also those in templates. What is in `<noscript>` is text to whoever runs scripts. */
  readonly elements: readonly Found[];
  readonly comments: readonly (Span & { readonly data: string })[];
  /** Where its doctype ends; 0: it has none. */
  readonly doctypeEnd: number;

  constructor(text: string) {
    this.text = text;
    // To the parser a byte order mark would be the first word of the body.
    const document = parse(
      text.replace(/^(?:\ufeff|\xef\xbb\xbf)/, (mark) => ' '.repeat(mark.length)),
      {
        sourceCodeLocationInfo: true,
        scriptingEnabled: true,
      },
    );
    const elements: Found[] = [];
    const comments: (Span & { data: string })[] = [];
    let doctypeEnd = 0;
    const open: [Node, Place][] = [[document, 'page']];
    for (let next = open.pop(); next; next = open.pop()) {
      const [node, place] = next;
      const at = node.sourceCodeLocation;
      let inner = place;
      if ('tagName' in node) {
        if (place === 'page' && node.namespaceURI !== HTML)
          elements.push({ element: node, place: 'foreign' });
        else elements.push({ element: node, place });
      } else if (node.nodeName === '#comment' && 'data' in node && at)
        comments.push({ data: node.data, start: at.startOffset, end: at.endOffset });
      else if (node.nodeName === '#documentType' && at) doctypeEnd = at.endOffset;
      if ('content' in node) {
        inner = 'template';
        open.push([node.content, inner]);
      }
      if ('childNodes' in node)
        for (const child of node.childNodes.toReversed()) open.push([child, inner]);
    }
    this.elements = elements;
    this.comments = comments;
    this.doctypeEnd = doctypeEnd;
  }

  /** An attribute that has a place in the page. */
  attribute({ attrs, sourceCodeLocation }: Element, name: string): Attribute | undefined {
    const value = attrs.find((attribute) => attribute.name === name)?.value;
    const at = sourceCodeLocation?.attrs?.[name];
    if (value === undefined || !at) return undefined;
    const { startOffset: start, endOffset: end } = at;
    const source = this.text.slice(start, end);
    const [, head = source, quote = '', text = ''] =
      /^([^=]*=\s*)(["']?)([\s\S]*?)\2$/.exec(source) ?? [];
    const from = start + head.length + quote.length;
    const raw = { start: from, end: from + text.length, text, quote: quote as '"' | "'" | '' };
    return { name, value, start, end, raw };
  }

  /** The start tag; undefined of an element that the page does not write out. */
  startTag({ sourceCodeLocation }: Element): Span | undefined {
    // The parser says nothing of the start tag of an element without an end tag but where it is itself.
    const at = sourceCodeLocation?.startTag ?? sourceCodeLocation;
    return at ? { start: at.startOffset, end: at.endOffset } : undefined;
  }

  /**
   * Whether a start tag has an attribute twice. The parser takes the first: with another name that would make way for
   * the second.
   */
  hasTwice(element: Element): boolean {
    const tag = this.startTag(element);
    if (!tag) return false;
    let rest = '';
    let at = tag.start;
    const spans = Object.values(element.sourceCodeLocation?.attrs ?? {});
    for (const { startOffset, endOffset } of spans.toSorted(
      (a, b) => a.startOffset - b.startOffset,
    )) {
      rest += `${this.text.slice(at, startOffset)} `;
      at = endOffset;
    }
    rest += this.text.slice(at, tag.end);
    return !/^<[^\s/>]+[\s/]*>$/.test(rest);
  }

  line(offset: number): number {
    let line = 1;
    for (
      let at = this.text.indexOf('\n');
      at !== -1 && at < offset;
      at = this.text.indexOf('\n', at + 1)
    )
      line++;
    return line;
  }
}

/** An attribute's value; null if there is none. */
export function get({ attrs }: Element, name: string): string | null {
  return attrs.find((attribute) => attribute.name === name)?.value ?? null;
}

export function parentOf({ parentNode }: Element): Element | undefined {
  return parentNode && 'tagName' in parentNode ? parentNode : undefined;
}

export function childrenOf({ childNodes }: Element): Element[] {
  return childNodes.filter((node): node is Element => 'tagName' in node);
}

/** The text in an element that holds nothing else, as `<script>`. */
export function textOf({ childNodes }: Element): string {
  return childNodes.map((node) => ('value' in node ? node.value : '')).join('');
}

import { parseSrcset } from '@zauberflote/proto';
import { type DefaultTreeAdapterTypes, parse } from 'parse5';

/** What an attribute of an element says, and where. */
export interface Hash {
  readonly value: string;
  /** Why there is no value in what should have one. */
  readonly problem?: string | undefined;
  /** From 1. */
  readonly line: number;
}

type Node = DefaultTreeAdapterTypes.Node;

/**
 * The hashes that the elements of a page are marked with: `data-zf-hash`, and those behind the addresses in
 * `data-zf-srcset` and `data-zf-poster`. Templates and `<noscript>` are looked through as well.
 */
export function hashesIn(html: string): Hash[] {
  const found: Hash[] = [];
  // Deep pages, and wide ones, must not overflow the stack.
  const nodes: Node[] = [parse(html, { scriptingEnabled: false, sourceCodeLocationInfo: true })];
  for (let node = nodes.pop(); node; node = nodes.pop()) {
    if ('attrs' in node) {
      const line = node.sourceCodeLocation?.startLine ?? 0;
      for (const { name, value } of node.attrs)
        for (const hash of hashesOf(name, value)) found.push({ ...hash, line });
    }
    if ('content' in node) nodes.push(node.content);
    if ('childNodes' in node) for (const child of node.childNodes) nodes.push(child);
  }
  return found;
}

function hashesOf(attribute: string, value: string): Omit<Hash, 'line'>[] {
  switch (attribute) {
    case 'data-zf-hash':
      return value.trim() === '' ? [] : [{ value }];
    case 'data-zf-poster':
    case 'data-zf-srcset': {
      const entries = parseSrcset(value);
      if (typeof entries === 'string') return [{ value: '', problem: entries }];
      return entries.map(({ hash }) => ({ value: hash }));
    }
    default:
      return [];
  }
}

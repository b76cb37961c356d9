import { type DefaultTreeAdapterTypes, parse } from 'parse5';

/** What an attribute of an element says, and where. */
export interface Hash {
  readonly value: string;
  /** From 1. */
  readonly line: number;
}

/** `URL HASH [SIZE]`, as the client reads it. */
const ENTRY = /[\s,]*\S+\s+([^\s,]+)(?:\s+[^\s,]+)?\s*(?:,\s*|$)/gy;

type Node = DefaultTreeAdapterTypes.Node;

/**
 * The hashes that the elements of a page are marked with: `data-zf-hash`, and those behind the addresses in
 * `data-zf-srcset` and `data-zf-poster`. Templates and `<noscript>` are looked through as well.
 */
export function hashesIn(html: string): Hash[] {
  const found: Hash[] = [];
  // Deep pages must not overflow the stack.
  const nodes: Node[] = [parse(html, { scriptingEnabled: false, sourceCodeLocationInfo: true })];
  for (let node = nodes.pop(); node; node = nodes.pop()) {
    if ('attrs' in node) {
      const line = node.sourceCodeLocation?.startLine ?? 0;
      for (const { name, value } of node.attrs)
        for (const hash of hashesOf(name, value)) found.push({ value: hash, line });
    }
    if ('content' in node) nodes.push(node.content);
    if ('childNodes' in node) nodes.push(...node.childNodes);
  }
  return found;
}

function hashesOf(attribute: string, value: string): string[] {
  switch (attribute) {
    case 'data-zf-hash':
      return value.trim() === '' ? [] : [value];
    case 'data-zf-poster':
    case 'data-zf-srcset':
      return Array.from(value.trim().matchAll(ENTRY), ([, hash = '']) => hash);
    default:
      return [];
  }
}

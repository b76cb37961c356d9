import { findBlock } from './head.ts';
import { type Edit, splice } from './splice.ts';
import { get, type Tree } from './tree.ts';

/** Of the twins, so that they are found again. Written without a value. */
export const TWIN = 'data-zf-twin';

/** Ours only: a manifest's id, with the space before it. */
const ID = / zf1-[\w-]{43}(?=[\s,]|$)/g;

/**
 * Takes back what an earlier conversion wrote. What comes out is what went in, but that the names of changed
 * attributes are in lower case, and lists of addresses in quotes.
 * @returns undefined if the page was not converted
 */
export function undo(tree: Tree): string | undefined {
  const block = findBlock(tree);
  if (!block) return undefined;
  const edits: Edit[] = [{ ...block, text: '' }];
  for (const { element } of tree.elements) {
    const at = element.sourceCodeLocation;
    if (!at || (at.startOffset >= block.start && at.endOffset <= block.end)) continue;
    if (element.tagName === 'noscript' && get(element, TWIN) !== null) {
      edits.push({ start: at.startOffset, end: at.endOffset, text: '' });
      continue;
    }
    const hash = tree.attribute(element, 'data-zf-hash');
    const fallback = tree.attribute(element, 'data-zf-fallback');
    if (hash?.value.startsWith('zf1-') && fallback) {
      const name = element.tagName === 'link' ? 'href' : 'src';
      edits.push({ start: fallback.start, end: fallback.start + fallback.name.length, text: name });
      const space = tree.text[hash.start - 1] === ' ' ? 1 : 0;
      edits.push({ start: hash.start - space, end: hash.end, text: '' });
    }
    for (const name of ['srcset', 'poster']) {
      const list = tree.attribute(element, `data-zf-${name}`);
      if (!list) continue;
      edits.push({ start: list.start, end: list.start + list.name.length, text: name });
      const text = list.raw.text.replaceAll(ID, '');
      edits.push({ start: list.raw.start, end: list.raw.end, text });
    }
  }
  return splice(tree.text, edits);
}

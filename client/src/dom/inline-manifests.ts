import { fromBase64 } from '@zauberflote/proto';
import type { Downloads } from '../download/types.ts';
import { parseManifest } from '../integrity/manifest.ts';
import { describe, isElement } from './elements.ts';

const SELECTOR = 'script[type="application/zauberflote-manifest"]';

/** Hands the manifests that the page holds to the downloads. */
export class InlineManifests {
  readonly #downloads: Downloads;
  readonly #seen = new WeakSet<Element>();
  /** The parser may not be done with these. */
  readonly #open = new Set<Element>();

  constructor(downloads: Downloads) {
    this.#downloads = downloads;
  }

  /** Takes those at and under `root`, and those seen earlier that are complete by now. */
  collect(root: Node): void {
    if (isElement(root) && root.matches(SELECTOR)) this.#see(root);
    for (const script of (root as Partial<ParentNode>).querySelectorAll?.(SELECTOR) ?? [])
      this.#see(script);
    for (const script of this.#open) this.#read(script);
  }

  #see(script: Element): void {
    if (this.#seen.has(script)) return;
    this.#seen.add(script);
    this.#open.add(script);
  }

  #read(script: Element): void {
    const parsing = script.ownerDocument.readyState === 'loading';
    if (parsing && isLast(script)) return;
    try {
      const bytes = fromBase64(script.textContent);
      if (!bytes) throw new Error('not base64');
      parseManifest(bytes);
      this.#downloads.addManifest?.(bytes);
    } catch {
      // Perhaps a script put something behind it while the parser was still in it.
      if (parsing) return;
      console.warn(
        `Zauberflöte: the manifest in ${describe(script)} is ignored, as it is not the base64 that ` +
          'zauberflote-manifest prints',
      );
    }
    this.#open.delete(script);
  }
}

/** Nothing in the document comes after it. */
function isLast(element: Element): boolean {
  for (let node: Node | null = element; node; node = node.parentNode)
    if (node.nextSibling) return false;
  return true;
}

import { createHash } from 'node:crypto';
import { scriptKind } from '../../../client/src/dom/scripts.ts';
import { type Change, type Marker, Stays } from './marker.ts';
import { markableScripts, type PageScript, SMALL, scriptBarrier } from './script-order.ts';
import { type Element, get, textOf } from './tree.ts';
import type { Reason } from './types.ts';

interface Looked extends PageScript {
  readonly element: Element;
  readonly change?: Change;
  readonly reason?: Reason;
  /** Inline ones are not worth a line in a report. */
  readonly url: string | undefined;
}

/** All scripts of a page: which of them can be marked depends on the others. */
export async function markScripts(
  marker: Marker,
  elements: readonly Element[],
  handler: string | undefined,
): Promise<void> {
  const looked: Looked[] = [];
  for (const element of elements) looked.push(await look(marker, element));
  const why = markableScripts(looked, handler);
  for (const [i, { element, change, url, reason, unable, kind }] of looked.entries())
    await marker.attempt(element, async () => {
      if (url === undefined || kind === 'never') return;
      const barrier = why[i];
      if (barrier === SMALL) return marker.large([change!]);
      if (barrier !== undefined)
        throw new Stays(unable ? (reason ?? 'markup') : 'script-order', barrier, url);
      marker.mark(element, [change!]);
    });
}

async function look(marker: Marker, element: Element): Promise<Looked> {
  const src = marker.tree.attribute(element, 'src');
  const type = get(element, 'type') ?? legacyType(element);
  const [async, defer, nomodule] = ['async', 'defer', 'nomodule'].map(
    (name) => get(element, name) !== null,
  ) as [boolean, boolean, boolean];
  const isModule = type?.trim().toLowerCase() === 'module';
  // An inline classic script is neither: these are for files.
  const isInline = src === undefined && get(element, 'src') === null;
  const kind = scriptKind({
    type,
    async: async && (!isInline || isModule),
    defer: defer && !isInline,
    nomodule,
  });
  if (isInline) {
    const text = textOf(element);
    return { element, kind, text, unable: 'it is inline', isLarge: false, url: undefined };
  }
  const url = src?.value ?? '';
  const stays = (reason: Reason, unable: string, text?: string): Looked => {
    return { element, kind, text, unable, reason, isLarge: false, url };
  };
  if (kind === 'never') return stays('file', 'it is no script to browsers of today');
  let text: string | undefined;
  try {
    marker.want('scripts', 'scripts stay as they are');
    if (!src) throw new Stays('markup', 'its src has no place in the page');
    if (!marker.isUtf8) throw new Stays('encoding', 'the page is not in UTF-8');
    const change = await marker.single(element, src);
    const asset = change.assets[0]!;
    const bytes = await marker.files.bytes(asset.path);
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch {
      throw new Stays('encoding', 'the file is not in UTF-8');
    }
    const barrier = scriptBarrier(text);
    if (barrier) throw new Stays('script-text', barrier);
    if (!matches(get(element, 'integrity') ?? '', bytes))
      throw new Stays('integrity', 'its integrity is not that of the file: browsers refuse it');
    const isLarge = asset.size >= marker.options.minSize;
    return { element, kind, text, unable: undefined, isLarge, url, change };
  } catch (error) {
    if (error instanceof Stays) return stays(error.reason, error.message, text);
    throw error;
  }
}

/** `language="JavaScript"` is a type, where there is none (HTML Standard, 4.12.1.1). */
function legacyType(element: Element): string | null {
  const language = get(element, 'language');
  return language ? `text/${language}` : null;
}

/** Whether `integrity` allows a file: of those with the strongest hash it knows, one has to be its own (SRI, 3.3). */
function matches(integrity: string, bytes: Uint8Array): boolean {
  const known = [...integrity.matchAll(/(?:^|\s)(sha(?:256|384|512))-([A-Za-z0-9+/_=-]+)/g)];
  const strongest = known
    .map(([, algorithm]) => algorithm!)
    .toSorted()
    .at(-1);
  if (!strongest) return true;
  const own = createHash(strongest).update(bytes).digest();
  return known.some(
    ([, algorithm, hash]) => algorithm === strongest && Buffer.from(hash!, 'base64').equals(own),
  );
}

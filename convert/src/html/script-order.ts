import type { ScriptKind } from '../../../client/src/dom/scripts.ts';

/** A script of a page, as far as its order matters. */
export interface PageScript {
  readonly kind: ScriptKind;
  /** Its text, if it is known: inline, or a file of the site. */
  readonly text: string | undefined;
  /** Why it cannot be marked at all; undefined if it can. */
  readonly unable: string | undefined;
  /** Large enough to be marked for its own sake. */
  readonly isLarge: boolean;
}

/** Waits for an event of the page, which does not wait for marked scripts. */
const WAITS = /DOMContentLoaded|\bonload\b|(["'`])load\1|readystatechange/;

/** What can only be done by a script that the page itself names, where it names it. */
const BOUND: readonly (readonly [RegExp, string])[] = [
  [/\bdocument\.write(?:ln)?\b/, 'it writes into the page while that is read (document.write)'],
  [
    /\bcurrentScript\b|\bdocument\.scripts\b|TagName\(\s*["'`]script|querySelector(?:All)?\(\s*["'`]script/,
    'it looks for script elements, perhaps for its own address',
  ],
  [/\bimport\.meta\b/, 'it looks at its own address (import.meta)'],
  [
    /\b(?:import|from)\s*(?:\(\s*)?["'`](?:\.{0,2}\/)/,
    'it imports from relative addresses, for which a blob: address is no base',
  ],
  [/\bimport\s*\(\s*[^"'`\s]/, 'it imports from addresses that are only known when it runs'],
];

/** Why a script would not work from another address or later than it is named; undefined if nothing in it says so. */
export function scriptBarrier(text: string): string | undefined {
  for (const [pattern, why] of BOUND) if (pattern.test(text)) return why;
  // Who asks whether it is too late knows what to do then.
  if (WAITS.test(text) && !/\breadyState\b/.test(text))
    return 'it waits for an event of the page that may be over (DOMContentLoaded or load)';
  return undefined;
}

const LATE = 'what comes behind it, or waits for an event of the page, may need it: ';

/**
 * Which scripts can be marked so that the page does the same: marked ones run in order among each other, but later
 * than all others. So all that run after a marked one have to be marked as well, small ones too.
 * @param handler an `onload` or `onerror` of an element that calls something, if there is one
 * @returns for each script: undefined to mark it, or why not
 */
export function markableScripts(
  scripts: readonly PageScript[],
  handler: string | undefined,
): (string | undefined)[] {
  const why = scripts.map(({ kind, unable, isLarge }) => {
    if (unable !== undefined) return unable;
    return kind === 'async' && !isLarge ? SMALL : undefined;
  });
  const indexes = (kind: ScriptKind) =>
    scripts.flatMap((script, i) => (script.kind === kind ? [i] : []));
  const deferred = indexes('deferred');
  let blocked = handler;
  // Going back from the last one that runs; a script that stays may need what is before it.
  const open = new Set<number>();
  for (const i of [...indexes('ordered'), ...deferred].toReversed()) {
    // An async script is not looked for before an ordered one in front of it ran.
    const isAwaited =
      scripts[i]!.kind === 'ordered' && scripts.some(({ kind }, j) => j > i && kind === 'async');
    if (isAwaited) blocked ??= 'an async script';
    if (why[i] === undefined && blocked === undefined) open.add(i);
    else {
      why[i] ??= LATE + blocked;
      blocked ??= 'a script that stays as it is';
    }
  }
  // Those that stay run earlier; one that waits for an event may need a marked one then.
  const isWaiting = scripts.some(
    ({ kind, text }, i) => kind !== 'never' && !open.has(i) && WAITS.test(text ?? ''),
  );
  const inOrder = scripts.flatMap((_, i) => (open.has(i) && !deferred.includes(i) ? [i] : []));
  let isSmall = true;
  for (const i of [...inOrder, ...deferred.filter((i) => open.has(i))]) {
    isSmall &&= !scripts[i]!.isLarge;
    if (isWaiting) why[i] = `${LATE}a script that stays as it is`;
    else if (isSmall) why[i] = SMALL;
  }
  return why;
}

/** Why a script that could be marked is not; the caller knows how small it is. */
export const SMALL = 'small';

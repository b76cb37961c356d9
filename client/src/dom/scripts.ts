/**
 * When a script runs, relative to others.
 * - `ordered`: classic, in document order.
 * - `deferred`: `defer` or a module; in document order, when the document is parsed and the ordered ones ran.
 * - `async`: as it comes.
 * - `never`: no script to this browser (a data block, `nomodule`); plain HTML would not fetch it either.
 */
export type ScriptKind = 'ordered' | 'deferred' | 'async' | 'never';

export interface ScriptAttributes {
  /** The attribute's text; null or empty means JavaScript. */
  readonly type: string | null;
  readonly async: boolean;
  readonly defer: boolean;
  readonly nomodule: boolean;
}

/** A place in the order of execution. */
export interface Place {
  /** Resolves when the script may be given its `src`. Never rejects. */
  readonly turn: Promise<unknown>;
  /** Lets the next one go: the script has its `src`, has failed, or was removed. */
  done(): void;
}

/** JavaScript media types (MIME Sniffing Standard, section 4.6). */
const JAVASCRIPT =
  /^(?:(?:text|application)\/(?:x-)?(?:java|ecma)script|text\/(?:javascript1\.[0-5]|jscript|livescript))$/;

export function scriptKind({ type, async, defer, nomodule }: ScriptAttributes): ScriptKind {
  const media = (type ?? '').toLowerCase();
  const isModule = media.trim() === 'module';
  if (!isModule && (nomodule || (media !== '' && !JAVASCRIPT.test(media.trim())))) return 'never';
  if (async) return 'async';
  return isModule || defer ? 'deferred' : 'ordered';
}

/**
 * Hands out turns. A script that gets its `src` with `async = false` joins the browser's list of
 * scripts "that will execute in order as soon as possible" (HTML Standard, 4.12.1.1), so it is
 * enough to set `src` in order; nothing waits for `load` events, which a script that was inserted
 * by `innerHTML` never fires.
 */
export class ScriptOrder {
  readonly #parsed: Promise<unknown>;
  #ordered: Promise<unknown> = Promise.resolve();
  #deferred: Promise<unknown> = Promise.resolve();

  /** @param parsed resolves when the document is parsed */
  constructor(parsed: Promise<unknown>) {
    this.#parsed = parsed;
  }

  place(kind: 'ordered' | 'deferred' | 'async'): Place {
    let done = () => {};
    const promise = new Promise<void>((resolve) => {
      done = resolve;
    });
    if (kind === 'async') return { turn: Promise.resolve(), done };
    if (kind === 'ordered') {
      const turn = this.#ordered;
      this.#ordered = turn.then(() => promise);
      return { turn, done };
    }
    const before = this.#deferred;
    const turn = this.#parsed.then(() => Promise.all([this.#ordered, before]));
    this.#deferred = turn.then(() => promise);
    return { turn, done };
  }
}

/** A script's turn, or its end. */
export async function untilTurn(place: Place | undefined, signal: AbortSignal): Promise<unknown> {
  if (!place || signal.aborted) return;
  return Promise.race([
    place.turn,
    new Promise((resolve) => signal.addEventListener('abort', resolve)),
  ]);
}

/** Resolves when a document is parsed. */
export function parsed(document: Document): Promise<unknown> {
  if (document.readyState !== 'loading') return Promise.resolve();
  return new Promise((resolve) =>
    document.addEventListener('readystatechange', resolve, { once: true }),
  );
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { Cdp } from './cdp.ts';

/** Between two tries to find a page that is being loaded, in ms. */
const RETRY_MS = 150;
/** Read from a page at once. */
const SLICE_BYTES = 4 * 2 ** 20;

interface Evaluation {
  readonly result: { readonly value?: unknown };
  readonly exceptionDetails?: {
    readonly text: string;
    readonly exception?: { readonly description?: string };
  };
}

/** One window with a profile of its own. */
export class Tab {
  readonly #cdp: Cdp;
  readonly #context: string;
  readonly #target: string;
  readonly #session: string;

  private constructor(cdp: Cdp, context: string, target: string, session: string) {
    this.#cdp = cdp;
    this.#context = context;
    this.#target = target;
    this.#session = session;
  }

  static async open(cdp: Cdp): Promise<Tab> {
    const { browserContextId } = await cdp.send<{ browserContextId: string }>(
      'Target.createBrowserContext',
    );
    const { targetId } = await cdp.send<{ targetId: string }>('Target.createTarget', {
      url: 'about:blank',
      browserContextId,
      newWindow: true,
    });
    const { sessionId } = await cdp.send<{ sessionId: string }>('Target.attachToTarget', {
      targetId,
      flatten: true,
    });
    return new Tab(cdp, browserContextId, targetId, sessionId);
  }

  /**
   * Navigates at an instant of this machine's clock. The page itself waits for it, so that all
   * tabs of all browsers start together however long it takes to tell them.
   * @param at as of Date.now()
   */
  async navigate(url: string, at = Date.now()): Promise<void> {
    await this.evaluate(
      `void setTimeout(() => { location.href = ${JSON.stringify(url)} }, ${at} - Date.now())`,
    );
  }

  /**
   * Value of an expression; a promise is awaited. @throws {Error} what the page threw
   */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.#cdp.send<Evaluation>(
      'Runtime.evaluate',
      { expression, awaitPromise: true, returnByValue: true },
      this.#session,
    );
    if (exceptionDetails)
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value as T;
  }

  /**
   * As {@link evaluate}, and again whenever the page is not yet one where the expression makes
   * sense, such as while it is being loaded.
   * @param deadline as of Date.now()
   * @throws {Error} at the deadline, or when the browser is gone
   */
  async eventually<T>(expression: string, deadline: number, what: string): Promise<T> {
    let last = 'no answer';
    for (; Date.now() < deadline; await sleep(RETRY_MS)) {
      const timeout = new AbortController();
      const late = sleep(Math.max(0, deadline - Date.now()), undefined, {
        signal: timeout.signal,
      }).then(
        () => null,
        () => null,
      );
      const value = this.evaluate<T | null | undefined | false>(expression).catch((error) => {
        last = (error as Error).message.split('\n')[0] ?? '';
        if (last === 'the browser is gone') throw error;
        return undefined;
      });
      const answer = await Promise.race([value, late]).finally(() => timeout.abort());
      if (answer) return answer;
    }
    throw new Error(`timed out waiting for ${what} (${last})`);
  }

  /**
   * The bytes of a picture, script or stylesheet as the renderer holds them.
   * @param url that the element shows; it may be a blob: URL revoked since
   * @param otherwise expression for them in base64, for when the renderer has dropped them
   */
  async shown(url: string, otherwise: string): Promise<Buffer> {
    // Only now: while pages load, nobody should listen in.
    await this.#cdp.send('Page.enable', {}, this.#session);
    const found = await this.#cdp
      .send<{ content: string; base64Encoded: boolean }>(
        'Page.getResourceContent',
        { frameId: this.#target, url },
        this.#session,
      )
      .catch(() => undefined);
    if (found) return Buffer.from(found.content, found.base64Encoded ? 'base64' : 'utf8');
    return Buffer.from(await this.evaluate<string>(otherwise), 'base64');
  }

  /** The bytes of a file that a page took by `lab.take`. */
  async file(path: string): Promise<Buffer> {
    const name = JSON.stringify(path);
    const size = await this.evaluate<number>(`lab.size(${name})`);
    const parts: Buffer[] = [];
    for (let at = 0; at < size; at += SLICE_BYTES) {
      const slice = `lab.slice(${name}, ${at}, ${at + SLICE_BYTES})`;
      parts.push(Buffer.from(await this.evaluate<string>(slice), 'base64'));
    }
    return Buffer.concat(parts);
  }

  async close(): Promise<void> {
    await this.#cdp
      .send('Target.disposeBrowserContext', { browserContextId: this.#context })
      .catch(() => {});
  }
}

import { once } from 'node:events';
import type { Firefox } from './firefox.ts';

type Messages = Awaited<ReturnType<Firefox['console']>>;

/** What both levels of the protocol send: an answer, or an event. */
interface Frame {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

interface Target {
  readonly targetId: string;
  readonly isProvisional?: boolean;
  readonly isPaused?: boolean;
}

interface Value {
  readonly wasThrown?: boolean;
  readonly result: {
    readonly value?: string;
    readonly objectId?: string;
    readonly description?: string;
  };
}

interface Waiting {
  readonly target: string;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** WebKit's names of levels that a person should look at, and those that WebDriver has for them. */
const LEVELS: Readonly<Record<string, string>> = { error: 'SEVERE', warning: 'WARNING' };

/**
 * The protocol of WebKit's developer tools, as far as a page is driven by it. Each process that shows the page in turn
 * is a target of its own; what is sent to one travels as text in a message of the outer level.
 */
export class Inspector {
  readonly #socket: WebSocket;
  readonly #beforePage: string;
  readonly #waiting = new Map<number, Waiting>();
  #messages: Messages = [];
  #target = '';
  #id = 0;

  private constructor(socket: WebSocket, beforePage: string) {
    this.#socket = socket;
    this.#beforePage = beforePage;
  }

  /** @throws {Error} if nobody listens */
  static async open(url: string, beforePage: string): Promise<Inspector> {
    const socket = new WebSocket(url);
    const inspector = new Inspector(socket, beforePage);
    const first = new Promise<void>((resolve, reject) => {
      socket.onerror = () => reject(new Error('WebKit lets nobody inspect it'));
      socket.onmessage = ({ data }) => {
        inspector.#heard(JSON.parse(data) as Frame);
        if (inspector.#target) resolve();
      };
    });
    socket.onclose = () => inspector.#end('');
    if (socket.readyState !== WebSocket.OPEN) await Promise.race([once(socket, 'open'), first]);
    // Else a page's scripts could run before `beforePage`, and before its console is listened to.
    inspector.#send({ method: 'Target.setPauseOnStart', params: { pauseOnStart: true } });
    await first;
    return inspector;
  }

  get isOver(): boolean {
    return this.#socket.readyState === WebSocket.CLOSED;
  }

  /** Console messages since the last call. */
  takeMessages(): Messages {
    const messages = this.#messages;
    this.#messages = [];
    return messages;
  }

  /** @throws {Error} what the browser says against it, or that its process is gone */
  command<T>(method: string, params: object, target = this.#target): Promise<T> {
    const id = ++this.#id;
    const message = JSON.stringify({ id, method, params });
    return new Promise<T>((resolve, reject) => {
      if (this.isOver) return reject(new Error('WebKit has ended'));
      this.#waiting.set(id, { target, resolve: resolve as Waiting['resolve'], reject });
      const params = { targetId: target, message };
      // The same number outside: there it is told that the target is gone.
      this.#send({ id, method: 'Target.sendMessageToTarget', params });
    });
  }

  /** What the promise that an expression is brings, a text. @throws {Error} what it throws */
  async evaluate(expression: string): Promise<string> {
    const target = this.#target;
    const { result } = await this.command<Value>('Runtime.evaluate', { expression }, target);
    const params = { promiseObjectId: result.objectId, returnByValue: true };
    const ended = await this.command<Value>('Runtime.awaitPromise', params, target);
    if (ended.wasThrown) throw new Error(ended.result.description ?? 'the page threw something');
    return ended.result.value!;
  }

  #send(frame: object): void {
    this.#socket.send(JSON.stringify({ id: ++this.#id, ...frame }));
  }

  #heard({ id, error, method, params = {} }: Frame): void {
    if (error) this.#answer({ id, error });
    else if (method === 'Target.targetCreated') this.#begin(params.targetInfo as Target);
    else if (method === 'Target.didCommitProvisionalTarget')
      this.#target = params.newTargetId as string;
    else if (method === 'Target.targetDestroyed') this.#end(params.targetId as string);
    else if (method === 'Target.dispatchMessageFromTarget')
      this.#heardFrom(JSON.parse(params.message as string) as Frame);
  }

  #heardFrom(frame: Frame): void {
    const { method, params = {} } = frame;
    if (method === 'Console.messageAdded') {
      const { level, text, url } = params.message as Record<'level' | 'text' | 'url', string>;
      this.#messages.push({ level: { name: LEVELS[level] ?? 'INFO' }, message: `${url}: ${text}` });
    }
    this.#answer(frame);
  }

  #answer({ id = 0, result, error }: Frame): void {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    if (error) waiting.reject(new Error(error.message));
    else waiting.resolve(result);
  }

  #begin({ targetId, isProvisional, isPaused }: Target): void {
    if (!isProvisional) this.#target = targetId;
    const tell = (method: string, params = {}) =>
      this.command(method, params, targetId).catch(() => {});
    void tell('Page.enable');
    void tell('Page.setBootstrapScript', { source: this.#beforePage });
    void tell('Runtime.enable');
    void tell('Console.enable');
    if (isPaused) this.#send({ method: 'Target.resume', params: { targetId } });
  }

  /** @param gone of a process; '': of all */
  #end(gone: string): void {
    for (const [id, { target, reject }] of this.#waiting) {
      if (gone && target !== gone) continue;
      this.#waiting.delete(id);
      reject(new Error('WebKit has left the page'));
    }
  }
}

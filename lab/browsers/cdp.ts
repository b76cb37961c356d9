import { WebSocket } from 'ws';

/** A connection to a browser over the Chrome DevTools Protocol, at the level of the whole browser. */
export class Cdp {
  readonly #socket: WebSocket;
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>();
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => this.#receive(String(data)));
    socket.on('close', () => this.#fail(new Error('the browser is gone')));
    socket.on('error', (error) => this.#fail(error));
  }

  /** @param url `ws://…`, or `ws+unix:SOCKET:/PATH` */
  static async connect(url: string): Promise<Cdp> {
    // Chrome refuses other Host headers than addresses and localhost.
    const socket = new WebSocket(url, {
      headers: { host: 'localhost' },
      perMessageDeflate: false,
      maxPayload: 256 * 1024 * 1024,
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return new Cdp(socket);
  }

  /** Resolves when the browser is gone, or the connection to it. */
  gone(): Promise<void> {
    return this.#socket.readyState === WebSocket.CLOSED
      ? Promise.resolve()
      : new Promise((resolve) => this.#socket.once('close', () => resolve()));
  }

  /** @param sessionId of a page; without it, the browser itself is meant */
  send<T>(method: string, params: object = {}, sessionId?: string): Promise<T> {
    if (this.#socket.readyState !== WebSocket.OPEN)
      return Promise.reject(new Error('the browser is gone'));
    const id = ++this.#lastId;
    const answer = Promise.withResolvers<unknown>();
    this.#pending.set(id, answer);
    this.#socket.send(JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) }));
    return answer.promise as Promise<T>;
  }

  close(): void {
    this.#socket.terminate();
  }

  #receive(text: string): void {
    const { id, result, error } = JSON.parse(text);
    const answer = this.#pending.get(id);
    if (!answer) return;
    this.#pending.delete(id);
    if (error) answer.reject(new Error(`${error.message} (DevTools)`));
    else answer.resolve(result);
  }

  #fail(error: Error): void {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const answer of pending) answer.reject(error);
  }
}

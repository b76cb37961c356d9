import type { IncomingMessage } from 'node:http';
import type { Admission } from '../admission.ts';
import type { Counters } from '../counters.ts';
import { countIn } from '../counters.ts';
import type { Refusal } from '../http.ts';
import { MAX_PENDING_TOKENS, PENDING_RETRY_SECONDS } from '../limits.ts';
import type { Log } from '../log.ts';
import type { TokenKey } from './keys.ts';
import { checkToken, tokenOf } from './tokens.ts';

export type Requested = Pick<IncomingMessage, 'headers' | 'socket' | 'url'>;

/** What a request came by: a socket, or the response to it. */
export interface Connection {
  once(event: 'close', listener: () => void): unknown;
  on(event: 'error', listener: () => void): unknown;
}

export interface GateOptions {
  readonly admission: Admission;
  readonly counters: Counters;
  /** Why nobody is let in now, if so. */
  readonly closed: () => Refusal | undefined;
  /** Keys for tokens that let this request in; undefined: none is asked for. */
  readonly keys: (request: Requested) => readonly TokenKey[] | undefined;
  readonly tokenAudience: string | undefined;
  /** Milliseconds of a clock that never runs backwards. */
  readonly now: () => number;
  /** Hears of faults of the tracker's own. */
  readonly onFault: (error: unknown) => void;
  /** Hears who came, from where. */
  readonly log: Pick<Log, 'debug' | 'isLevelEnabled'>;
}

const BUSY: Refusal = {
  status: 503,
  text: 'Too many tokens are being checked. Connect again.',
  headers: { 'Retry-After': String(PENDING_RETRY_SECONDS) },
  limit: 'token-keys-file',
};
const FAULT: Refusal = { status: 500, text: 'The tracker failed at this. Connect again.' };

/** Where all requests for a session pass: by address and Origin first, which cost little, then by token. */
export class Gate {
  readonly #options: GateOptions;
  #pending = 0;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /**
   * Calls one of the two: at once where no token is asked for, else a little later; neither, if
   * the connection closes before.
   */
  enter(
    request: Requested,
    connection: Connection,
    admitted: () => void,
    refused: (refusal: Refusal) => void,
  ): void {
    const { admission, closed, keys, now, onFault } = this.#options;
    const refuse = (refusal: Refusal) => this.refuse(request, refusal, refused);
    const admit = () => {
      this.#note(request, 'let in');
      if (!safely(admitted, onFault)) refuse(FAULT);
    };
    const leave = closed() ?? admission.admit(request, now());
    if (typeof leave !== 'function') return refuse(leave);
    connection.once('close', leave);
    const known = keys(request);
    if (!known) return admit();
    if (this.#pending >= MAX_PENDING_TOKENS) return refuse(BUSY);
    this.#pending++;
    // Nobody else listens meanwhile; and a response of HTTP/2 does not say that it is gone.
    connection.on('error', () => {});
    let gone = false;
    connection.once('close', () => {
      gone = true;
    });
    this.#check(request, known)
      .then((refusal) => {
        this.#pending--;
        if (gone) return;
        // It may have begun to stop.
        const late = refusal ?? closed();
        if (late) refuse(late);
        else admit();
      })
      .catch(onFault);
  }

  /** Counts it, and calls `refused`. */
  refuse(request: Requested, refusal: Refusal, refused: (refusal: Refusal) => void): void {
    const { counters, onFault } = this.#options;
    const { status, limit, text } = refusal;
    this.#note(request, `refused: ${text}`, { status, limit });
    countIn(counters.refused, status);
    if (limit) countIn(counters.limits, limit);
    safely(() => refused(refusal), onFault);
  }

  /** Logs who came. A token may be in the path, so that is left out. */
  #note({ headers, socket }: Requested, what: string, more: object = {}): void {
    const { admission, log } = this.#options;
    if (!log.isLevelEnabled('debug')) return;
    const address = admission.addressOf({ headers, socket });
    log.debug({ address, origin: headers.origin, ...more }, what);
  }

  async #check(request: Requested, keys: readonly TokenKey[]): Promise<Refusal | undefined> {
    const { tokenAudience: audience, counters, onFault } = this.#options;
    try {
      const rules = { keys, audience, now: new Date(), setting: 'token-keys-file' } as const;
      const refusal = await checkToken(tokenOf(request), request.headers.origin, rules);
      if (!('problem' in refusal)) return undefined;
      countIn(counters.tokens, refusal.problem);
      const headers = { 'WWW-Authenticate': 'Bearer error="invalid_token"' };
      return { status: 401, text: refusal.text, headers, limit: 'token-keys-file' };
    } catch (error) {
      onFault(error);
      return FAULT;
    }
  }
}

/** Whether it went well: what one client sends must not end the tracker for all. */
function safely(act: () => void, onFault: (error: unknown) => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    onFault(error);
    return false;
  }
}

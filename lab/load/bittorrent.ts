import type { OfferAndAnswer } from './descriptions.ts';
import { PAIRS, pairOf } from './descriptions.ts';
import type { Client, Protocol } from './protocol.ts';
import type { LoadSocket } from './socket.ts';

/** Speaks as the WebSocket client of `bittorrent-tracker` does, which is WebTorrent's. */
export const bittorrent: Protocol = {
  subprotocol: undefined,
  // `Math.min(opts.numwant, 5)` in lib/client/websocket-tracker.js
  offersOfItsClient: 5,
  client: (socket, random) => ({ client: new Visitor(socket, random), ready: Promise.resolve() }),
};

/** What the tracker sends, as far as it is used. */
interface Message {
  readonly action?: string;
  readonly 'failure reason'?: string;
  readonly interval?: number;
  readonly peer_id?: string;
  readonly info_hash?: string;
  readonly offer_id?: string;
  readonly offer?: { readonly type: string; readonly sdp: string };
  readonly answer?: { readonly type: string; readonly sdp: string };
}

interface Asking {
  readonly resolve: (answers: number) => void;
  readonly reject: (why: Error) => void;
  /** Offers that are out, by id. */
  readonly open: Map<string, OfferAndAnswer>;
  answers: number;
}

class Visitor implements Client {
  readonly socket: LoadSocket;
  readonly swarms: number[] = [];
  readonly #random: () => number;
  readonly #id: string;
  #joining: (() => void) | undefined;
  #asking: Asking | undefined;

  constructor(socket: LoadSocket, random: () => number) {
    this.socket = socket;
    this.#random = random;
    this.#id = `-WW0208-${this.#binary(12)}`;
    socket.onEnd = (why) => this.#asking?.reject(why);
    socket.onMessage = (payload) => this.#hear(JSON.parse(payload.toString()) as Message);
  }

  async join(swarm: number): Promise<void> {
    // The offers of a first announce are left to `introduce`, for both trackers alike.
    await this.#announced(swarm, { event: 'started', numwant: 0, left: 786_432, offers: [] });
    await this.#announced(swarm, { event: 'completed', numwant: 0, left: 0 });
    this.swarms.push(swarm);
  }

  introduce(swarm: number, offers: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const open = new Map<string, OfferAndAnswer>();
      this.#asking = { resolve, reject, open, answers: 0 };
      const made = Array.from({ length: offers }, () => {
        const pair = PAIRS[Math.floor(this.#random() * PAIRS.length)] as OfferAndAnswer;
        const offer_id = this.#binary(20);
        open.set(offer_id, pair);
        return { offer: { type: 'offer', sdp: pair.offer.sdp }, offer_id };
      });
      this.#announce(swarm, { numwant: offers, left: 0, offers: made });
    });
  }

  #announced(swarm: number, fields: object): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#joining = resolve;
    this.#announce(swarm, fields);
    return promise;
  }

  #announce(swarm: number, fields: object): void {
    const totals = { uploaded: 0, downloaded: 786_432 };
    this.#send({ ...totals, ...fields, info_hash: infoHash(swarm) });
  }

  #send(fields: object): void {
    this.socket.send(JSON.stringify({ ...fields, action: 'announce', peer_id: this.#id }));
  }

  #hear(message: Message): void {
    const failure = message['failure reason'];
    if (failure !== undefined) this.#asking?.reject(new Error(`refused: ${failure}`));
    else if (message.offer) this.#answer(message, message.offer.sdp);
    else if (message.answer) this.#answered(message.offer_id ?? '', message.answer.sdp);
    else {
      this.#joining?.();
      this.#joining = undefined;
    }
  }

  #answer({ offer_id, peer_id, info_hash }: Message, sdp: string): void {
    const pair = pairOf(/^a=ice-ufrag:(.*)$/m.exec(sdp)?.[1] ?? '');
    if (pair?.offer.sdp !== sdp) throw new Error('an offer arrived that nobody sent');
    const answer = { type: 'answer', sdp: pair.answer.sdp };
    this.#send({ info_hash, to_peer_id: peer_id, answer, offer_id });
  }

  #answered(offerId: string, sdp: string): void {
    const asking = this.#asking;
    if (!asking) return;
    if (asking.open.get(offerId)?.answer.sdp !== sdp)
      return asking.reject(new Error('an answer arrived that does not fit the offer'));
    asking.open.delete(offerId);
    asking.answers++;
    if (asking.open.size > 0) return;
    this.#asking = undefined;
    asking.resolve(asking.answers);
  }

  /** Bytes as the client writes them into JSON: one character each. */
  #binary(length: number): string {
    const bytes = Array.from({ length }, () => Math.floor(this.#random() * 256));
    return String.fromCharCode(...bytes);
  }
}

function infoHash(swarm: number): string {
  const bytes = Buffer.alloc(20);
  // Spread over all bytes like a hash, for what they cost as JSON.
  for (let i = 0; i < 20; i++)
    bytes[i] = (Math.imul(swarm + 1, 2_654_435_761) >>> (i % 25)) ^ (i * 73);
  bytes.writeUInt32BE(swarm, 0);
  return bytes.toString('latin1');
}

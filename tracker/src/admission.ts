import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { isIP } from 'node:net';
import { addressGroup, clientAddress, networks } from './abuse/address.ts';
import type { AddressLimits } from './abuse/addresses.ts';
import { Addresses } from './abuse/addresses.ts';
import { isOriginAllowed } from './abuse/origins.ts';
import type { Refusal } from './http.ts';
import * as limits from './limits.ts';
import type { IpVersion } from './registry/peer.ts';

export interface AdmissionOptions extends AddressLimits {
  /** Networks of proxies whose X-Forwarded-For is believed; they themselves are not limited. */
  readonly trustedProxies: readonly string[];
  /** Hosts whose pages may connect; none: all may. */
  readonly allowOrigin: readonly string[];
}

/** Decides who may open a session, whatever transport it comes by. */
export class Admission {
  readonly #trusted;
  readonly #allowOrigin: readonly string[];
  readonly #addresses: Addresses;
  /** TCP connections, whatever they are for, by the address that they come from. */
  readonly #sockets = new Map<string, number>();
  readonly #mostSockets: number;

  constructor(options: AdmissionOptions) {
    this.#trusted = networks(options.trustedProxies);
    this.#allowOrigin = options.allowOrigin;
    this.#addresses = new Addresses(options);
    this.#mostSockets = options.connectionsPerAddress + limits.SPARE_CONNECTIONS_PER_ADDRESS;
  }

  /**
   * Takes note of a TCP connection. Not all become sessions: those of one address must not fill the tracker.
   * @returns whether it may stay
   */
  arrive(socket: Pick<Socket, 'remoteAddress' | 'once'>): boolean {
    const address = clientAddress(socket.remoteAddress ?? '', undefined, this.#trusted);
    if (address === undefined) return true;
    const group = addressGroup(address);
    const count = this.#sockets.get(group) ?? 0;
    if (count >= this.#mostSockets) return false;
    this.#sockets.set(group, count + 1);
    socket.once('close', () => {
      const left = (this.#sockets.get(group) ?? 0) - 1;
      if (left > 0) this.#sockets.set(group, left);
      else this.#sockets.delete(group);
    });
    return true;
  }

  /** Either why not, or what is to be called once when the session's connection has closed. */
  admit(
    { headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>,
    now: number,
  ): Refusal | (() => void) {
    const { origin } = headers;
    if (!isOriginAllowed(origin, this.#allowOrigin))
      return {
        status: 403,
        text: `Pages of ${JSON.stringify(origin)} may not use this tracker. Its operator can allow them with --allow-origin.`,
        limit: 'allow-origin',
      };
    const address = this.addressOf({ headers, socket });
    if (address === undefined) return () => {};
    const group = addressGroup(address);
    const verdict = this.#addresses.enter(group, now);
    if (verdict === 'entered') return () => this.#addresses.leave(group);
    return {
      status: 429,
      text:
        verdict === 'too many'
          ? 'Too many connections are open from your address (--connections-per-address).'
          : 'Too many connections a second from your address (--connect-rate-per-address).',
      headers: { 'Retry-After': String(limits.ADDRESS_RETRY_SECONDS) },
      limit: verdict === 'too many' ? 'connections-per-address' : 'connect-rate-per-address',
    };
  }

  /** Where the visitor is, as far as can be believed; undefined: behind a proxy that does not say. */
  addressOf({ headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>): string | undefined {
    const forwarded = headers['x-forwarded-for'];
    const forwardedFor = Array.isArray(forwarded) ? forwarded.join() : forwarded;
    return clientAddress(socket.remoteAddress ?? '', forwardedFor, this.#trusted);
  }

  /** By which version of IP the visitor has come, as far as that is known. */
  ipVersionOf(request: Pick<IncomingMessage, 'headers' | 'socket'>): IpVersion {
    return isIP(this.addressOf(request) ?? '') as IpVersion;
  }

  tick(now: number): void {
    this.#addresses.tick(now);
  }
}

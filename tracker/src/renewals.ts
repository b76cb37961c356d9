import type { KeySetting } from './access/key-file.ts';
import type { TokenKey } from './access/keys.ts';
import type { Pair } from './certificate.ts';
import { CertificateError, endOf } from './certificate.ts';
import type { Counters } from './counters.ts';
import type { Log } from './log.ts';

/** What is said and counted of files of keys and certificates that change while the tracker runs. */
export class Renewals {
  readonly #counters: Counters;
  readonly #log: Log;
  /** When the certificate in use ends, in ms since 1970. */
  certificateEnd = 0;

  constructor(counters: Counters, log: Log) {
    this.#counters = counters;
    this.#log = log;
  }

  keys(setting: KeySetting, result: readonly TokenKey[] | Error): void {
    if (result instanceof Error) {
      this.#counters.keyFileFailures++;
      this.#counters.notTaken.add(setting);
      this.#log.error(`the token keys stay as they were: ${result.message}`);
      return;
    }
    this.#counters.notTaken.delete(setting);
    this.#log.info({ setting, algorithms: algorithmsOf(result) }, 'token keys were read again');
  }

  certificate(result: Pair | CertificateError, renew: (pair: Pair) => void): void {
    if (result instanceof CertificateError) {
      this.#counters.certificateFailures++;
      this.#counters.notTaken.add('tls-cert-file');
      this.#log.error(`the certificate stays as it was: ${result.message}`);
      return;
    }
    this.#counters.notTaken.delete('tls-cert-file');
    renew(result);
    this.#log.info('the certificate was read again');
    this.noteEnd(result);
  }

  /** Of a certificate that is used from now on. */
  noteEnd(pair: Pair): void {
    this.certificateEnd = endOf(pair);
    const ends = new Date(this.certificateEnd).toISOString();
    if (this.certificateEnd < Date.now())
      this.#log.error({ ends }, 'the certificate is out of date: clients refuse it');
  }
}

export function algorithmsOf(keys: readonly TokenKey[]): string {
  return keys.map(({ algorithm }) => algorithm).join(', ');
}

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { SecureContextOptions } from 'node:tls';
import { createSecureContext } from 'node:tls';
import type { Config } from './config/settings.ts';

/** A certificate or its key that cannot be used. The message says why. */
export class CertificateError extends Error {}

export interface CertificateOptions {
  /** PEM: the certificate, and those between it and its authority. */
  readonly certFile: string;
  /** PEM, without a password. */
  readonly keyFile: string;
  /** Pause between two looks at the files, in milliseconds. */
  readonly pollMs: number;
  /** Hears of each renewal, or why there was none; then the earlier certificate stays. */
  readonly onChange: (result: Pair | CertificateError) => void;
}

export type Pair = Readonly<Required<Pick<SecureContextOptions, 'cert' | 'key'>>>;

/** A certificate that is renewed in its place, as those of ACME are every few weeks. */
export class Certificate {
  readonly #options: CertificateOptions;
  #timer: NodeJS.Timeout | undefined;
  /** As read at first. */
  readonly pair: Pair;
  #found: string;
  #state: 'watching' | 'closed' = 'watching';

  /** @throws {CertificateError} */
  constructor(options: CertificateOptions) {
    this.#options = options;
    const { certFile, keyFile } = options;
    const read = (path: string) => {
      try {
        return readFileSync(path, 'utf8');
      } catch (error) {
        throw unreadable(path, error);
      }
    };
    this.pair = checked({ cert: read(certFile), key: read(keyFile) }, options);
    this.#found = textOf(this.pair);
  }

  /** Begins to look for renewals, until `close`. */
  watch(): void {
    this.#timer = setTimeout(() => void this.#look(), this.#options.pollMs).unref();
  }

  close(): void {
    this.#state = 'closed';
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    const { certFile, keyFile, onChange } = this.#options;
    const read = (path: string) =>
      readFile(path, 'utf8').catch((error) => {
        throw unreadable(path, error);
      });
    let result: Pair | CertificateError;
    try {
      const [cert, key] = await Promise.all([read(certFile), read(keyFile)]);
      result = { cert, key };
    } catch (error) {
      result = error as CertificateError;
    }
    if (this.#state === 'closed') return;
    this.#timer?.refresh();
    const found = result instanceof Error ? result.message : textOf(result);
    if (found === this.#found) return;
    this.#found = found;
    if (!(result instanceof Error))
      try {
        result = checked(result, this.#options);
      } catch (error) {
        result = error as CertificateError;
      }
    onChange(result);
  }
}

/** Undefined: without TLS. @throws {CertificateError} */
export function certificateOf(
  { tlsCertFile: certFile, tlsKeyFile: keyFile }: Pick<Config, 'tlsCertFile' | 'tlsKeyFile'>,
  pollMs: number,
  onChange: CertificateOptions['onChange'],
): Certificate | undefined {
  if (certFile === undefined || keyFile === undefined) return undefined;
  return new Certificate({ certFile, keyFile, pollMs, onChange });
}

/** When a certificate ends, in ms since 1970: the first in its file, which is the tracker's own. */
export function endOf({ cert }: Pair): number {
  const { validTo } = new X509Certificate(cert as string);
  const end = Date.parse(validTo);
  if (Number.isNaN(end)) throw new Error(`it ends at '${validTo}', which is no time`);
  return end;
}

function textOf({ cert, key }: Pair): string {
  return `${cert}\n${key}`;
}

/** Also if the two do not belong together. */
function checked(pair: Pair, { certFile, keyFile }: CertificateOptions): Pair {
  try {
    // Without one of them there would be no error, and no handshake.
    for (const part of [pair.cert, pair.key] as string[])
      if (part.trim() === '') throw new Error('one is empty');
    createSecureContext(pair);
    endOf(pair);
    return pair;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why =
      code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH'
        ? 'the key is not the one of the certificate'
        : `they have to be PEM, without a password (${message})`;
    throw new CertificateError(
      `${certFile} (--tls-cert-file) and ${keyFile} (--tls-key-file) cannot be used: ${why}`,
    );
  }
}

function unreadable(path: string, error: unknown): CertificateError {
  return new CertificateError(`${path} cannot be read: ${(error as Error).message}`);
}

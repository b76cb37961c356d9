import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { browserPlatform } from '../platform.ts';
import { fetchRange, type RangeHead, type RangeOptions } from './http.ts';

/** Real servers of this process, on loopback. */
export class Origins {
  readonly #servers: Server[] = [];

  /** Starts one. @returns its URL, without a slash at the end */
  async serve(listener: RequestListener): Promise<string> {
    const server = createServer(listener).listen(0, '127.0.0.1');
    this.#servers.push(server);
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** Ends all, and the connections they have. */
  close(): void {
    for (const server of this.#servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  }
}

/** Bytes that differ wherever one looks. */
export function content(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at + 4 <= size; at += 4)
    bytes.writeUInt32LE(Math.imul(at, 2654435761) >>> 0, at);
  return bytes;
}

/** What came, also when it failed. */
export interface Got {
  readonly heads: RangeHead[];
  readonly data: Buffer;
  /** What fetchRange rejected with. */
  readonly error: unknown;
}

/** Fetches with the surroundings as they are, and collects. */
export async function get(
  url: string,
  options: Partial<RangeOptions> = {},
  platform = browserPlatform(),
): Promise<Got> {
  const heads: RangeHead[] = [];
  const parts: Uint8Array[] = [];
  let error: unknown;
  try {
    await fetchRange(platform, url, {
      offset: 0,
      length: undefined,
      signal: new AbortController().signal,
      fresh: false,
      ...options,
      onHead(head) {
        heads.push(head);
        options.onHead?.(head);
      },
      onData(data) {
        parts.push(data);
        options.onData?.(data);
      },
    });
  } catch (caught) {
    error = caught;
  }
  return { heads, data: Buffer.concat(parts), error };
}

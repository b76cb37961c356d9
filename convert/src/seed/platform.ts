import { readFileSync } from 'node:fs';
import type { Platform } from '@zauberflote/client/src/platform.ts';
import type { SeedOptions } from './options.ts';

/** WebRTC is not installed, or not for this kind of machine. */
export class NoWebRtcError extends Error {}

export interface SeedPlatform {
  readonly platform: Platform;
  /** Resolves when trackers have taken leave of all sockets that were closed. */
  left(): Promise<void>;
  /** Ends the native threads; when all is closed. */
  end(): void;
}

/**
 * What the client needs of its surroundings, in Node.
 * @param load gives WebRTC; from an optional dependency, so not before it is known that it is needed
 * @throws {NoWebRtcError}
 */
export async function seedPlatform(
  { tokenFile, udpPorts }: Pick<SeedOptions, 'tokenFile' | 'udpPorts'>,
  load = () => import('@zauberflote/client/src/connection/node-webrtc.ts'),
): Promise<SeedPlatform> {
  let webrtc: Awaited<ReturnType<typeof load>>;
  try {
    webrtc = await load();
  } catch (error) {
    const [why] = (error as Error).message.split('\n');
    throw new NoWebRtcError(
      `WebRTC is missing here: the package node-datachannel could not be loaded (${why}). In the checkout, run: ` +
        'npm ci --include=optional',
    );
  }
  const platform = webrtc.nodePlatform();
  const token = tokenFile === undefined ? undefined : tokenIn(tokenFile);
  const sockets = new Set<Promise<void>>();

  class SeedSocket extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(withToken(url, token?.()), protocols);
      const closed = new Promise<void>((resolve) => {
        for (const type of ['close', 'error']) this.addEventListener(type, () => resolve());
      }).then(() => void sockets.delete(closed));
      sockets.add(closed);
    }
  }

  const Native = platform.RTCPeerConnection as typeof RTCPeerConnection;
  class SeedConnection extends Native {
    constructor(configuration?: RTCConfiguration) {
      const [portRangeBegin, portRangeEnd] = udpPorts ?? [];
      // node-datachannel hands on what is no part of the standard.
      super({ ...configuration, ...(udpPorts && { portRangeBegin, portRangeEnd }) });
    }
  }

  return {
    platform: {
      ...platform,
      WebSocket: SeedSocket as unknown as typeof WebSocket,
      RTCPeerConnection: SeedConnection,
    },
    left: async () => void (await Promise.all(sockets)),
    end: () => webrtc.closeNodeWebRtc(),
  };
}

/**
 * Reads a token anew each time: one lasts for a day at most, and a seeder runs for months.
 * @throws {Error} if there is none at first; later, the last one is tried
 */
function tokenIn(file: string): () => string {
  const read = () => readFileSync(file, 'utf8').trim();
  let last = read();
  return () => {
    try {
      last = read();
    } catch {} // It is just being replaced.
    return last;
  };
}

function withToken(text: string | URL, token: string | undefined): URL {
  const url = new URL(text);
  if (token !== undefined) url.searchParams.set('token', token);
  return url;
}

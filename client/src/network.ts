import type { ConnectionOptions } from './connection/connection-manager.ts';
import { ConnectionManager } from './connection/connection-manager.ts';
import type { Network, NetworkHandlers } from './download/download-manager.ts';
import type { Platform } from './platform.ts';
import { SignalingChannel } from './signaling/signaling-channel.ts';
import type { EarlySocket } from './tracker/early-socket.ts';
import { TrackerClient } from './tracker/tracker-client.ts';

/**
 * Joins the rooms below the download manager, for a page as for a seeder without one: both are the same peer, and
 * differ in what the platform gives them and in how many others they may have.
 * @param named as for {@link TrackerClient}
 */
export function joinNetwork(
  named: string | readonly string[] | undefined,
  platform: Platform,
  handlers: NetworkHandlers,
  options: ConnectionOptions,
  early?: EarlySocket,
): Network & { readonly tracker: TrackerClient; readonly connections: ConnectionManager } {
  const tracker = new TrackerClient(
    // Without WebRTC nobody could be reached: no use in asking who is there.
    platform.RTCPeerConnection ? named : undefined,
    platform,
    {
      ...handlers,
      onState(state, ownId) {
        signaling.trackerState(state);
        handlers.onState(state, ownId);
      },
      onDeposited: (...what) => signaling.deposited(...what),
      onSignal: (signal) => signaling.receive(signal),
      onUndeliverable: (...what) => signaling.undeliverable(...what),
    },
    early,
  );
  const signaling = new SignalingChannel(tracker);
  const connections = new ConnectionManager(platform, signaling, handlers, options);
  return { tracker, connections };
}

export * from './limits.ts';
export type { RegistryOptions, RegistryStats } from './registry/options.ts';
export type { Effect } from './registry/peer.ts';
export { Registry } from './registry/registry.ts';
export type { RunningTracker, TrackerOptions } from './server.ts';
export { startTracker } from './server.ts';

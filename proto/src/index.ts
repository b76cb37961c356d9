export * from '../gen/compact.ts';
export * from './codec.ts';
export * from './content.ts';
export * from './limits.ts';
export * from './manifest.ts';
export * from './srcset.ts';

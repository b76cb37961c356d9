export * from '../gen/zauberflote/v1/content_pb.js';
export * from '../gen/zauberflote/v1/manifest_pb.js';
export * from '../gen/zauberflote/v1/peer_pb.js';
export * from '../gen/zauberflote/v1/signaling_pb.js';
export * from '../gen/zauberflote/v1/tracker_pb.js';
export * from './codec.ts';
export * from './content.ts';
export * from './limits.ts';

/** The same messages in protobuf-es's own runtime, with descriptors, JSON and reflection. */
export * from '../gen/zauberflote/v1/backplane_pb.js';
export * from '../gen/zauberflote/v1/content_pb.js';
export * from '../gen/zauberflote/v1/manifest_pb.js';
export * from '../gen/zauberflote/v1/peer_pb.js';
export * from '../gen/zauberflote/v1/signaling_pb.js';
export * from '../gen/zauberflote/v1/tracker_pb.js';

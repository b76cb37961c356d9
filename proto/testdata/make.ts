/** Writes the golden vectors: `node proto/testdata/make.ts`. A test compares them with the files. */
import { writeFileSync } from 'node:fs';
import { CONTENT_ID } from './content-id.ts';
import { MANIFEST } from './manifest.ts';
import { NODE_MESSAGE } from './node-message.ts';
import { PEER_MESSAGE } from './peer-message.ts';
import { SESSION_DESCRIPTION } from './session-description.ts';
import { SESSION_REQUEST } from './session-request.ts';
import { SESSION_RESPONSE } from './session-response.ts';
import type { SdpVector, TextVector, Vector } from './types.ts';

/** Content of each file of frames, by its name. */
export const FILES: Readonly<Record<string, readonly Vector[]>> = {
  'manifest.json': MANIFEST,
  'node_message.json': NODE_MESSAGE,
  'peer_message.json': PEER_MESSAGE,
  'session_request.json': SESSION_REQUEST,
  'session_response.json': SESSION_RESPONSE,
};

/** Of each file of texts that stand for a message. */
export const TEXTS: Readonly<Record<string, readonly (TextVector | SdpVector)[]>> = {
  'content_id.json': CONTENT_ID,
  'session_description.json': SESSION_DESCRIPTION,
};

export function format(vectors: readonly (Vector | TextVector | SdpVector)[]): string {
  return `${JSON.stringify(vectors, null, 2)}\n`;
}

if (import.meta.main)
  for (const [name, vectors] of Object.entries({ ...FILES, ...TEXTS }))
    writeFileSync(new URL(name, import.meta.url), format(vectors));

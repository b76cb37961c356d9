import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { decodeSessionRequest } from '@zauberflote/proto';
import { field } from '../../../proto/testdata/build.ts';
import type { SdpVector } from '../../../proto/testdata/types.ts';
import { rebuild } from './sdp.ts';

const VECTORS = new URL('../../../proto/testdata/session_description.json', import.meta.url);

/** The description as it comes: in a Signal that was checked, an offer or an answer by its role. */
function received({ hex, json }: SdpVector) {
  const inAnOffer = json.setup === undefined || json.setup === 'DTLS_SETUP_ACTPASS';
  const to = '0901000000000000001001';
  const frame = field('22', to, field(inAnOffer ? '1a' : '22', hex));
  const { body } = decodeSessionRequest(Uint8Array.from(Buffer.from(frame, 'hex')));
  assert.ok(body.case === 'signal');
  const step = body.value.body;
  assert.ok(step.case === 'offer' || step.case === 'answer');
  return step.value;
}

describe('rebuild, by the golden vectors', () => {
  for (const vector of JSON.parse(readFileSync(VECTORS, 'utf8')) as readonly SdpVector[])
    it(`${vector.sdp ? 'makes SDP' : 'refuses'}: ${vector.name}`, () => {
      const description = received(vector);
      if (!vector.sdp) return assert.throws(() => rebuild(description));
      const lines = rebuild(description).split('\r\n');
      assert.deepEqual(lines, [...vector.sdp, '']);
    });
});

import assert from 'node:assert/strict';
import type { KeyObject } from 'node:crypto';
import { generateKeyPairSync } from 'node:crypto';
import { EC, ED25519, pem, RSA, SECRET } from '../../test-support/tokens.ts';
import { MAX_TOKEN_KEYS } from '../limits.ts';
import { KeyError, readKeys } from './keys.ts';

const jwk = (key: KeyObject, more: object = {}) => ({ ...key.export({ format: 'jwk' }), ...more });
const read = (content: string | Buffer | object, half: 'public' | 'private' = 'public') => {
  const bytes = Buffer.isBuffer(content)
    ? content
    : Buffer.from(typeof content === 'string' ? content : JSON.stringify(content));
  return readKeys(bytes, half).map(({ algorithm, id }) => (id ? `${algorithm} ${id}` : algorithm));
};
const PAIRS = { EdDSA: ED25519, ES256: EC, RS256: RSA };

describe('keys for tokens', () => {
  for (const [algorithm, { publicKey, privateKey }] of Object.entries(PAIRS))
    it(`of ${algorithm} are read as PEM, JWK and JWKS, the public half by the tracker only`, () => {
      for (const [half, key, other] of [
        ['public', publicKey, privateKey],
        ['private', privateKey, publicKey],
      ] as const) {
        assert.deepEqual(read(pem(key), half), [algorithm]);
        assert.deepEqual(read(jwk(key), half), [algorithm]);
        assert.deepEqual(read({ keys: [jwk(key, { kid: 'k1' })] }, half), [`${algorithm} k1`]);
        for (const content of [pem(other), jwk(other), { keys: [jwk(other)] }])
          assert.throws(
            () => read(content, half),
            (error) =>
              error instanceof KeyError &&
              /This is a (public|private) key\. .*openssl/.test(error.message),
          );
      }
    });

  it('may be several, of which those for something else are left out', () => {
    const keys = [
      jwk(ED25519.publicKey, { kid: 'now', alg: 'EdDSA', use: 'sig' }),
      jwk(EC.publicKey, { use: 'enc' }),
      jwk(RSA.publicKey, { alg: 'RS512' }),
      jwk(generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).publicKey),
      { kty: 'new', x: 'y' },
      { kty: 'oct', k: Buffer.from(SECRET).toString('base64url') },
    ];
    assert.deepEqual(read({ keys }), ['EdDSA now', 'HS256']);
    assert.deepEqual(read(pem(ED25519.publicKey) + pem(RSA.publicKey)), ['EdDSA', 'RS256']);
  });

  it('are found in PEM with text around it, such as the attributes that openssl writes', () => {
    for (const before of ['# key of the site\n', 'Bag Attributes\n    friendlyName: site\n']) {
      assert.deepEqual(read(before + pem(ED25519.publicKey)), ['EdDSA']);
      assert.throws(() => read(before + pem(ED25519.privateKey)), /This is a private key/);
    }
  });

  it('are a secret where they are nothing else, without the line end', () => {
    for (const end of ['', '\n', '\r\n']) {
      const [key] = readKeys(Buffer.from(SECRET + end), 'public');
      assert.equal(key!.algorithm, 'HS256');
      assert.equal(key!.key.export().toString(), SECRET);
    }
  });

  const der = RSA.publicKey.export({ format: 'der', type: 'spki' });
  for (const { what, content, says } of [
    { what: 'a short secret', content: 'x'.repeat(31), says: /at least 32 bytes.*openssl rand/ },
    { what: 'a short secret with a line end', content: `${'x'.repeat(31)}\n`, says: /has 31/ },
    { what: 'a short secret in a JWK', content: { kty: 'oct', k: 'abcd' }, says: /has 3/ },
    { what: 'a secret that is none', content: { kty: 'oct' }, says: /no "k"/ },
    { what: 'nothing', content: '', says: /has 0/ },
    // Whoever knows the public key could sign with each of these as secret.
    { what: 'a public key in DER', content: der, says: /neither PEM, nor a JWKS/ },
    {
      what: 'one in PKCS#1',
      content: RSA.publicKey.export({ format: 'der', type: 'pkcs1' }),
      says: /neither PEM/,
    },
    { what: 'one in base64', content: der.toString('base64'), says: /neither PEM, nor a JWKS/ },
    { what: 'one in hex', content: der.toString('hex'), says: /neither PEM, nor a JWKS/ },
    {
      what: 'a private key in base64',
      content: ED25519.privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64'),
      says: /neither PEM/,
    },
    {
      what: 'one in PEM without its first line',
      content: pem(RSA.publicKey).replace(/^.*\n/, ''),
      says: /neither PEM, nor a JWKS/,
    },
    { what: 'one of OpenSSH', content: `ssh-ed25519 ${'A'.repeat(60)} me`, says: /neither PEM/ },
    {
      what: 'one of SSH2',
      content: `---- BEGIN SSH2 PUBLIC KEY ----\n${'A'.repeat(60)}`,
      says: /neither PEM/,
    },
    {
      what: 'PEM in UTF-16',
      content: Buffer.from(`\uFEFF${pem(RSA.publicKey)}`, 'utf16le'),
      says: /neither PEM/,
    },
    { what: 'an array of JWKs', content: [jwk(ED25519.publicKey)], says: /neither PEM/ },
    { what: 'an error page', content: `<html>${'A '.repeat(60)}</html>`, says: /neither PEM/ },
    { what: 'the x of a JWK, quoted', content: `"${'A'.repeat(60)}"`, says: /neither PEM/ },
    { what: 'two lines', content: `${SECRET}\n${SECRET}\n`, says: /one line of/ },
    { what: 'PEM cut short', content: pem(RSA.publicKey).slice(0, -30), says: /not complete/ },
    {
      what: 'PEM with nonsense',
      content: '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n',
      says: /public key cannot be read/,
    },
    {
      what: 'a certificate',
      content: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
      says: /This is a certificate\. /,
    },
    {
      what: 'another curve',
      content: pem(generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).publicKey),
      says: /P-256/,
    },
    {
      what: 'another kind',
      content: pem(generateKeyPairSync('x25519').publicKey),
      says: /is x25519/,
    },
    {
      what: 'a short RSA key',
      content: pem(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey),
      says: /at least 2048 bits; this one has 1024/,
    },
    { what: 'broken JSON', content: '{"keys":', says: /no JSON/ },
    { what: 'keys that are none', content: { keys: [7] }, says: /no JSON object/ },
    { what: 'an empty set', content: { keys: [] }, says: /no key for EdDSA/ },
    {
      what: 'a JWK with nonsense',
      content: { kty: 'EC', crv: 'P-256', x: 'A', y: 'A' },
      says: /type EC cannot/,
    },
    {
      what: 'too many',
      content: { keys: Array(MAX_TOKEN_KEYS + 1).fill(jwk(ED25519.publicKey)) },
      says: /17 keys/,
    },
  ])
    it(`refuses ${what}, and does not quote it`, () => {
      assert.throws(
        () => read(content),
        (error) =>
          error instanceof KeyError && says.test(error.message) && !error.message.includes('AAAA'),
      );
    });
});

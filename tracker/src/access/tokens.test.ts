import assert from 'node:assert/strict';
import { createSecretKey, generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { UnsecuredJWT } from 'jose';
import { EC, ED25519, pem, RSA, SECRET, token as tokenOfNow } from '../../test-support/tokens.ts';
import { MAX_TOKEN_CHARACTERS, MAX_TOKEN_SECONDS, TOKEN_SKEW_SECONDS } from '../limits.ts';
import type { TokenKey } from './keys.ts';
import { readKeys } from './keys.ts';
import { checkToken, tokenOf } from './tokens.ts';

const keysOf = (text: string) => readKeys(Buffer.from(text), 'public');
const KEYS = keysOf(pem(ED25519.publicKey));
const ORIGIN = 'https://example.com';
/** The clock of all of this: some tokens are made long before they are looked at. */
const NOW = 1_700_000_000;

const token: typeof tokenOfNow = (claims = {}, ...more) =>
  tokenOfNow({ iat: NOW, exp: NOW + 60, ...claims }, ...more);

const problem = async (
  given: string | undefined | Promise<string>,
  { keys = KEYS, origin = ORIGIN, audience = undefined as string | undefined } = {},
) => {
  const rules = { keys, audience, now: new Date(NOW * 1_000), setting: 'token-keys-file' } as const;
  const checked = await checkToken(await given, origin || undefined, rules);
  return 'problem' in checked ? checked.problem : undefined;
};

describe('tokens', () => {
  for (const { algorithm, key, keys } of [
    { algorithm: 'EdDSA', key: ED25519.privateKey, keys: KEYS },
    { algorithm: 'Ed25519', key: ED25519.privateKey, keys: KEYS },
    { algorithm: 'ES256', key: EC.privateKey, keys: keysOf(pem(EC.publicKey)) },
    { algorithm: 'RS256', key: RSA.privateKey, keys: keysOf(pem(RSA.publicKey)) },
    { algorithm: 'HS256', key: Buffer.from(SECRET), keys: keysOf(`${SECRET}\n`) },
  ])
    it(`of ${algorithm} let pages of their site in`, async () => {
      assert.equal(await problem(token({}, key, { alg: algorithm }), { keys }), undefined);
    });

  const other = generateKeyPairSync('ed25519').privateKey;
  for (const { what, given, is } of [
    { what: 'none', given: undefined, is: 'missing' },
    { what: 'no JWT', given: 'secret', is: 'malformed' },
    { what: 'three parts of nothing', given: '..', is: 'malformed' },
    {
      what: 'one too long',
      given: token({ more: 'x'.repeat(MAX_TOKEN_CHARACTERS) }),
      is: 'malformed',
    },
    { what: 'one of another key', given: token({}, other), is: 'signature' },
    {
      what: 'one without signature',
      given: new UnsecuredJWT({ site: 'example.com', iat: NOW, exp: NOW + 9 }).encode(),
      is: 'algorithm',
    },
    {
      what: 'one of another algorithm',
      given: token({}, RSA.privateKey, { alg: 'RS256' }),
      is: 'algorithm',
    },
    {
      what: 'one that wants what nobody understands',
      // {"alg":"EdDSA","crit":["x"],"x":1}
      given: 'eyJhbGciOiJFZERTQSIsImNyaXQiOlsieCJdLCJ4IjoxfQ.e30.AAAA',
      is: 'malformed',
    },
    { what: 'an expired one', given: token({ exp: NOW - TOKEN_SKEW_SECONDS }), is: 'expired' },
    { what: 'one of tomorrow', given: token({ nbf: NOW + TOKEN_SKEW_SECONDS + 1 }), is: 'early' },
    {
      what: 'one made tomorrow',
      given: token({ iat: NOW + TOKEN_SKEW_SECONDS + 1, exp: NOW + 90 }),
      is: 'early',
    },
    {
      what: 'one for too long',
      given: token({ iat: NOW, exp: NOW + MAX_TOKEN_SECONDS + 1 }),
      is: 'lifetime',
    },
    {
      what: 'the end of one for too long',
      given: token({ iat: NOW - 2 * MAX_TOKEN_SECONDS, exp: NOW + 60 }),
      is: 'lifetime',
    },
    { what: 'one without end', given: token({ exp: undefined }), is: 'claims' },
    { what: 'one without beginning', given: token({ iat: undefined }), is: 'claims' },
    { what: 'one for no site', given: token({ site: undefined }), is: 'claims' },
    { what: 'one for an empty list of sites', given: token({ site: [] }), is: 'claims' },
    { what: 'one for every site', given: token({ site: '*' }), is: 'claims' },
    { what: 'one for an URL', given: token({ site: ['example.com', ORIGIN] }), is: 'claims' },
    {
      what: 'one whose times are texts',
      given: token({ exp: '2099' as unknown as number }),
      is: 'claims',
    },
    { what: 'one for another site', given: token({ site: ['a.test', 'b.test'] }), is: 'site' },
    { what: 'one for another service', given: token({ aud: 'mail' }), is: 'audience' },
  ])
    it(`do not let ${what} in`, async () => {
      assert.equal(await problem(given), is);
    });

  it('are good until just before they end, and as soon as they begin', async () => {
    assert.equal(await problem(token({ exp: NOW - TOKEN_SKEW_SECONDS + 1 })), undefined);
    assert.equal(await problem(token({ iat: NOW + TOKEN_SKEW_SECONDS, exp: NOW + 90 })), undefined);
    assert.equal(await problem(token({ iat: NOW, exp: NOW + MAX_TOKEN_SECONDS })), undefined);
  });

  it('name sites as --allow-origin does', async () => {
    const given = token({ site: ['a.test:8443', '*.example.com'] });
    for (const origin of ['https://a.test:8443', 'https://www.example.com', ''])
      assert.equal(await problem(given, { origin }), undefined, origin);
    for (const origin of [
      'https://a.test',
      'https://example.com',
      'null',
      'https://example.com.evil.test',
    ])
      assert.equal(await problem(given, { origin }), 'site', origin);
  });

  it('have to be for the audience that is set, and for none else', async () => {
    const audience = 'tracker';
    assert.equal(await problem(token({ aud: ['mail', 'tracker'] }), { audience }), undefined);
    assert.equal(await problem(token({ aud: 'mail' }), { audience }), 'audience');
    assert.equal(await problem(token(), { audience }), 'audience');
  });

  it('cannot use a public key as a secret', async () => {
    for (const { publicKey } of [RSA, EC, ED25519])
      for (const text of [pem(publicKey), pem(publicKey).trim()]) {
        const forged = token({}, Buffer.from(text), { alg: 'HS256' });
        assert.equal(await problem(forged, { keys: keysOf(pem(publicKey)) }), 'algorithm');
        // Nor beside a secret.
        const keys = [...keysOf(pem(publicKey)), ...keysOf(SECRET)];
        assert.equal(await problem(forged, { keys }), 'signature');
      }
  });

  it('may be of any of several keys, whatever they call it', async () => {
    const second = generateKeyPairSync('ed25519');
    const keys: TokenKey[] = [
      { ...KEYS[0]!, id: 'old' },
      { ...KEYS[0]!, key: second.publicKey, id: 'new' },
      { algorithm: 'HS256', key: createSecretKey(Buffer.from(SECRET)), id: undefined },
    ];
    for (const kid of ['new', undefined, 'unheard of']) {
      const header = { alg: 'EdDSA', ...(kid !== undefined && { kid }) };
      assert.equal(await problem(token({}, second.privateKey, header), { keys }), undefined, kid);
    }
    const wrong = token({}, second.privateKey, { alg: 'EdDSA', kid: 'old' });
    assert.equal(await problem(wrong, { keys }), 'signature');
  });

  it('are refused, and break nothing, when anything in them is changed', async () => {
    const good = await token();
    const change = fc.record({
      at: fc.nat({ max: good.length - 1 }),
      by: fc.integer({ min: 1, max: 255 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const bytes = Buffer.from(good);
        for (const { at, by } of changes) bytes[at]! ^= by;
        const changed = bytes.toString('latin1');
        // The last letter has bits that mean nothing.
        fc.pre(changed.slice(0, -1) !== good.slice(0, -1));
        assert.notEqual(await problem(changed), undefined);
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.string(), async (text) =>
        assert.notEqual(await problem(text), undefined),
      ),
    );
  });

  it('are told what is wrong without a word of them', async () => {
    const given = await token({ site: 'secret.test' });
    const now = new Date(NOW * 1_000);
    const rules = { keys: KEYS, audience: undefined, now, setting: 'token-keys-file' } as const;
    const checked = await checkToken(given, ORIGIN, rules);
    assert.ok('problem' in checked);
    const { text } = checked;
    assert.match(text, /another site than "https:\/\/example\.com"/);
    assert.ok(!text.includes('secret.test'));
  });

  it('come in the Authorization, else in the address', () => {
    const of = (url: string, authorization?: string) =>
      tokenOf({ url, headers: { authorization } });
    assert.equal(of('/?token=a.b-_c'), 'a.b-_c');
    assert.equal(of('/?x=1&token=a&token=b'), 'a');
    assert.equal(of('/?token=a', 'Bearer b'), 'b');
    assert.equal(of('/', 'bearer  b '), 'b');
    assert.equal(of('/?token=a', 'Basic b'), 'a');
    for (const url of ['/', '/?', '/?token=', '/token=a', '/?tokens=a'])
      assert.equal(of(url), undefined, url);
  });
});

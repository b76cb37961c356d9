import assert from 'node:assert/strict';
import { addressGroup, clientAddress, isNetwork, networks } from './address.ts';
import { Addresses } from './addresses.ts';
import { isOriginAllowed, isOriginPattern } from './origins.ts';

describe('the address of a client', () => {
  const trusted = networks(['10.0.0.0/8', '::1', '2001:db8:1::/48']);
  for (const { what, remote, forwarded, expected } of [
    { what: 'its own', remote: '192.0.2.1', expected: '192.0.2.1' },
    { what: 'its own, mapped to IPv6', remote: '::ffff:192.0.2.1', expected: '192.0.2.1' },
    {
      what: 'not what it claims',
      remote: '192.0.2.1',
      forwarded: '1.1.1.1',
      expected: '192.0.2.1',
    },
    {
      what: 'what a proxy says',
      remote: '10.1.2.3',
      forwarded: '192.0.2.9',
      expected: '192.0.2.9',
    },
    {
      what: 'what a proxy says, of a mapped address',
      remote: '::ffff:10.1.2.3',
      forwarded: '2001:db8:2::7',
      expected: '2001:db8:2::7',
    },
    {
      what: 'what the outermost trusted proxy says',
      remote: '10.1.2.3',
      forwarded: '1.1.1.1, 192.0.2.9, 2001:db8:1::5, 10.9.9.9',
      expected: '192.0.2.9',
    },
    {
      what: 'what a proxy says that names the port, too',
      remote: '10.1.2.3',
      forwarded: '192.0.2.9:5555, 10.9.9.9:80',
      expected: '192.0.2.9',
    },
    {
      what: 'what a proxy says that names the port of IPv6, too',
      remote: '10.1.2.3',
      forwarded: '[2001:db8:2::7]:5555, [2001:db8:1::5]',
      expected: '2001:db8:2::7',
    },
    { what: 'unknown if nobody says it', remote: '::1', expected: undefined },
    {
      what: 'unknown if it is none',
      remote: '10.1.2.3',
      forwarded: 'unknown',
      expected: undefined,
    },
    { what: 'unknown if it is gone', remote: '', expected: undefined },
  ])
    it(`is ${what}`, () => assert.equal(clientAddress(remote, forwarded, trusted), expected));

  it('counts as its /64 in IPv6', () => {
    for (const [address, group] of [
      ['192.0.2.1', '192.0.2.1'],
      ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
      ['2001:0DB8:1:2::', '2001:db8:1:2::/64'],
      ['2001:db8::6', '2001:db8:0:0::/64'],
      ['::1', '0:0:0:0::/64'],
      ['fe80::1%eth0', 'fe80:0:0:0::/64'],
      ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ])
      assert.equal(addressGroup(address!), group);
  });

  it('tells networks from other texts', () => {
    for (const text of ['10.0.0.0/8', '10.0.0.1', '::1', 'fd00::/8', '0.0.0.0/0'])
      assert.ok(isNetwork(text), text);
    for (const text of [
      '',
      '10.0.0.0/33',
      '::/129',
      '10.0.0/8',
      '10.0.0.0/8/8',
      '10.0.0.0/',
      'nginx',
    ])
      assert.ok(!isNetwork(text), text);
  });
});

describe('connections of an address', () => {
  it('are limited in number and rate, and forgotten afterwards', () => {
    const addresses = new Addresses({ connectionsPerAddress: 15, connectRatePerAddress: 2 });
    for (let n = 0; n < 15; n++) assert.equal(addresses.enter('a', 0), 'entered');
    assert.equal(addresses.enter('a', 0), 'too many');
    assert.equal(addresses.enter('b', 0), 'entered');
    for (let n = 0; n < 4; n++) assert.equal(addresses.enter('a', 0), 'too many');
    for (let n = 0; n < 15; n++) addresses.leave('a');
    assert.equal(addresses.enter('a', 0), 'too fast');
    assert.equal(addresses.enter('a', 500), 'entered');
    addresses.leave('a');
    addresses.leave('b');
    addresses.tick(600);
    assert.equal(addresses.size, 1, 'forgotten too soon');
    addresses.tick(60_000);
    assert.equal(addresses.size, 0);
  });
});

describe('origins', () => {
  const allowed = [
    'example.com',
    '*.Example.org',
    'local.test:8443',
    'tls.test:443',
    'tcp.test:80',
  ];
  for (const [origin, expected] of [
    [undefined, true],
    ['https://example.com', true],
    ['http://example.com:8000', true],
    ['https://www.example.com', false],
    ['https://a.b.example.org', true],
    ['https://example.org', false],
    ['https://badexample.org', false],
    ['https://example.com.evil.test', false],
    ['https://local.test:8443', true],
    ['https://local.test', false],
    ['https://tls.test', true],
    ['https://tls.test:443', true],
    ['http://tls.test', false],
    ['http://tcp.test', true],
    ['https://tcp.test', false],
    ['null', false],
    ['', false],
  ] as const)
    it(`${expected ? 'lets in' : 'refuses'} ${origin ?? 'no origin'}`, () =>
      assert.equal(isOriginAllowed(origin, allowed), expected));

  it('are all let in where none is named', () => assert.ok(isOriginAllowed('null', [])));

  it('are named by hosts', () => {
    for (const text of ['example.com', '*.example.com', 'localhost:8000'])
      assert.ok(isOriginPattern(text));
    for (const text of [
      '',
      '*',
      'https://example.com',
      'a.*.com',
      'example.com/',
      'example.com:65536',
    ])
      assert.ok(!isOriginPattern(text), text);
  });
});

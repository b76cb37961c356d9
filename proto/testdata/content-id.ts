import { base64, FILE } from './build.ts';
import { PAPAGENO_ID } from './manifest.ts';
import type { TextVector } from './types.ts';

const url = (text: string) =>
  text.replace(/[+/=]/g, (char) => ({ '+': '-', '/': '_' })[char] ?? '');
const hex = (text: string) => Buffer.from(text, 'base64').toString('hex');

const id = (algorithm: string, digest: string) => ({
  algorithm: `HASH_ALGORITHM_${algorithm}`,
  digest,
});
const SHA1 = base64('sha1');
const SHA256 = base64('sha256');
const ZF1 = `zf1-${url(PAPAGENO_ID)}`;

/** The name of a content in a page, as the id that it is on the wire. */
export const CONTENT_ID: readonly TextVector[] = [
  { name: 'zf1', text: ZF1, json: id('MANIFEST_SHA256', PAPAGENO_ID) },
  { name: 'sha256', text: `sha256-${SHA256}`, json: id('SHA256', SHA256) },
  { name: 'sha384', text: `sha384-${base64('sha384')}`, json: id('SHA384', base64('sha384')) },
  { name: 'sha512', text: `sha512-${base64('sha512')}`, json: id('SHA512', base64('sha512')) },
  { name: 'SHA-1', text: hex(SHA1), json: id('SHA1', SHA1) },
  {
    name: 'SHA-1 in upper case',
    text: hex(SHA1).toUpperCase(),
    json: id('SHA1', SHA1),
    canonical: false,
  },
  {
    name: 'white space around it',
    text: `\n  ${ZF1}\t`,
    json: id('MANIFEST_SHA256', PAPAGENO_ID),
    canonical: false,
  },
  { name: 'empty', text: '', why: 'there is nothing' },
  { name: 'zf1 of 42 characters', text: ZF1.slice(0, -1), why: '32 bytes have 43' },
  { name: 'zf1 of 44 characters', text: `${ZF1}A`, why: '32 bytes have 43' },
  { name: 'zf1 with padding', text: `${ZF1}=`, why: 'there is none' },
  {
    name: 'zf1 in ordinary base64',
    text: `zf1-${'+'.repeat(42)}A`,
    why: 'it is base64url: - in place of +, _ of /',
  },
  {
    name: 'zf1 whose spare bits are not 0',
    text: `zf1-${'A'.repeat(42)}B`,
    why: 'one id would have two names',
  },
  { name: 'zf1 in upper case', text: ZF1.replace('zf1', 'ZF1'), why: 'only hex has two cases' },
  { name: 'sha256 of 20 bytes', text: `sha256-${SHA1}`, why: 'it has 32' },
  { name: 'sha256 of 48 bytes', text: `sha256-${base64('sha384')}`, why: 'it has 32' },
  {
    name: 'sha256 in base64url',
    text: `sha256-${'-'.repeat(42)}A=`,
    why: 'it is ordinary base64: + in place of -, / of _',
  },
  { name: 'sha256 in hex', text: `sha256-${hex(SHA256)}`, why: 'it is base64' },
  { name: 'SHA-1 with its name', text: `sha1-${SHA1}`, why: 'SHA-1 is written in hex, without' },
  { name: 'SHA-1 of 39 digits', text: hex(SHA1).slice(1), why: '20 bytes have 40' },
  {
    name: 'another algorithm',
    text: `md5-${base64('md5', FILE)}`,
    why: 'there is none of that name',
  },
  {
    name: 'two of Subresource Integrity',
    text: `sha256-${SHA256} sha384-${base64('sha384')}`,
    why: 'an element has one content',
  },
  { name: 'an option of Subresource Integrity', text: `sha256-${SHA256}?x`, why: 'there are none' },
];

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { decodeSessionRequest } from '@zauberflote/proto';
import { GUARD, guardSnippet } from '../client/guard/guard.ts';
import { rebuild } from '../client/src/signaling/sdp.ts';

const ROOT = new URL('../', import.meta.url);
const ROOMS = ['proto/src', 'tracker/src', 'client/src', 'client/worker', 'convert/src'];

/** `export const NAME =`, and constants of a file's own whose name says what they measure. */
const DECLARED =
  /^(?:(?<exported>export) )?const (?<name>[A-Z][A-Z0-9_]*) = (?:(?<literal>[\d_]+);)?/gm;
const OF_ITS_OWN = /^MAX_|_(?:MS|BYTES|PIXELS)$/;

const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8');

/** Numbers by `file NAME`. */
type Limits = ReadonlyMap<string, number>;

/** What the code says. Exported constants are taken as they are, computed ones too. */
async function limitsOfCode(): Promise<Limits> {
  const limits = new Map<string, number>();
  const files = ROOMS.flatMap((room) => globSync(`${room}/**/*.ts`, { cwd: ROOT }));
  for (const file of files.filter((name) => !/\.test\.ts$|\/test-|\/testing\//.test(name)))
    for (const { groups } of read(file).matchAll(DECLARED)) {
      const { exported, name = '', literal } = groups ?? {};
      if (exported) {
        const value = (await import(new URL(file, ROOT).href))[name];
        if (typeof value === 'number') limits.set(`${file} ${name}`, value);
      } else if (literal && OF_ITS_OWN.test(name))
        limits.set(`${file} ${name}`, Number(literal.replaceAll('_', '')));
    }
  return limits;
}

/** What a page says: tables under headings that name a file. */
function limitsOfPage(page: string): Limits {
  const limits = new Map<string, number>();
  let file = '';
  for (const line of page.split('\n')) {
    file = /^### `(.+)`$/.exec(line)?.[1] ?? file;
    const [, name, value] = /^\| `([A-Z0-9_]+)` *\| *([\d,.]+) *\|/.exec(line) ?? [];
    if (name && value) limits.set(`${file} ${name}`, Number(value.replaceAll(',', '')));
  }
  return limits;
}

/** Where they differ, in sentences. */
function differences(code: Limits, page: Limits): string[] {
  const wrong: string[] = [];
  for (const [name, value] of code)
    if (!page.has(name)) wrong.push(`${name} = ${value} is not in docs/limits.md`);
    else if (page.get(name) !== value)
      wrong.push(`${name} is ${value}, not ${page.get(name)} as docs/limits.md says`);
  for (const name of page.keys())
    if (!code.has(name)) wrong.push(`${name} of docs/limits.md is not in the code any more`);
  return wrong;
}

describe('docs/limits.md', () => {
  it('has every limit of the code, with its value, and no other', async () => {
    const code = await limitsOfCode();
    assert(code.size > 50, `only ${code.size} constants were found in the code`);
    assert.deepEqual(differences(code, limitsOfPage(read('docs/limits.md'))), []);
  });

  it('would be caught with another value, without a row, or with one too many', async () => {
    const code = await limitsOfCode();
    const name = 'client/src/engine/tuning.ts MAX_PEERS';
    assert.match(differences(code, new Map([...code, [name, 9]]))[0]!, /MAX_PEERS is 8, not 9/);
    const without = new Map([...code].filter(([key]) => key !== name));
    assert.match(differences(code, without)[0]!, /MAX_PEERS = 8 is not in/);
    assert.match(differences(without, code)[0]!, /MAX_PEERS of .* not in the code/);
  });
});

describe('the documented snippet', () => {
  const snippet = guardSnippet('/zauberflote.js', 'wss://tracker.example/');

  for (const page of ['README.md', 'docs/guide.md'])
    it(`is in ${page} as the code has it`, () => {
      assert(read(page).includes(snippet), `${page} should hold:\n${snippet}`);
    });

  it('comes with the hash of its inline script for a Content Security Policy', () => {
    const hash = createHash('sha256').update(GUARD).digest('base64');
    assert(read('docs/guide.md').includes(`'sha256-${hash}'`), `the guide should name ${hash}`);
  });
});

describe('the worked example of docs/protocol.md', () => {
  it('is a frame that gives the SDP beside it', () => {
    const [, hex = '', sdp = ''] =
      /```hex\n([\da-f\n]+)```[\s\S]*?```sdp\n([\s\S]+?)```/.exec(read('docs/protocol.md')) ?? [];
    const { body } = decodeSessionRequest(Buffer.from(hex.replaceAll('\n', ''), 'hex'));
    assert(body.case === 'signal' && body.value.body.case === 'offer');
    assert.equal(body.value.peerId, 0x0123456789abcdefn);
    assert.equal(rebuild(body.value.body.value).replaceAll('\r\n', '\n'), sdp);
  });
});

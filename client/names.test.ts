import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAst } from 'rollup/parseAst';

type Change = (code: string, parse: typeof parseAst) => string;
// Plain JavaScript, as Rollup loads it with its configuration.
const file = new URL('names.js', import.meta.url).href;
const { onlyLet, shortenPrivates }: Record<string, Change> = await import(file);
const quiet = new URL('quiet.js', import.meta.url).href;
const { withoutTexts }: Record<string, Change> = await import(quiet);

const shorten = (code: string): string => shortenPrivates!(code, parseAst);
const run = (code: string): unknown => Function(`${code}; return result`)();

const CLASS = `class A {
  #value = 1;
  #unset;
  #list = [];
  e = 'not private';
  static #made = 0;
  constructor() { A.#made++; }
  get#size() { return this.#list.length; }
  async#later() { return this.#value; }
  *#all() { yield* this.#list; }
  add(item) { this.#unset ??= item; this.#list.push(item); return this.#size; }
  all() { return [...this.#all(), this.#unset, this.#value, this.e, A.#made]; }
  later() { return this.#later(); }
}`;

describe('short names', () => {
  it('leave a class what it was', async () => {
    const use = `const a = new A(); a.add(7); const result = [a.add(8), a.all(), a.later()]`;
    for (const code of [CLASS, shorten(CLASS)]) {
      const [size, all, later] = run(`${code} ${use}`) as [number, unknown[], Promise<number>];
      assert.deepEqual([size, all, await later], [2, [7, 8, 7, 1, 'not private', 1], 1]);
    }
    assert.doesNotMatch(shorten(CLASS), /#/);
  });

  it('are none that a property or a text has', () => {
    const members = shorten('class A { #x = 1; e() { return [this.t, "n", this.#x]; } }');
    assert.match(members, /class A \{ s = 1;/);
  });

  it('are refused to classes that extend others', () => {
    assert.throws(() => shorten('class A extends B { #x = 1; }'), /extends another/);
  });

  it('turn const into let, and nothing else', () => {
    const code =
      'const a = "const b", { c } = { c: 1 }; for (const d of [2]) var result = [a, c, d]';
    assert.deepEqual(run(onlyLet!(code, parseAst)), ['const b', 1, 2]);
    assert.equal(onlyLet!(code, parseAst).match(/const/g)?.length, 1);
  });
});

describe('errors of the protocol', () => {
  it('lose their texts and codes, and nothing else does', () => {
    const code =
      'new Error("a"); new ProtocolError(CODE, `b`); malformed("d"); malformed(e); tell("f")';
    assert.equal(
      withoutTexts!(code, parseAst),
      'new Error(); new Error(); malformed(); malformed(); tell("f")',
    );
  });
});

/** What goes wrong when a name is shortened that others know, and that no load of a page may show. */
describe('built client', () => {
  const file = join(import.meta.dirname, 'dist/zauberflote.js');
  before(() => assert.ok(existsSync(file), 'client/dist is missing: run npm run build'));

  it('keeps the names that are in standards and tables', () => {
    const code = readFileSync(file, 'utf8');
    for (const name of [
      'iceTransportPolicy',
      'iceServers',
      'bufferedAmountLowThreshold',
      'saveData',
    ])
      assert.match(code, new RegExp(`\\b${name}\\b`));
    for (const word of ['actpass', 'srflx', 'prflx', 'relay', 'passive'])
      assert.match(code, new RegExp(`\\b${word}\\b`));
    for (const name of ['maxUploadBytesPerSecond', 'onProgress', 'uploaded', 'ownId', 'fallback'])
      assert.match(code, new RegExp(`\\b${name}\\b`));
  });
});

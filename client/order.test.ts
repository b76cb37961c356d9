import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { parseAst } from 'rollup/parseAst';

// Plain JavaScript, as Rollup loads it with its configuration.
const file = new URL('order.js', import.meta.url).href;
const {
  arrange,
}: Record<string, (code: string, parse: typeof parseAst, tries?: number) => string> = await import(
  file
);

/** What is alike is far from each other, and what runs needs what is declared around it. */
const PARTS = [
  'let log=[],two=later()+1;class A{x=two;m(t){return t+this.x}get g(){return this.m(1)}k(){return 7}}',
  ...Array.from({ length: 12 }, (_, i) => {
    const noise = Array.from({ length: 400 }, (_, j) =>
      ((i * 977 + j * j * 31) % 3571).toString(36),
    );
    return `function f${i}(t,e){return"${noise.join('')}".length+t*${i}-e}`;
  }),
  'log.push(new A().m(1));class B extends A{m(t){return super.m(t)*10}}',
  'class C{static made=log.push("C");m(){return 3}n(){return 4}}function later(){return 1}',
  'class D{m(t){return t+1}get g(){return this.m(2)}k(){return 8}}',
  'log.push(new B().g,new C().n(),new D().g);globalThis.log=[...log,f1(1,2),f11(3,4)]',
];
const CODE = `!function(){${PARTS.join('')}}();`;

function logOf(code: string): unknown {
  const globals: { log?: unknown } = {};
  Function('globalThis', code)(globals);
  return globals.log;
}

describe('order of the bundle', () => {
  it('does not change what it does, in whichever order', () => {
    const expected = logOf(CODE);
    assert.ok(Array.isArray(expected) && expected.length > 5);
    for (let tries = 0; tries < 300; tries += 7)
      assert.deepEqual(logOf(arrange!(CODE, parseAst, tries)), expected, `${tries} tries`);
  });

  it('makes it smaller, and the same in every build', () => {
    const size = (code: string) => gzipSync(code, { level: 6 }).length;
    const arranged = arrange!(CODE, parseAst, 200);
    assert.ok(size(arranged) < size(CODE), `${size(arranged)} of ${size(CODE)} bytes`);
    assert.equal(arranged.length, CODE.length + 1, 'one more semicolon, and nothing else');
    assert.equal(arrange!(CODE, parseAst, 200), arranged);
  });
});

import assert from 'node:assert/strict';
import { type Place, ScriptOrder, scriptKind } from './scripts.ts';

const plain = { type: null, async: false, defer: false, nomodule: false };

describe('scriptKind', () => {
  it('follows the attributes as HTML does', () => {
    assert.equal(scriptKind(plain), 'ordered');
    assert.equal(scriptKind({ ...plain, type: 'Text/JavaScript' }), 'ordered');
    assert.equal(scriptKind({ ...plain, defer: true }), 'deferred');
    assert.equal(scriptKind({ ...plain, type: 'module' }), 'deferred');
    assert.equal(scriptKind({ ...plain, type: 'module', nomodule: true }), 'deferred');
    assert.equal(scriptKind({ ...plain, defer: true, async: true }), 'async');
    assert.equal(scriptKind({ ...plain, type: 'module', async: true }), 'async');
    for (const type of ['application/json', 'importmap', 'text/template'])
      assert.equal(scriptKind({ ...plain, type }), 'never');
    assert.equal(scriptKind({ ...plain, nomodule: true }), 'never');
  });
});

describe('ScriptOrder', () => {
  function page() {
    let parsed = () => {};
    const order = new ScriptOrder(
      new Promise<void>((resolve) => {
        parsed = resolve;
      }),
    );
    const turns: string[] = [];
    const place = (kind: 'ordered' | 'deferred' | 'async', name: string): Place => {
      const taken = order.place(kind);
      taken.turn.then(() => turns.push(name));
      return taken;
    };
    const settle = () => new Promise((resolve) => setImmediate(resolve));
    return { parsed, place, turns, settle };
  }

  it('lets ordered scripts go one by one, whenever they are done', async () => {
    const { place, turns, settle } = page();
    const [a, b] = [place('ordered', 'a'), place('ordered', 'b'), place('ordered', 'c')];
    b.done();
    await settle();
    assert.deepEqual(turns, ['a']);
    a.done();
    await settle();
    assert.deepEqual(turns, ['a', 'b', 'c']);
  });

  it('keeps deferred scripts until the document is parsed and the ordered ones are done', async () => {
    const { parsed, place, turns, settle } = page();
    const d = place('deferred', 'd');
    const [a] = [place('ordered', 'a'), place('deferred', 'e')];
    parsed();
    await settle();
    assert.deepEqual(turns, ['a']);
    a.done();
    await settle();
    assert.deepEqual(turns, ['a', 'd']);
    d.done();
    await settle();
    assert.deepEqual(turns, ['a', 'd', 'e']);
  });

  it('keeps nothing from an async script', async () => {
    const { place, turns, settle } = page();
    place('ordered', 'a');
    place('async', 'b');
    await settle();
    assert.deepEqual(turns.sort(), ['a', 'b']);
  });
});

/**
 * Short names for what only the bundle itself sees. Minifiers leave properties alone, as they cannot
 * tell whose they are; here that is known.
 */
import { globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Files that say what the page, or another file, sees of the bundle: what they declare keeps its name. */
const OUTSIDE = [
  'auto.ts',
  'zauberflote.ts',
  'errors.ts',
  'dom/events.ts',
  'dom/media-library.ts',
  'dom/stylesheet-library.ts',
  'download/download-manager.ts',
  'download/types.ts',
  'integrity/digest.ts',
  'tracker/early-socket.ts',
];

/** By how often letters come in minified code: what is alike compresses. */
const LETTERS = 'etnsriaohclduEfgpmbwyvkAzSIMxNTPOqCBUjLRFDHWGVYKQJXZ';

/** Of browsers and of JavaScript. TypeScript's libraries know them all. */
function platformNames() {
  const typescript = createRequire(import.meta.url).resolve('typescript/package.json');
  const machine = `@typescript/typescript-${process.platform}-${process.arch}/package.json`;
  const folder = join(dirname(createRequire(typescript).resolve(machine)), 'lib');
  const files = globSync('lib.{es*,dom*}.d.ts', { cwd: folder });
  const text = files.map((file) => readFileSync(join(folder, file), 'utf8')).join('\n');
  return text.replace(/\/\*[\s\S]*?\*\//g, '').match(/[\w$]+(?=\??\s*[:(<])/g);
}

function outsideNames() {
  return OUTSIDE.flatMap((file) => {
    const text = readFileSync(join(import.meta.dirname, 'src', file), 'utf8');
    return [...text.matchAll(/^(?: {2}| {4})(?:readonly )?(\w+)\??[:(<]/gm)].map(
      ([, name]) => name,
    );
  });
}

/** Calls `visit` with every node of a syntax tree. */
export function walk(node, visit) {
  visit(node);
  for (const value of Object.values(node))
    for (const child of Array.isArray(value) ? value : [value])
      if (typeof child?.type === 'string') walk(child, visit);
}

const nameOf = (node) => node?.name ?? node?.property?.name;

/** Names that the code may also reach as texts: its own texts, and the keys of what is used as a table. */
function namesInTexts(tree) {
  const names = new Set();
  const tables = new Set(['']);
  walk(tree, ({ type, value, computed, object, callee, arguments: args }) => {
    if (type === 'Literal' && typeof value === 'string') names.add(value);
    if (type === 'MemberExpression' && computed) tables.add(nameOf(object));
    if (type === 'CallExpression' && nameOf(callee?.object) === 'Object')
      for (const arg of args) tables.add(nameOf(arg));
  });
  walk(tree, ({ id, key, init, value }) => {
    const table = init ?? value;
    if (table?.type !== 'ObjectExpression' || !tables.has(nameOf(id ?? key))) return;
    for (const property of table.properties) names.add(nameOf(property.key));
  });
  return names;
}

/** Replaces parts of a text. */
export function edit(text, edits) {
  let [edited, at] = ['', 0];
  for (const [start, end, part] of edits.sort(([a], [b]) => a - b)) {
    edited += text.slice(at, start) + part;
    at = end;
  }
  return edited + text.slice(at);
}

/** `let` for `const`: one word compresses better than two. */
export function onlyLet(code, parse) {
  const edits = [];
  walk(parse(code), ({ type, kind, start }) => {
    if (type === 'VariableDeclaration' && kind === 'const') edits.push([start, start + 5, 'let']);
  });
  return edit(code, edits);
}

/**
 * Makes private members ordinary ones, with names that nothing else has, the same few in every class.
 * Their declarations without a value go.
 * @param parse gives the syntax tree of the code
 * @throws {Error} for a class with private members that extends another: the names could meet
 */
export function shortenPrivates(code, parse) {
  const tree = parse(code);
  const taken = namesInTexts(tree);
  walk(tree, ({ computed, property, key }) => {
    const name = property ?? key;
    if (!computed && name?.type === 'Identifier') taken.add(name.name);
  });
  const letters = [...LETTERS];
  const free = [...letters, ...letters.map((letter) => `$${letter}`)].filter((n) => !taken.has(n));
  const edits = [];
  walk(tree, ({ type, superClass, body }) => {
    if (type !== 'ClassDeclaration' && type !== 'ClassExpression') return;
    const isUnset = ({ type, key, value }) =>
      type === 'PropertyDefinition' && key.type === 'PrivateIdentifier' && !value;
    const unset = body.body.filter(isUnset);
    for (const { start, end } of unset) edits.push([start, end, '']);
    const skipped = new Set(unset.map(({ key }) => key));
    const uses = new Map();
    walk(body, (node) => {
      if (node.type !== 'PrivateIdentifier' || skipped.has(node)) return;
      uses.set(node.name, [...(uses.get(node.name) ?? []), node]);
    });
    if (superClass && uses.size > 0)
      throw new Error('a class that extends another must not have private members');
    const byUse = [...uses.values()].sort((a, b) => b.length - a.length);
    for (const [i, nodes] of byUse.entries())
      for (const { start, end } of nodes) {
        const space = /\w/.test(code[start - 1]) ? ' ' : '';
        edits.push([start, end, space + free[i]]);
      }
  });
  return edit(code, edits);
}

/** Rollup plugins to be put before and after terser, and terser's `mangle.properties`. */
export function shortNames() {
  const reserved = [];
  const plugin = (name, change) => ({
    name,
    renderChunk(code) {
      return { code: change(code, (text) => this.parse(text)), map: null };
    },
  });
  return {
    before: plugin('names-before', (code, parse) => {
      const names = [platformNames(), outsideNames(), namesInTexts(parse(code)), LETTERS];
      reserved.splice(0, reserved.length, ...new Set(names.flatMap((some) => [...some])));
      return onlyLet(code, parse);
    }),
    properties: { keep_quoted: true, reserved },
    after: plugin('names-after', shortenPrivates),
  };
}

/**
 * An order of functions, classes and their methods in which the bundle compresses better. gzip refers to
 * what was up to 32 KiB before, and nearer is cheaper, so what is alike should be near. To the code it
 * means nothing in which order they are declared.
 */
import { gzipSync } from 'node:zlib';

/** Orders that are tried; each costs a compression of all. Most of the gain comes early. */
const TRIES = 3000;
/** Statements that are moved together, at most. */
const MOST_MOVED = 3;

// Deflate finds nothing shorter than 3; this length and number told best which statements are alike.
const GRAM = 5;
const GRAMS_SEEN = 12_000;

/** As servers do it on the fly. */
const sizeOf = (text) => gzipSync(text, { level: 6 }).length;

/**
 * - `function`: hoisted, so it may be anywhere.
 * - `class`: may be anywhere above what ran after it.
 * - `code`: what runs, in this order.
 */
function kindOf({ type, superClass, body }) {
  if (type === 'FunctionDeclaration') return 'function';
  const isInert = (member) => !member.static && !member.computed && member.type !== 'StaticBlock';
  return type === 'ClassDeclaration' && !superClass && body.body.every(isInert) ? 'class' : 'code';
}

/** The methods at the end of a class; others stay where they are. */
function methodsOf({ type, body }) {
  if (type !== 'ClassDeclaration') return [];
  const last = body.body.findLastIndex((member) => member.type !== 'MethodDefinition');
  return body.body.slice(last + 1);
}

function statementsOf(nodes, code) {
  const statements = nodes.map((node, index) => {
    const kind = kindOf(node);
    const methods = methodsOf(node).map(({ start, end }) => code.slice(start, end));
    const isOpen = /^(?:Var|Exp)/.test(node.type) && code[node.end - 1] !== ';';
    const [start, end] =
      methods.length > 0
        ? [methodsOf(node)[0].start, methodsOf(node).at(-1).end]
        : [node.end, node.end];
    const head = code.slice(node.start, start);
    const tail = code.slice(end, node.end) + (isOpen ? ';' : '');
    return withMethods({ index, kind, head, tail, before: Number.POSITIVE_INFINITY }, methods);
  });
  let before = Number.POSITIVE_INFINITY;
  for (const statement of statements.toReversed()) {
    statement.before = before;
    if (statement.kind === 'code') before = statement.index;
  }
  return statements;
}

function withMethods(statement, methods) {
  const { head, tail } = statement;
  return { ...statement, methods, text: head + methods.join('') + tail };
}

/** Whether statements in this order do what they did. */
function isValid(statements) {
  let ran = -1;
  for (const { kind, index, before } of statements) {
    if (kind === 'code' && index < ran) return false;
    if (kind === 'class' && before <= ran) return false;
    if (kind === 'code') ran = index;
  }
  return true;
}

/** Each time what has most in common with what comes right before it. */
function byLikeness(statements) {
  const grams = new Map(
    statements.map((statement) => {
      const { text } = statement;
      return [statement, Array.from(text, (_, at) => text.slice(at, at + GRAM))];
    }),
  );
  const left = new Set(statements);
  const [ordered, seen, queue] = [[], new Map(), []];
  const place = (statement) => {
    left.delete(statement);
    ordered.push(statement);
    for (const gram of grams.get(statement)) seen.set(gram, (seen.get(gram) ?? 0) + 1);
    queue.push(...grams.get(statement));
    for (const gram of queue.splice(0, queue.length - GRAMS_SEEN)) {
      seen.set(gram, seen.get(gram) - 1);
      if (seen.get(gram) === 0) seen.delete(gram);
    }
  };
  const likeness = (statement) => {
    const all = grams.get(statement);
    // A few more, so that short ones are not taken for very like.
    return all.filter((gram) => seen.has(gram)).length / (all.length + 20);
  };
  while (left.size > 0) {
    const next = [...left].find(({ kind }) => kind === 'code');
    const free = [...left].filter((one) => one.kind !== 'code' || one === next);
    const scores = free.map(likeness);
    const best = free[scores.indexOf(Math.max(...scores))];
    if (best === next)
      for (const one of free) if (one.kind === 'class' && one.before <= best.index) place(one);
    place(best);
  }
  return ordered;
}

/** The same numbers in every build. */
function generator() {
  let state = 1;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

/**
 * @param code one function that is called at once
 * @param parse gives the syntax tree of the code
 */
export function arrange(code, parse, tries = TRIES) {
  const { body } = parse(code).body[0].expression.argument.callee;
  const textOf = (statements) =>
    code.slice(0, body.start + 1) +
    statements.map(({ text }) => text).join('') +
    code.slice(body.end - 1);
  const given = statementsOf(body.body, code);
  const alike = byLikeness(given);
  let best = sizeOf(textOf(alike)) < sizeOf(textOf(given)) ? alike : given;
  let least = sizeOf(textOf(best));
  const random = generator();
  /** A copy with some that follow each other put elsewhere. */
  const moved = (list, most) => {
    const copy = list.slice();
    const count = Math.min(1 + random(most), copy.length);
    const some = copy.splice(random(copy.length - count + 1), count);
    copy.splice(random(copy.length + 1), 0, ...some);
    return copy;
  };
  for (let i = 0; i < tries; i++) {
    const classes = best.filter(({ methods }) => methods.length > 1);
    const one = classes[random(classes.length)];
    const changed =
      one && i % 2 === 1
        ? best.with(best.indexOf(one), withMethods(one, moved(one.methods, 1)))
        : moved(best, MOST_MOVED);
    if (!isValid(changed)) continue;
    const size = sizeOf(textOf(changed));
    if (size <= least) [best, least] = [changed, size];
  }
  return textOf(best);
}

/** Rollup plugin; the last one. */
export const order = {
  name: 'order',
  renderChunk(code) {
    return { code: arrange(code, (text) => this.parse(text)), map: null };
  },
};

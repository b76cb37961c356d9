import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';

const CLIENT = import.meta.dirname;
const REGISTRY = join(CLIENT, '../../tracker/src/registry');

/**
 * The rooms of DESIGN section 2, top to bottom. A file may use its own room, those below it and the
 * files beside the rooms. Of a room above, nothing but types: no code runs upwards.
 */
const ROOMS = [
  'dom',
  'download',
  'engine',
  'sources',
  'connection',
  'signaling',
  'tracker',
  'integrity',
  'store',
];

/** Files beside the rooms that every room may use, and that use none. */
const GROUND = ['errors.ts', 'platform.ts'];

interface Import {
  readonly target: string;
  /** Of a file in the same folder or below; its path from there. */
  readonly inside: boolean;
}

/** Code only: neither tests nor what helps them. */
function sources(folder: string): string[] {
  return globSync('**/*.ts', { cwd: folder }).filter(
    (file) => !/\.test\.ts$|(^|\/)(testing\/|test-|sdp-samples|node-webrtc)/.test(file),
  );
}

function read(folder: string, file: string): string {
  return readFileSync(join(folder, file), 'utf8');
}

/** What comments and strings say does not count. */
function code(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    .replace(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g, "''");
}

function imports(folder: string, file: string): Import[] {
  const statement =
    /(?:import|export)\s[^;]*?from\s+'([^']+)'|import\(\s*'([^']+)'|import\s+'([^']+)'/g;
  return [...read(folder, file).matchAll(statement)].map((match) => {
    const named = (match[1] ?? match[2] ?? match[3]) as string;
    const target = named.startsWith('.') ? normalize(join(dirname(file), named)) : named;
    return { target, inside: named.startsWith('.') && !target.startsWith('..') };
  });
}

const roomOf = (path: string) =>
  path.includes('/') ? path.slice(0, path.indexOf('/')) : undefined;

describe('The architecture', () => {
  it('has every room, and no others', () => {
    const rooms = new Set(sources(CLIENT).map(roomOf));
    rooms.delete(undefined);
    assert.deepEqual([...rooms].sort(), [...ROOMS].sort());
  });

  it('has arrows that run downwards only', () => {
    let arrows = 0;
    for (const file of sources(CLIENT))
      for (const { target } of imports(CLIENT, file)) {
        if (/^@(zauberflote\/proto|noble\/hashes\/)/.test(target)) continue;
        const from = roomOf(file);
        const to = roomOf(target);
        if (from === undefined) {
          assert.ok(!GROUND.includes(file) || GROUND.includes(target), `${file} -> ${target}`);
          continue;
        }
        if (from === to) continue;
        arrows++;
        const allowed =
          to === undefined ? GROUND.includes(target) : ROOMS.indexOf(to) > ROOMS.indexOf(from);
        assert.ok(allowed, `${file} must not import ${target}: arrows run downwards only`);
      }
    assert.ok(arrows > 10, 'the imports were not found');
  });

  for (const [name, folder, ground] of [
    ['engine', join(CLIENT, 'engine'), []],
    ['registry', REGISTRY, ['../limits.ts', '@zauberflote/proto']],
  ] as const)
    describe(`keeps the ${name} pure`, () => {
      it('imports nothing from outside', () => {
        const files = sources(folder);
        assert.ok(files.length > 2, relative(CLIENT, folder));
        for (const file of files)
          for (const { target, inside } of imports(folder, file))
            assert.ok(
              inside || (ground as readonly string[]).includes(target),
              `${name}/${file} must not import ${target}`,
            );
      });

      it('knows no clock, chance, timers, sockets or page', () => {
        const world =
          /\b(Date|performance|Math\.random|crypto|setTimeout|setInterval|setImmediate|queueMicrotask|Promise|async|await|fetch|XMLHttpRequest|WebSocket|RTC\w+|document|window|globalThis|navigator|process|console|require)\b/;
        for (const file of sources(folder)) {
          const found = world.exec(code(read(folder, file)));
          assert.equal(found, null, `${name}/${file} touches the world: ${found?.[0]}`);
        }
      });
    });
});

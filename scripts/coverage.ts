/** Checks that the rooms that must not fail are covered by tests, each by itself. */
import { existsSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** More of the lines of each than this must be covered, in percent. */
const THRESHOLD = 95;
const ROOMS = ['client/src/engine', 'client/src/integrity', 'tracker/src/registry'];

/** c8's json-summary: counts by absolute path, and under "total". */
export type Summary = Readonly<
  Record<string, { readonly lines: { readonly total: number; readonly covered: number } }>
>;

export interface Coverage {
  readonly room: string;
  readonly total: number;
  readonly covered: number;
  /** Files with lines that no test ran, and how many. */
  readonly gaps: readonly string[];
}

/** Coverage of a room. Files of types only, which never run, and tests do not count. */
export function coverageOf(
  room: string,
  summary: Summary,
  root: string,
  hasCode: (file: string) => boolean,
): Coverage {
  let total = 0;
  let covered = 0;
  const gaps: string[] = [];
  for (const [file, { lines }] of Object.entries(summary)) {
    const path = relative(root, file);
    if (!path.startsWith(`${room}/`) || path.endsWith('.test.ts')) continue;
    if (lines.covered === 0 && !hasCode(file)) continue;
    total += lines.total;
    covered += lines.covered;
    if (lines.covered < lines.total) gaps.push(`${path}: ${lines.total - lines.covered}`);
  }
  return { room, total, covered, gaps };
}

/** Covered lines in percent; 0 for a room without code. */
export function percent({ total, covered }: Coverage): number {
  return total === 0 ? 0 : (100 * covered) / total;
}

/** Whether anything is left of TypeScript without types and comments. */
export function isCode(source: string): boolean {
  const code = stripTypeScriptTypes(source).replace(/\/\*[\s\S]*?\*\/|\/\/.*|export \{\};?/g, '');
  return /[^\s;]/.test(code);
}

if (import.meta.main) {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const file = `${root}coverage/coverage-summary.json`;
  if (!existsSync(file)) {
    console.error('There is no coverage to check: run "npm run coverage" first.');
    process.exit(1);
  }
  const summary = JSON.parse(readFileSync(file, 'utf8'));
  for (const room of ROOMS) {
    const hasCode = (file: string) => isCode(readFileSync(file, 'utf8'));
    const coverage = coverageOf(room, summary, root, hasCode);
    const ok = percent(coverage) > THRESHOLD;
    console.log(
      `${ok ? 'ok  ' : 'FAIL'} ${room}: ${percent(coverage).toFixed(1)} % of ${coverage.total} lines`,
    );
    if (ok) continue;
    process.exitCode = 1;
    console.log(`     More than ${THRESHOLD} % must be. Lines that no test runs, by file:`);
    for (const gap of coverage.gaps) console.log(`     ${gap}`);
  }
}

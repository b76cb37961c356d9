/**
 * Sizes of the built client: as JSON, `--table` readable, `--write` into docs/size.md, `--check`
 * against it.
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** Bytes of a file as it is, and of those the build puts beside it: `.gz` and `.br`. */
export interface Size {
  readonly file: string;
  readonly raw: number;
  readonly gzip: number;
  readonly brotli: number;
}

const COLUMNS = ['raw', 'gzip', 'brotli'] as const;
/** By how much a size may differ from the committed table: enough for another version of zlib. */
const TOLERANCE = 0.01;
const CURE =
  'If that is meant, run "npm run size -- --write" after a build and commit docs/size.md.';

/** @param folder of built scripts @throws {Error} if there are none, or not all that belongs to them. */
export function measure(folder: string): Size[] {
  const bytes = (file: string) => statSync(`${folder}/${file}`).size;
  try {
    const names = readdirSync(folder).filter((name) => /\.m?js$/.test(name));
    if (names.length > 0)
      return names.sort().map((file) => ({
        file,
        raw: bytes(file),
        gzip: bytes(`${file}.gz`),
        brotli: bytes(`${file}.br`),
      }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  throw new Error(
    `no scripts in ${folder}, or not as a build leaves them: run "npm run build" first`,
  );
}

/** As a Markdown table. */
export function table(sizes: readonly Size[]): string {
  const rows = [
    ['File', 'Raw', 'gzip', 'brotli'],
    ...sizes.map((size) => [
      size.file,
      ...COLUMNS.map((column) => size[column].toLocaleString('en-US')),
    ]),
  ];
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(' | ')} |`;
  const rule = `| ${widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(rows[0]!), rule, ...rows.slice(1).map(line)].join('\n');
}

/** The page that is committed. */
export function page(sizes: readonly Size[]): string {
  return `# Size of the client

Bytes of what \`npm run build\` writes to \`client/dist\`: as it is, by gzip (\`.gz\`, by Zopfli: some
3 % less than level 9 gives) and by brotli (\`.br\`, quality 11). Written by \`npm run size -- --write\`; the tests fail when a number is off by more
than ${TOLERANCE * 100} %.

Pages load \`zauberflote.js\` or \`zauberflote.mjs\`; those with a marked stylesheet
\`zauberflote-css.mjs\` as well, those on plain http \`zauberflote-hash.mjs\`, those with a film and a service worker
\`zauberflote-media.mjs\`; that worker is \`zauberflote-sw.js\`. \`zauberflote-debug.js\` is for owners of pages.

${table(sizes)}
`;
}

/** What the table of a page says. */
export function parse(text: string): Size[] {
  const number = '([\\d,]+)';
  const row = new RegExp(
    `^\\| (\\S+\\.m?js) +\\| +${number} \\| +${number} \\| +${number} \\|$`,
    'gm',
  );
  return [...text.matchAll(row)].map(([, file, ...cells]) => {
    const [raw, gzip, brotli] = cells.map((cell) => Number(cell.replaceAll(',', '')));
    return { file: file!, raw: raw!, gzip: gzip!, brotli: brotli! };
  });
}

/** What is wrong with the committed sizes, in sentences; empty if nothing is. */
export function drift(committed: readonly Size[], measured: readonly Size[]): string[] {
  const problems: string[] = [];
  for (const size of measured) {
    const before = committed.find(({ file }) => file === size.file);
    if (!before) problems.push(`${size.file} is not in the table.`);
    else
      for (const column of COLUMNS)
        if (Math.abs(size[column] - before[column]) > before[column] * TOLERANCE)
          problems.push(
            `${size.file}, ${column}: ${size[column]} bytes instead of ${before[column]}.`,
          );
  }
  for (const { file } of committed)
    if (!measured.some((size) => size.file === file)) problems.push(`${file} was not built.`);
  return problems;
}

const USAGE = `Usage: npm run size -- [options]

Prints the sizes of the built client in bytes, as JSON. After npm run build.

Options:
  --table    prints them as a table
  --write    writes them into docs/size.md, too
  --check    compares them with docs/size.md instead
  --help     print this and exit
`;

function main(): void {
  const dist = fileURLToPath(new URL('../client/dist', import.meta.url));
  const document = new URL('../docs/size.md', import.meta.url);
  const { values } = parseArgs({
    options: {
      table: { type: 'boolean' },
      check: { type: 'boolean' },
      write: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const sizes = measure(dist);
  if (values.write) writeFileSync(document, page(sizes));
  if (values.check) {
    const problems = drift(parse(readFileSync(document, 'utf8')), sizes);
    if (problems.length > 0) throw new Error([...problems, CURE].join('\n'));
    console.log('The sizes are those in docs/size.md.');
  } else console.log(values.table ? table(sizes) : JSON.stringify(sizes, null, 2));
}

if (import.meta.main)
  try {
    main();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    console.error(code === 'ENOENT' ? `docs/size.md is missing. ${CURE}` : message);
    process.exitCode = code?.startsWith('ERR_PARSE_ARGS') ? 2 : 1;
  }

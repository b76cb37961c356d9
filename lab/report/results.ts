/** `npm run results`: writes docs/results.md from lab/results. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readCommitted, readReasons } from './committed.ts';
import { resultsPage } from './results-page.ts';

const USAGE = `Usage: npm run results

Writes docs/results.md anew from lab/results. Takes no options but --help.
`;

function write(): void {
  const folder = fileURLToPath(new URL('../results', import.meta.url));
  writeFileSync(
    fileURLToPath(new URL('../../docs/results.md', import.meta.url)),
    resultsPage(readCommitted(folder), readReasons(folder)),
  );
}

/** What the arguments ask for, or what is wrong with them. */
function asked(args: readonly string[]): 'page' | 'help' | Error {
  try {
    const { values } = parseArgs({ args: [...args], options: { help: { type: 'boolean' } } });
    return values.help ? 'help' : 'page';
  } catch (error) {
    return error as Error;
  }
}

// `npm run measure` imports this when it is done; the arguments are its own then.
const wanted = import.meta.main ? asked(process.argv.slice(2)) : 'page';
if (wanted === 'page') write();
else if (wanted === 'help') process.stdout.write(USAGE);
else {
  process.stderr.write(`${wanted.message}\n\n${USAGE}`);
  process.exitCode = 2;
}

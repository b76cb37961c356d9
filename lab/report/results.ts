/** `npm run results`: writes docs/results.md from lab/results. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readCommitted, readReasons } from './committed.ts';
import { resultsPage } from './results-page.ts';

const folder = fileURLToPath(new URL('../results', import.meta.url));

writeFileSync(
  fileURLToPath(new URL('../../docs/results.md', import.meta.url)),
  resultsPage(readCommitted(folder), readReasons(folder)),
);

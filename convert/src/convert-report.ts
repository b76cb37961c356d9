import { POLICY_HASHES } from './html/head.ts';
import type { Reason } from './html/types.ts';
import type { SiteReport } from './site/convert-site.ts';

/** Of each reason, shown without `--verbose`. */
const SHOWN = 3;

/** Reasons in the words of a heading. */
const REASONS: Readonly<Record<Reason, string>> = {
  elsewhere: 'on another host, or out of the site',
  missing: 'no such file',
  'too-small': 'too small to be worth it (--min-size)',
  excluded: 'excluded',
  query: 'with a query that may choose the file',
  kind: 'of a kind that was not asked for (--mark), or that nobody should mark',
  template: 'in a template',
  foreign: 'in SVG or MathML',
  'script-order': 'scripts that others may need before a marked one is there',
  'script-text': 'scripts that would not do the same',
  integrity: 'with an integrity attribute that would not hold',
  preloaded: 'loaded early by a preload link',
  encoding: 'in a character set that is left alone',
  markup: 'markup that cannot be changed safely',
  policy: 'pages whose Content Security Policy does not allow it',
  'by-hand': 'pages marked by hand',
  fragment: 'parts of pages',
  'css-files': 'files named by a marked stylesheet',
  file: 'no files to mark',
  lazy: 'loaded by a script of the page',
};

/** What was done, in lines for a person. */
export function describe(report: SiteReport, verbose: boolean): string[] {
  const marked = report.pages.filter(({ marks }) => marks.length > 0);
  const ids = new Set(marked.flatMap(({ marks }) => marks.map(({ id }) => id)));
  const lines = [
    `${marked.length} of ${count(report.pages.length, 'page')} marked, ${count(ids.size, 'file')} in them`,
  ];
  const byReason = new Map<Reason, string[]>();
  for (const { page, skips } of report.pages)
    for (const { reason, line, url, element, detail } of skips) {
      const place = line > 0 ? `${page}:${line}: ${url || element}` : page;
      byReason.set(reason, [...(byReason.get(reason) ?? []), `${place}: ${detail}`]);
    }
  for (const [reason, examples] of byReason)
    lines.push(...list(`as it is: ${REASONS[reason]}`, examples, verbose));
  const leftOut = report.leftOut.map(({ path, why }) => `${path}: ${why}`);
  if (leftOut.length > 0) lines.push(...list('left out', leftOut, verbose));
  if (marked.length > 0)
    lines.push(
      `for a Content Security Policy: script-src ${POLICY_HASHES.guard}; style-src ${POLICY_HASHES.style} ${POLICY_HASHES.hidden}`,
    );
  return lines;
}

/** The same for programs. */
export function json(report: SiteReport, differences: readonly string[] | undefined): string {
  return `${JSON.stringify({ ...report, differences, policy: POLICY_HASHES }, null, 2)}\n`;
}

function list(title: string, items: readonly string[], verbose: boolean): string[] {
  const shown = verbose ? items : items.slice(0, SHOWN);
  const rest = items.length - shown.length;
  return [
    `${title} (${items.length})`,
    ...shown.map((item) => `  ${item}`),
    ...(rest > 0 ? [`  and ${rest} more; --verbose names all`] : []),
  ];
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

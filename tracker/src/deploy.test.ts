import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { startTracker } from './server.ts';

const read = (name: string) => readFileSync(new URL(`../deploy/${name}`, import.meta.url), 'utf8');

/** Names of metrics in an expression of Prometheus. */
const metricsIn = (text: string) => text.match(/\b(zauberflote|process|nodejs)_\w+/g) ?? [];

describe('files to deploy with', () => {
  let known: Set<string>;

  before(async () => {
    const tracker = await startTracker({ port: 0, host: '127.0.0.1', adminPort: 0 });
    const text = await (await fetch(`http://127.0.0.1:${tracker.adminPort}/metrics`)).text();
    known = new Set(Array.from(text.matchAll(/^# TYPE (\w+)/gm), ([, name]) => name as string));
    await tracker.close();
  });

  it('a dashboard whose panels show metrics that there are', () => {
    const { panels } = JSON.parse(read('grafana.json'));
    const used = panels.flatMap(({ targets }: { targets: { expr: string }[] }) =>
      targets.flatMap(({ expr }) => metricsIn(expr)),
    );
    assert.ok(used.length >= panels.length);
    assert.deepEqual(
      used.filter((name: string) => !known.has(name)),
      [],
    );
    const own = [...known].filter((name) => name.startsWith('zauberflote_'));
    assert.ok(own.length > 15);
  });

  it('alerts on metrics that there are, each with its cure in the runbook', () => {
    const rules = read('alerts.yaml');
    const used = metricsIn(rules.replaceAll(/summary:.*/g, ''));
    assert.ok(used.length > 5);
    assert.deepEqual(
      used.filter((name) => !known.has(name)),
      [],
    );
    const runbook = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
    const alerts = Array.from(rules.matchAll(/alert: (\w+)/g), ([, name]) => name as string);
    assert.ok(alerts.length > 3);
    for (const alert of alerts) assert.ok(runbook.includes(`\`${alert}\``), alert);
  });
});

import assert from 'node:assert/strict';
import { TrackerNews } from './tracker-news.ts';

describe('TrackerNews', () => {
  it('tells of a tracker once when it comes and once when it goes, and not of each attempt', () => {
    const said: string[] = [];
    const news = new TrackerNews(
      (line) => said.push(line.split(';')[0]!),
      () => said.push('useless'),
    );
    for (const state of ['connecting', 'waiting', 'connecting', 'waiting'] as const)
      news.tell(state);
    assert.deepEqual(said.splice(0), ['no tracker answers']);
    for (const state of ['connecting', 'open', 'moving', 'open'] as const) news.tell(state);
    assert.deepEqual(said.splice(0), ['the tracker is connected']);
    for (const state of ['waiting', 'connecting', 'waiting'] as const) news.tell(state);
    assert.deepEqual(said.splice(0), ['no tracker answers']);
    for (const state of ['closed', 'unavailable'] as const) news.tell(state);
    assert.deepEqual(said, ['useless']);
  });
});

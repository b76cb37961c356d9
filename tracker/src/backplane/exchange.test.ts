import assert from 'node:assert/strict';
import { encodeNodeMessage, UndeliverableReason } from '@zauberflote/proto';
import { content, deposit, have, signal, want } from '../../test-support/messages.ts';
import { Nodes } from '../../test-support/nodes.ts';
import { fate, swarms } from '../../test-support/room.ts';
import { passed, timersByHand } from '../../test-support/timers.ts';
import { INQUIRY_MS } from '../limits.ts';
import { MemoryHub } from './memory.ts';

/** Questions that may be open in the test of that. */
const MOST = 16;

describe('the exchange between trackers', () => {
  timersByHand();

  it('names holders of all nodes that answer in time, and does not wait for the others', async () => {
    const nodes = new Nodes(3);
    await nodes.enter(0, 'asker');
    await nodes.enter(1, 'there');
    await nodes.enter(2, 'lost');
    for (const name of ['there', 'lost']) await nodes.send(name, have([1]));
    nodes.nodes[2]!.kill();
    assert.deepEqual(await nodes.send('asker', want([1])), [], 'it waits for the one that is dead');
    await passed(INQUIRY_MS);
    const [reply] = swarms(nodes.takeSeen());
    assert.deepEqual(
      reply!.holders.map(({ peerId }) => peerId),
      [nodes.id('there')],
    );
    assert.equal(nodes.counters.lateInquiries, 1);
    assert.equal(nodes.nodes[0]!.exchange.pending, 0);
  });

  it('prefers holders elsewhere that came by the version of IP of the asker', async () => {
    const nodes = new Nodes(2);
    await nodes.enterBy(6, 0, 'asker');
    await nodes.enterBy(6, 1, 'six');
    await nodes.enterBy(4, 1, ...Array.from({ length: 9 }, (_, n) => `four ${n}`));
    await nodes.send('six', have([1]));
    for (let n = 0; n < 9; n++) await nodes.send(`four ${n}`, have([1]));
    let named = 0;
    for (let round = 0; round < 4000; round++) {
      const [reply] = swarms(await nodes.send('asker', want([1], 1)));
      if (reply!.holders[0]!.peerId === nodes.id('six')) named++;
    }
    // Two are named to its node, which takes one of them by chance: 0.14 of all, 0.1 without a preference.
    assert.ok(named > 480 && named < 640, `${named} of 4000`);
  });

  it('asks nobody for what has enough complete holders here', async () => {
    const nodes = new Nodes(2);
    await nodes.enter(0, 'asker', 'whole', 'part');
    await nodes.enter(1, 'other');
    await nodes.send('whole', have([1, 2]));
    await nodes.send('part', have([2], 0n, true));
    await nodes.send('other', have([1, 2]));
    const before = nodes.counters.inquiries;
    const [one] = swarms(await nodes.send('asker', want([1], 1)));
    assert.deepEqual(
      one!.holders.map(({ peerId }) => peerId),
      [nodes.id('whole')],
    );
    assert.equal(nodes.counters.inquiries, before);
    const [two] = swarms(await nodes.send('asker', want([2], 3)));
    assert.deepEqual(
      two!.holders.map(({ peerId }) => peerId),
      ['whole', 'other', 'part'].map((name) => nodes.id(name)),
    );
  });

  it('gives an offer that was left elsewhere to one peer, once', async () => {
    const nodes = new Nodes(2);
    await nodes.enter(0, 'a', 'b');
    await nodes.enter(1, 'holder');
    await nodes.send('holder', have([1]));
    await nodes.send('holder', deposit(7));
    const offersTo = async (name: string) =>
      swarms(await nodes.send(name, want([1], 0, 8)))[0]!.holders.map(
        ({ offer }) => offer?.attempt,
      );
    assert.deepEqual(await offersTo('a'), [7]);
    assert.deepEqual(await offersTo('b'), [undefined]);
    await nodes.send('holder', deposit(8));
    assert.deepEqual(await offersTo('a'), [undefined], 'it knows the holder already');
    assert.deepEqual(fate(await nodes.send('a', signal('answer', nodes.id('holder'), 7))), {
      to: 'holder',
      kind: 'answer',
      from: nodes.id('a'),
      attempt: 7,
    });
    assert.equal(
      (fate(await nodes.send('b', signal('answer', nodes.id('holder'), 7))) as { reason: number })
        .reason,
      UndeliverableReason.NOT_INTRODUCED,
      'that was not for everybody',
    );
  });

  it('takes no offer from elsewhere for a peer that knows peers there', async () => {
    const nodes = new Nodes(2);
    await nodes.enter(0, 'a', 'newcomer');
    await nodes.enter(1, 'holder');
    await nodes.send('holder', have([1]));
    await nodes.send('holder', deposit(7, 8));
    const offersTo = async (name: string) =>
      swarms(await nodes.send(name, want([1], 0, 8)))[0]!.holders.map(
        ({ offer }) => offer?.attempt,
      );
    assert.deepEqual(await offersTo('a'), [8]);
    // With the attempt over, its node alone remembers that it knows the holder.
    await nodes.send('a', signal('decline', nodes.id('holder'), 8));
    assert.deepEqual(await offersTo('a'), [undefined]);
    assert.deepEqual(await offersTo('newcomer'), [7]);
  });

  it('knows what one held before it was joined', async () => {
    const hub = new MemoryHub(() => 0);
    const end = (keys: string[]) => ({ onMessage: () => {}, keys: () => keys, count: () => 0 });
    const first = hub.join('first', end(['5:00']));
    first.note('5:01', true);
    assert.equal(hub.size, 0, 'nobody reads it');
    const second = hub.join('second', end([]));
    assert.deepEqual(await second.nodesWith('5:00'), ['first']);
    await first.close();
    assert.equal(hub.size, 0);
  });

  it('ignores what makes no sense, is for nobody, or answers nothing', async () => {
    const nodes = new Nodes(2);
    await nodes.enter(0, 'a');
    const [{ exchange, registry }] = nodes.nodes as [(typeof nodes.nodes)[0]];
    exchange.receive(Uint8Array.of(255));
    assert.equal(nodes.counters.nodeMalformed, 1);
    const offer = { case: 'decline', value: {} } as const;
    for (const body of [
      { case: 'findings', value: { number: 9, swarms: [{ content: content(1) }] } },
      { case: 'rejection', value: { to: nodes.id('a'), undeliverable: { peerId: 5n } } },
      // In the name of somebody who is connected here.
      {
        case: 'delivery',
        value: { to: nodes.id('a'), signal: { peerId: nodes.id('a'), attempt: 1, body: offer } },
      },
      // An answer to what was not offered.
      {
        case: 'delivery',
        value: { to: nodes.id('a'), signal: { peerId: 5n, attempt: 1, body: offer } },
      },
    ] as const)
      exchange.receive(encodeNodeMessage('node-1', body));
    assert.deepEqual(nodes.takeSeen(), []);
    assert.equal(registry.stats().strangers, 0);
    assert.equal(nodes.counters.nodeMalformed, 1);
  });

  it('answers from what is here while too many questions are open', async () => {
    const nodes = new Nodes(2, { maxInquiries: MOST });
    await nodes.enter(0, 'asker', 'near');
    await nodes.enter(1, 'far');
    for (const name of ['near', 'far']) await nodes.send(name, have([1]));
    nodes.nodes[1]!.kill();
    for (let i = 0; i < MOST; i++) nodes.sendSoon('asker', want([1]));
    const [reply] = swarms(await nodes.send('asker', want([1])));
    assert.deepEqual(
      reply!.holders.map(({ peerId }) => peerId),
      [nodes.id('near')],
    );
    assert.equal(nodes.nodes[0]!.exchange.pending, MOST);
    await passed(INQUIRY_MS);
    assert.equal(nodes.nodes[0]!.exchange.pending, 0);
    assert.equal(nodes.takeSeen().length, MOST, 'each is answered once');
  });

  it('tells who has left before the answer came nothing', async () => {
    const nodes = new Nodes(2);
    await nodes.enter(0, 'asker');
    await nodes.enter(1, 'far');
    await nodes.send('far', have([1]));
    nodes.nodes[1]!.kill();
    nodes.sendSoon('asker', want([1]));
    nodes.leave('asker');
    await passed(INQUIRY_MS);
    assert.deepEqual(nodes.takeSeen(), []);
  });
});

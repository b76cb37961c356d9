import assert from 'node:assert/strict';
import fc from 'fast-check';
import * as limits from '../limits.ts';
import { Turns } from './turns.ts';

/** A client that notes whether it is read from. */
class Client {
  parked = false;
  park(parked: boolean): void {
    this.parked = parked;
  }
}

/** Takes `handlingMs` of its own clock for every frame. */
function bench(handlingMs: number) {
  const scheduled: (() => void)[] = [];
  const handled: { client: Client; frame: Uint8Array }[] = [];
  let time = 0;
  const turns = new Turns<Client>({
    handle(client, frame) {
      time += handlingMs;
      handled.push({ client, frame });
    },
    soon: (next) => scheduled.push(next),
    now: () => time,
  });
  return {
    turns,
    handled,
    scheduled,
    /** One turn; gives how long it took. */
    turn(): number {
      const before = time;
      for (const next of scheduled.splice(0)) next();
      return time - before;
    },
  };
}

describe('turns', () => {
  it('handles at once what a client usually sends', () => {
    const { turns, handled, scheduled } = bench(0);
    const client = new Client();
    for (let i = 0; i < 10; i++) turns.receive(client, new Uint8Array(200), true);
    assert.equal(handled.length, 10);
    assert.equal(scheduled.length, 0);
    assert.equal(client.parked, false);
  });

  it('handles a newcomer at once while another has much waiting', () => {
    const { turns, handled } = bench(0);
    const greedy = new Client();
    for (let i = 0; i < 30; i++) turns.receive(greedy, new Uint8Array(2_000), true);
    assert.equal(greedy.parked, true);
    const client = new Client();
    turns.receive(client, new Uint8Array(200), true);
    assert.equal(handled.at(-1)?.client, client);
  });

  it('forgets what a client that has gone had sent', () => {
    const { turns, handled, turn } = bench(0);
    const greedy = new Client();
    for (let i = 0; i < 30; i++) turns.receive(greedy, new Uint8Array(2_000), true);
    const before = handled.length;
    turns.forget(greedy);
    assert.equal(turns.waiting, 0);
    turn();
    assert.equal(handled.length, before);
  });

  it('handles every frame once, each client its own in order, in short turns, and reads from all again', () => {
    const arrival = fc.record({ client: fc.nat(4), bytes: fc.integer({ min: 0, max: 6_000 }) });
    fc.assert(
      fc.property(
        fc.array(fc.array(arrival, { maxLength: 40 }), { maxLength: 20 }),
        fc.integer({ min: 0, max: 3 }),
        (rounds, handlingMs) => {
          const { turns, handled, turn, scheduled } = bench(handlingMs);
          const clients = Array.from({ length: 5 }, () => new Client());
          const sent = new Map<Client, Uint8Array[]>(clients.map((client) => [client, []]));
          for (const round of rounds) {
            for (const { client: nth, bytes } of round) {
              const client = clients[nth] as Client;
              const frame = new Uint8Array(bytes);
              sent.get(client)?.push(frame);
              turns.receive(client, frame, true);
            }
            assert.ok(scheduled.length <= 1, 'one turn is planned at most');
            assert.equal(clients.filter(({ parked }) => parked).length, turns.waiting);
            assert.ok(turn() < limits.TURN_MS + Math.max(1, handlingMs));
          }
          for (let left = 2_000; turns.waiting > 0; left--) {
            assert.ok(left > 0, 'it comes to an end');
            // A frame that takes no time at all must not keep it from ending.
            turn();
          }
          for (const client of clients) {
            const own = handled.filter((one) => one.client === client).map(({ frame }) => frame);
            assert.deepEqual(own, sent.get(client));
            assert.equal(client.parked, false);
          }
        },
      ),
    );
  });
});

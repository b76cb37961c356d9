import assert from 'node:assert/strict';
import type { Candidate, SessionDescription } from '@zauberflote/proto';
import {
  decodeSessionRequest,
  encodeSessionRequest,
  MAX_CANDIDATES,
  MAX_DEPOSITED_CANDIDATES,
} from '@zauberflote/proto';
import { browserPlatform } from '../platform.ts';
import { describe as describeSdp, formatCandidate, parseCandidate } from '../signaling/sdp.ts';
import { CHROMIUM_ANSWER, CHROMIUM_OFFER } from '../signaling/sdp-samples.ts';
import { SignalingChannel } from '../signaling/signaling-channel.ts';
import type { DescriptionInit, SignalInit } from '../tracker/types.ts';
import {
  Attempt,
  DEPOSIT_GATHER_MS,
  GATHER_MS,
  GATHER_QUIET_MS,
  ICE_LOOK_MS,
  MAX_REMOTE_CANDIDATES,
} from './attempt.ts';
import { HIGH_WATER_BYTES } from './open-connection.ts';
import { manualTimers } from './test-net.ts';

const turn = () => new Promise(setImmediate);

/** As much of an RTCPeerConnection as an attempt touches; the test plays the browser. */
class FakeConnection {
  connectionState = 'new';
  iceGatheringState = 'gathering';
  iceConnectionState = 'new';
  localDescription: { sdp: string } | null = null;
  onicecandidate: ((event: { candidate: { candidate: string } | null }) => void) | null = null;
  onicegatheringstatechange: (() => void) | null = null;
  onconnectionstatechange: (() => void) | null = null;
  channels: Record<string, RTCDataChannel> = {};
  added: string[] = [];
  applyRemote = Promise.withResolvers<void>();
  closed = 0;
  createDataChannel(label: string): RTCDataChannel {
    this.channels[label] = { label, readyState: 'connecting' } as RTCDataChannel;
    return this.channels[label];
  }
  createOffer = async () => ({ type: 'offer', sdp: CHROMIUM_OFFER });
  createAnswer = async () => ({ type: 'answer', sdp: CHROMIUM_ANSWER });
  async setLocalDescription(description: { sdp: string }): Promise<void> {
    this.localDescription = description;
  }
  setRemoteDescription = () => this.applyRemote.promise;
  async addIceCandidate({ candidate }: { candidate: string }): Promise<void> {
    this.added.push(candidate);
    throw new Error('not resolved'); // As for an mDNS name; it must not matter.
  }
  close(): void {
    this.closed++;
  }
  found(candidate: string): void {
    this.onicecandidate?.({ candidate: { candidate } });
  }
  open(label: string): void {
    const channel = this.channels[label]!;
    Object.assign(channel, { readyState: 'open' });
    channel.onopen?.({} as Event);
  }
}

function remote(kind: 'offer' | 'answer', sdp: string): SessionDescription {
  const body = { case: kind, value: describeSdp(sdp) } as const;
  const frame = encodeSessionRequest({ case: 'signal', value: { peerId: 1n, attempt: 1, body } });
  const decoded = decodeSessionRequest(frame).body;
  assert.ok(decoded.case === 'signal' && decoded.value.body.case === kind);
  return decoded.value.body.value;
}

const candidate = (n: number) => `candidate:${n} 1 udp ${n} 192.0.2.9 ${n} typ host`;
const received = (n: number) => parseCandidate(candidate(n)) as Candidate;

function setUp(offer?: SessionDescription) {
  return setUpTo(8n, offer);
}

/** `peer`: undefined for an offer that is left with the tracker. `more`: lines of the local description. */
function setUpTo(peer: bigint | undefined, offer?: SessionDescription, more = '') {
  const timers = manualTimers(browserPlatform());
  const pc = new FakeConnection();
  pc.createOffer = async () => ({ type: 'offer', sdp: CHROMIUM_OFFER + more });
  const sent: NonNullable<SignalInit['body']>[] = [];
  const signal = ({ body }: SignalInit) => sent.push(body!) > 0;
  const deposits: DescriptionInit[] = [];
  const deposit = (_: number, description: DescriptionInit) => deposits.push(description) > 0;
  const signaling = new SignalingChannel({ ownId: 7n, signal, deposit });
  const told: unknown[] = [];
  const attempt = new Attempt(
    pc as never,
    timers.platform,
    { signaling, peer, id: 3 },
    {
      firstRequest: () => assert.fail('the offer does not take one'),
      onOpen: (_, early) => told.push(['open', ...early]),
      onFail: () => told.push('fail'),
    },
    offer,
  );
  attempt.start();
  return { attempt, pc, sent, told, deposits, fire: timers.fire };
}

describe('Attempt', () => {
  it('sends its offer shortly after the last candidate', async () => {
    const { pc, sent, fire } = setUp();
    await turn();
    pc.found(candidate(1));
    assert.equal(fire(GATHER_MS), false, 'it waits for quiet now');
    assert.ok(fire(GATHER_QUIET_MS));
    await turn();
    assert.deepEqual(
      sent.map((body) => body.case),
      ['offer'],
    );
  });

  it('sends its offer without candidates when there are none in time, or no more', async () => {
    const late = setUp();
    await turn();
    assert.equal(late.sent.length, 0);
    assert.ok(late.fire(GATHER_MS));
    const complete = setUp();
    await turn();
    complete.pc.iceGatheringState = 'complete';
    complete.pc.onicegatheringstatechange!();
    await turn();
    assert.deepEqual([late.sent.length, complete.sent.length], [1, 1]);
    assert.equal(complete.fire(GATHER_MS), false);
  });

  it('sends later candidates on their own, but none twice and no host names', async () => {
    const { pc, sent, fire } = setUp();
    await turn();
    fire(GATHER_MS);
    await turn();
    pc.found(formatCandidate(describeSdp(CHROMIUM_OFFER).candidates![0]!)!);
    pc.found('candidate:9 1 udp 5 host.example.com 5 typ host');
    pc.found(candidate(5));
    pc.onicecandidate!({ candidate: null });
    assert.equal(sent.length, 2);
    const body = sent[1]!;
    assert.ok(body.case === 'candidates');
    assert.deepEqual(body.value.candidates, [parseCandidate(candidate(5))]);
  });

  it('keeps candidates that come early until the description is set, and no more than a bound', async () => {
    const { attempt, pc } = setUp(remote('offer', CHROMIUM_OFFER));
    attempt.addCandidates([received(1), received(2)]);
    await turn();
    assert.deepEqual(pc.added, []);
    pc.applyRemote.resolve();
    await turn();
    assert.deepEqual(pc.added, [candidate(1), candidate(2)]);
    for (let n = 0; n < 10; n++)
      attempt.addCandidates(Array.from({ length: MAX_CANDIDATES }, (_, i) => received(i + 1)));
    assert.equal(pc.added.length, MAX_REMOTE_CANDIDATES);
  });

  it('opens when both channels are open, and hands over what came before', async () => {
    const { pc, told, fire } = setUp();
    await turn();
    pc.open('control');
    const frame = new ArrayBuffer(5);
    pc.channels.control!.onmessage!({ data: frame } as MessageEvent);
    assert.deepEqual(told, []);
    pc.open('data');
    assert.deepEqual(told, [['open', frame]]);
    assert.equal(pc.closed, 0);
    assert.equal(fire(GATHER_MS), false);
  });

  it('fails when more comes early than a connection may have waiting', async () => {
    const { pc, told } = setUp();
    await turn();
    const send = (bytes: number) =>
      pc.channels.data!.onmessage?.({ data: new ArrayBuffer(bytes) } as MessageEvent);
    send(HIGH_WATER_BYTES);
    assert.deepEqual(told, []);
    send(1);
    send(1);
    assert.deepEqual(told, ['fail']);
    assert.equal(pc.closed, 1);
  });

  it('fails once, whatever fails', async () => {
    const { attempt, pc, told, sent } = setUp();
    await turn();
    const { onconnectionstatechange } = pc;
    const { onclose } = pc.channels.data!;
    pc.connectionState = 'failed';
    onconnectionstatechange!();
    onclose!.call({} as RTCDataChannel, {} as Event);
    attempt.end(true);
    assert.deepEqual(told, ['fail']);
    assert.equal(pc.closed, 1);
    assert.deepEqual(sent, [], 'the other peer has not heard of it');
  });

  it('does not apply an answer before its offer is out, nor a second one', async () => {
    const { attempt, pc, fire } = setUp();
    let applied = 0;
    pc.setRemoteDescription = async () => void applied++;
    const answer = remote('answer', CHROMIUM_ANSWER);
    void attempt.answered(answer);
    assert.equal(applied, 0);
    await turn();
    fire(GATHER_MS);
    await turn();
    void attempt.answered(answer);
    void attempt.answered(answer);
    assert.equal(applied, 1);
  });

  it('in doubt fails when ICE gets nowhere, and not when it gets somewhere', () => {
    for (const [state, fails] of [
      ['new', true],
      ['checking', true],
      ['connected', false],
      ['completed', false],
      ['disconnected', false],
    ] as const) {
      const { attempt, pc, told, fire } = setUp(remote('offer', CHROMIUM_OFFER));
      attempt.doubt();
      assert.ok(fire(ICE_LOOK_MS));
      pc.iceConnectionState = state;
      assert.ok(fire(ICE_LOOK_MS));
      assert.deepEqual(told, fails ? ['fail'] : [], state);
      assert.equal(fire(ICE_LOOK_MS), false);
    }
  });

  it('in doubt waits anew when candidates come, which show that somebody is there', () => {
    const { attempt, told, fire } = setUp(remote('offer', CHROMIUM_OFFER));
    attempt.doubt();
    fire(ICE_LOOK_MS);
    attempt.addCandidates([received(1)]);
    assert.ok(fire(ICE_LOOK_MS));
    assert.deepEqual(told, []);
    assert.ok(fire(ICE_LOOK_MS));
    assert.deepEqual(told, ['fail']);
  });

  it('in doubt that opens is not looked at any more', async () => {
    const { attempt, pc, fire } = setUp();
    attempt.doubt();
    await turn();
    pc.open('control');
    pc.open('data');
    assert.equal(fire(ICE_LOOK_MS), false);
  });

  describe('of an offer that is left with the tracker', () => {
    const ofType = (n: number, type: string) =>
      `candidate:${n} 1 udp ${n} 192.0.2.9 ${n} typ ${type}${type === 'host' ? '' : ' raddr 0.0.0.0 rport 0'}`;
    const hosts = Array.from({ length: 12 }, (_, n) => ofType(9000 + n, 'host'));
    const others = [ofType(800, 'srflx'), ofType(700, 'srflx'), ofType(60, 'relay')];
    const all = [
      ...describeSdp(CHROMIUM_OFFER).candidates!.map(formatCandidate),
      ...hosts,
      ...others,
    ];
    const texts = (candidates: readonly object[] = []) =>
      candidates.map((each) => formatCandidate(each as never));

    async function left(more: readonly string[]) {
      const lines = more.map((text) => `a=${text}\r\n`).join('');
      const attempt = setUpTo(undefined, undefined, lines);
      await turn();
      attempt.fire(DEPOSIT_GATHER_MS);
      await turn();
      return { ...attempt, given: texts(attempt.deposits[0]!.candidates) };
    }

    it('keeps the best candidate of each type, and sends the rest to who answers', async () => {
      const { attempt, pc, sent, given } = await left([...hosts, ...others]);
      assert.equal(given.length, MAX_DEPOSITED_CANDIDATES);
      for (const best of [others[0], others[2]]) assert.ok(given.includes(best), best);
      pc.found(candidate(5));
      assert.equal(sent.length, 0, 'to nobody yet');
      attempt.adopt(8n);
      const [body, ...more] = sent;
      assert.ok(body?.case === 'candidates');
      assert.deepEqual(more, []);
      assert.deepEqual(
        [...given, ...texts(body.value.candidates)].sort(),
        [...all, candidate(5)].sort(),
      );
    });

    it('sends nothing more where there is nothing', async () => {
      const { attempt, sent } = await left([]);
      attempt.adopt(8n);
      assert.deepEqual(sent, []);
    });

    it('sends no more than a message may hold', async () => {
      const { attempt, pc, sent } = await left([]);
      for (let n = 1; n <= 100; n++) pc.found(candidate(n));
      attempt.adopt(8n);
      const [body] = sent;
      assert.ok(body?.case === 'candidates');
      assert.equal(body.value.candidates?.length, MAX_CANDIDATES);
    });
  });
});

import assert from 'node:assert/strict';
import { parseOptions, type SeedOptions } from './options.ts';

const TRACKER = 'wss://tracker.example/';

function parsed(...args: string[]): SeedOptions {
  const command = parseOptions(['--tracker', TRACKER, ...args, 'site']);
  assert.ok(command.kind === 'seed');
  return command.options;
}

describe('The options of zauberflote-seed', () => {
  it('are all there, with what they are when they are not given', () => {
    assert.deepEqual(parsed(), {
      named: ['site'],
      trackers: [TRACKER],
      tokenFile: undefined,
      forms: ['zf1'],
      chunkSize: undefined,
      maxPeers: 100,
      maxUploadBytesPerSecond: 0,
      iceServers: [],
      udpPorts: undefined,
      rescanSeconds: 10,
      statusSeconds: 0,
    });
  });

  it('take several trackers, forms, servers and files', () => {
    const turn = { urls: ['turn:turn.example'], username: 'a', credential: 'b' };
    const args = ['--tracker', 'ws://127.0.0.1:8080', '--id', 'sha384,zf1', '--id', 'sha1,zf1'];
    const options = parsed(
      ...args,
      ...['--ice-server', 'stun:stun.example:3478', '--ice-server', JSON.stringify(turn)],
      ...['--udp-ports', '50000-50101', 'more'],
    );
    assert.deepEqual(options.trackers, [TRACKER, 'ws://127.0.0.1:8080']);
    assert.deepEqual(options.forms, ['sha384', 'zf1', 'sha1']);
    assert.deepEqual(options.iceServers, [{ urls: 'stun:stun.example:3478' }, turn]);
    assert.deepEqual(options.udpPorts, [50_000, 50_101]);
    assert.deepEqual(options.named, ['more', 'site']);
  });

  it('leave the rest unread when help or the version is wanted', () => {
    assert.deepEqual(parseOptions(['--help']), { kind: 'help' });
    assert.deepEqual(parseOptions(['--version', '--tracker', 'x']), { kind: 'version' });
  });

  for (const [args, says] of [
    [['--tracker', TRACKER], /at least one file or folder/],
    [['site'], /--tracker, as in its data-tracker/],
    [['--tracker', 'https://tracker.example/', 'site'], /begins with https:/],
    [['--tracker', 'tracker.example', 'site'], /such as wss:.*, not 'tracker.example'/],
    [['--tracker', 'wss://a/ wss://b/', 'site'], /not 'wss:\/\/a\/ wss:\/\/b\/'/],
    [['--tracker', 'wss://a/#b', 'site'], /without a #/],
    [['--tracker', 'wss://a:b@c/', 'site'], /--token-file/],
  ] as const)
    it(`refuse ${args.join(' ')}`, () => {
      assert.throws(() => parseOptions(args), says);
    });

  for (const [name, value, says] of [
    ['--id', 'md5', /zf1, sha256, sha384, sha512, sha1.*not 'md5'/],
    ['--id', '', /not ''/],
    ['--chunk-size', '1048577', /1 to 1048576, not '1048577'/],
    ['--max-peers', '0', /1 to 512, not '0'/],
    ['--max-peers', '1e2', /not '1e2'/],
    ['--max-upload-bytes-per-second', '-1', /ambiguous|not '-1'/],
    ['--max-upload-bytes-per-second', '1M', /0 to \d+, not '1M'/],
    ['--rescan', '0', /1 to 86400, not '0'/],
    ['--status-every', '86401', /not '86401'/],
    ['--ice-server', 'turn:user:pass@turn.example', /"username"/],
    ['--ice-server', '{"urls":[]}', /not '\{"urls":\[\]\}'/],
    ['--ice-server', '{"urls":"http://x"}', /such as stun:/],
    ['--udp-ports', '50000', /two ports/],
    ['--udp-ports', '100-400', /from 1024/],
    ['--udp-ports', '50000-50100', /are 101 ports, but --max-peers 100 needs 102/],
    ['--trackr', 'x', /'--trackr'/],
  ] as const)
    it(`refuse ${name} ${value}`, () => {
      assert.throws(() => parsed(name, value), says);
    });
});

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { run } from './command.ts';
import { createNet } from './index.ts';
import { namespaces } from './namespaces.ts';

/** Makes a network with everything there can be, tells about it, and stays. */
const DRIVER = `
  const { createNet } = await import(process.argv[1]);
  const net = await createNet({ shaper: process.argv[2] });
  const host = await net.host('a', { upBytesPerSecond: 65536 });
  if (net.shaper === 'tc') {
    await net.host('b', { rttMs: 20 });
    await net.host('c', { behindNat: true });
  }
  const { pid } = host.spawn('sh', ['-c', 'sleep 3600 & wait'], { stdio: 'ignore' });
  process.on('message', () => { throw new Error('on purpose'); });
  process.send({ address: net.driverAddress, group: pid });
`;

interface Driver {
  readonly pid: number;
  readonly crash: () => void;
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly ended: Promise<unknown>;
  /** Address of the driver on its network. */
  readonly address: string;
  /** Process group that a host runs. */
  readonly group: number;
}

async function start(shaper: string): Promise<Driver> {
  const index = new URL('index.ts', import.meta.url).href;
  const child = spawn(process.execPath, ['--input-type=module', '-e', DRIVER, index, shaper], {
    stdio: ['ignore', 'inherit', 'ignore', 'ipc'],
    detached: true,
  });
  const ended = once(child, 'exit');
  const message = await Promise.race([once(child, 'message'), ended]);
  assert.equal(typeof message[0], 'object', 'the driver made no network');
  return {
    pid: child.pid!,
    crash: () => child.send('crash'),
    kill: (signal) => child.kill(signal),
    ended,
    ...message[0],
  };
}

/** What there still is of a network: none of it may stay. */
async function left({ pid, address, group }: Driver, shaper: string): Promise<string[]> {
  const running = await run('ps', ['-eo', 'pgid=,stat=,args=']);
  const lines = running.split('\n').map((line) => line.trim());
  const found = lines.filter((line) => line.startsWith(`${group} `) && !/^\d+ Z/.test(line));
  if (shaper === 'proxy') return found;
  const addresses = Object.values(networkInterfaces()).flatMap((all) => all!);
  if (addresses.some((a) => a.address === address)) found.push(address);
  return [...found, ...(await namespaces(`zfn-${pid}.`))];
}

/** The reaper tells nobody when it is done: looks until nothing is left, or mocha gives up. */
async function vanished(driver: Driver, shaper: string): Promise<void> {
  while ((await left(driver, shaper)).length > 0) await setTimeout(50);
}

describe('end of a network', () => {
  const drivers: Driver[] = [];
  const begin = async (shaper: string) => {
    const driver = await start(shaper);
    drivers.push(driver);
    return driver;
  };
  // Of tests that failed.
  afterEach(() => {
    for (const driver of drivers.splice(0)) driver.kill('SIGKILL');
  });

  for (const shaper of ['tc', 'proxy'])
    for (const [how, end] of [
      // As a terminal does: the whole process group hears of it.
      ['Ctrl-C', (driver) => process.kill(-driver.pid, 'SIGINT')],
      ['an uncaught exception', (driver) => driver.crash()],
      ['SIGKILL', (driver) => driver.kill('SIGKILL')],
    ] as [string, (driver: Driver) => void][])
      it(`leaves nothing behind after ${how} (${shaper})`, async () => {
        const driver = await begin(shaper);
        assert.ok((await left(driver, shaper)).length > 0);
        end(driver);
        await driver.ended;
        await vanished(driver, shaper);
      });

  it('removes what a run left whose reaper was killed too', async () => {
    const driver = await begin('tc');
    const list = (await run('ps', ['-eo', 'pid=,ppid=,args='])).split('\n');
    const reaper = list.find(
      (line) => line.includes('reaper.ts') && line.trim().split(/\s+/)[1] === `${driver.pid}`,
    );
    process.kill(Number.parseInt(reaper!, 10), 'SIGKILL');
    driver.kill('SIGKILL');
    await driver.ended;
    assert.ok((await left(driver, 'tc')).length > 0);
    const net = await createNet({ shaper: 'tc' });
    await net.close();
    await vanished(driver, 'tc');
  });

  it('spares the networks of others that run', async () => {
    const driver = await begin('tc');
    const before = await namespaces(`zfn-${driver.pid}.`);
    assert.ok(before.length > 4);
    const net = await createNet({ shaper: 'tc' });
    await net.close();
    assert.deepEqual(await namespaces(`zfn-${driver.pid}.`), before);
    process.kill(-driver.group, 0);
    driver.kill('SIGTERM');
    await driver.ended;
    await vanished(driver, 'tc');
  });
});

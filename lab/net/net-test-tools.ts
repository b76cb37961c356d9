/** What the tests of the network share. Its programs run inside hosts, so they are given as source. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Host } from './types.ts';

/** Runs a script on a host. @param args it finds in process.argv, from 1 on */
export function script(host: Host, source: string, ...args: (string | number)[]): ChildProcess {
  return host.spawn(process.execPath, ['-e', source, ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** The next line a program prints, as JSON. @throws {Error} if it ends first */
export async function said(child: ChildProcess): Promise<unknown> {
  for await (const line of createInterface({ input: child.stdout! })) return JSON.parse(line);
  throw new Error('the program ended without a word');
}

/** Starts a server that sends `bytes` to whoever connects. @returns its port */
export async function sender(host: Host, bytes: number): Promise<number> {
  const source = `
    const server = require('net').createServer((socket) => {
      socket.on('error', () => {});
      socket.end(Buffer.alloc(Number(process.argv[1])));
    });
    server.listen(0, '0.0.0.0', () => console.log(server.address().port));`;
  return (await said(script(host, source, bytes))) as number;
}

/** Reads all from a server. @returns the time from connecting, and what went wrong */
export async function fetchAll(
  host: Host,
  address: string,
  port: number,
  patienceMs = 20_000,
): Promise<{ bytes: number; seconds: number; error?: string }> {
  const source = `
    const from = performance.now();
    const socket = require('net').connect(process.argv[2], process.argv[1]);
    const give = setTimeout(() => socket.destroy(new Error('timeout')), Number(process.argv[3]));
    let bytes = 0, error;
    socket.on('data', (data) => { bytes += data.length; });
    socket.on('error', (e) => { error = e.code ?? e.message; });
    socket.on('close', () => {
      clearTimeout(give);
      console.log(JSON.stringify({ bytes, seconds: (performance.now() - from) / 1000, error }));
    });`;
  const child = script(host, source, address, port, patienceMs);
  return (await said(child)) as { bytes: number; seconds: number; error?: string };
}

/** Answers every datagram with the port it came from. @returns its port */
export async function echo(host: Host): Promise<number> {
  const source = `
    const socket = require('dgram').createSocket('udp4');
    socket.on('message', (message, from) => socket.send(String(from.port), from.port, from.address));
    socket.bind(0, () => console.log(socket.address().port));`;
  return (await said(script(host, source))) as number;
}

/**
 * Sends datagrams from one socket to echo servers, every 2 ms.
 * @param targets `ADDRESS:PORT`
 * @param waitMs for the last answers, unless all have come
 * @returns for each target: what came back, the least time of that in ms, the port seen there
 */
export async function ping(
  host: Host,
  targets: readonly string[],
  count: number,
  waitMs: number,
): Promise<{ answers: number; leastMs: number; seenPort: number }[]> {
  const source = `
    const [targets, count, wait] = process.argv.slice(1);
    const socket = require('dgram').createSocket('udp4');
    const sent = {}, times = {}, seen = {};
    for (const target of targets.split(',')) { sent[target] = []; times[target] = []; }
    socket.on('message', (message, from) => {
      const target = from.address + ':' + from.port;
      times[target].push(performance.now() - sent[target][times[target].length]);
      seen[target] = Number(message);
      if (Object.values(times).every((of) => of.length === Number(count))) finish();
    });
    let left = Number(count), waiting;
    const finish = () => {
      clearTimeout(waiting);
      console.log(JSON.stringify(targets.split(',').map((target) => ({
        answers: times[target].length,
        leastMs: times[target].length > 0 ? Math.min(...times[target]) : null,
        seenPort: seen[target] ?? null,
      }))));
      socket.close();
    };
    const timer = setInterval(() => {
      for (const target of targets.split(',')) {
        const [address, port] = target.split(':');
        sent[target].push(performance.now());
        socket.send('x', Number(port), address);
      }
      if (--left > 0) return;
      clearInterval(timer);
      waiting = setTimeout(finish, Number(wait));
    }, 2);`;
  const child = script(host, source, targets.join(','), count, waitMs);
  return (await said(child)) as { answers: number; leastMs: number; seenPort: number }[];
}

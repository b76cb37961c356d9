import { ProxyNet } from './proxy.ts';
import { TcNet } from './tc.ts';
import { tcProblem } from './tc-problem.ts';
import type { Net } from './types.ts';
import { Unsupported } from './unsupported.ts';

export interface NetOptions {
  /**
   * `tc`: a namespace for each host (root on Linux). `proxy`: a token bucket before the origin
   * (anyone). `auto`: tc where it works, else proxy. @default 'auto'
   */
  readonly shaper?: 'tc' | 'proxy' | 'auto' | undefined;
  /** Of lost packets. @default 1 */
  readonly seed?: number | undefined;
}

/** Makes a network without hosts. @throws {Unsupported} if tc is asked for and cannot be, with the reason */
export async function createNet({ shaper = 'auto', seed = 1 }: NetOptions = {}): Promise<Net> {
  if (shaper === 'proxy') return new ProxyNet('it was asked for');
  const problem = await tcProblem();
  if (problem === undefined)
    return TcNet.create(shaper === 'tc' ? 'it was asked for' : 'this is root on Linux', seed);
  if (shaper === 'tc')
    throw new Unsupported(`The tc shaper cannot work here: ${problem}. Or use the proxy shaper`);
  return new ProxyNet(`tc cannot work here: ${problem}`);
}

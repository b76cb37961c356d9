import { ip, run, tc } from './command.ts';
import { addNamespace, newPrefix, remove } from './namespaces.ts';
import { FRAMES, shape } from './shaping.ts';

/** Why there can be no network of namespaces here, or undefined if there can. */
export async function tcProblem(): Promise<string | undefined> {
  if (process.platform !== 'linux') return `this is ${process.platform}, tc is Linux`;
  if (process.getuid?.() !== 0) return 'this user is not root: run it with sudo';
  for (const [program, debianPackage] of [
    ['ip', 'iproute2'],
    ['tc', 'iproute2'],
    ['nsenter', 'util-linux'],
  ] as const)
    if (
      await run(program, ['-V']).then(
        () => false,
        () => true,
      )
    )
      return `${program} is missing: apt-get install ${debianPackage}`;
  const prefix = newPrefix();
  const name = `${prefix}trial`;
  try {
    await addNamespace(name);
    await ip(
      name,
      'link add name b type bridge',
      'link add name x type veth peer name y',
      `link set x master b ${FRAMES} up`,
    );
    await tc(name, ...shape('y', 1e6, 'dst', '10.77.0.1'));
    return undefined;
  } catch (error) {
    return `the kernel does not let us: ${(error as Error).message}`;
  } finally {
    await remove(prefix).catch(() => {});
  }
}

import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const TRACKER = 'wss://tracker.example/';
const COMMAND = fileURLToPath(new URL('../../../bin/zauberflote-convert.ts', import.meta.url));

/** A folder with the sources of a site, for a real build. */
export class Project {
  readonly root = mkdtempSync(join(tmpdir(), 'zf-plugin-'));

  at(path: string): string {
    return join(this.root, path);
  }

  put(path: string, content: string | Uint8Array): void {
    mkdirSync(dirname(this.at(path)), { recursive: true });
    writeFileSync(this.at(path), content);
  }

  read(path: string): string {
    return readFileSync(this.at(path), 'utf8');
  }

  /** All files under a folder, with what is in them. */
  files(folder: string): Record<string, string> {
    const entries = readdirSync(this.at(folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .toSorted();
    return Object.fromEntries(
      entries.map((file) => [file.slice(this.at(folder).length + 1), readFileSync(file, 'latin1')]),
    );
  }

  /** The one file under a folder whose name fits. */
  find(folder: string, name: RegExp): string {
    const found = Object.keys(this.files(folder)).filter((path) => name.test(path));
    if (found.length !== 1) throw new Error(`${name} is ${found.length} files: ${found}`);
    return found[0]!;
  }

  /** Runs `zauberflote-convert`. */
  async convert(...args: readonly string[]): Promise<void> {
    await new Promise<void>((resolve, reject) =>
      execFile(process.execPath, [COMMAND, ...args], { cwd: this.root }, (error) =>
        error ? reject(error) : resolve(),
      ),
    );
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Bytes that are the same each time. */
export function picture(seed: string, size = 40_000): Uint8Array {
  return Buffer.alloc(size, seed);
}

/** Text of a script, large enough to be marked, that minifiers leave alone. */
export function large(code: string): string {
  return `${code}\nglobalThis.pad = '${'x'.repeat(20_000)}';\n`;
}

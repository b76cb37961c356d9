import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type FoundFile, findFiles } from './find-files.ts';

/** A folder for a test. */
export class TestFolder {
  readonly path = realpathSync(mkdtempSync(join(tmpdir(), 'zf-seed-')));

  /** Path of what may or may not be there. */
  at(name: string): string {
    return join(this.path, name);
  }

  /** Writes a file whose bytes follow from its name and size. */
  put(name: string, size: number): Buffer {
    const seed = [...name].reduce((sum, char) => sum * 31 + char.charCodeAt(0), 7) % 65_521;
    const data = Buffer.from(Uint8Array.from({ length: size }, (_, i) => (i * i + seed * i) >> 3));
    this.write(name, data);
    return data;
  }

  write(name: string, data: string | Uint8Array): void {
    mkdirSync(dirname(this.at(name)), { recursive: true });
    writeFileSync(this.at(name), data);
  }

  async find(name: string): Promise<FoundFile> {
    const { files } = await findFiles([this.at(name)]);
    return files.get(this.at(name)) as FoundFile;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

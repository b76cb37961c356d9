/**
 * A worker: what it is given, as small as gzip gets it. Zopfli for Node listens for every error of the process it is
 * loaded into, and ends that at the first, with its own source as the message; it also is busy for a second.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { gzipAsync } from '@gfx/zopfli';

parentPort?.postMessage(await gzipAsync(workerData, {}));

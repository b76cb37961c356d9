import { logOf } from '../src/log.ts';

/** A log that nobody reads. */
export const SILENT = logOf('silent');

/**
 * Lets a program go on where nobody reads what it says any more, as after `… | head -1`: what it
 * measures is in files. Any other error of its output ends it, as before.
 */
export function goOnUnread(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
}

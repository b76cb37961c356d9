/**
 * WebTorrent's tracker as a program: `node bittorrent-tracker.ts PORT`. WebSocket only, all else at
 * its defaults.
 */
// @ts-expect-error the package has no types
import Server from 'bittorrent-tracker/server';

const server = new Server({ udp: false, http: false, ws: true, stats: false });
server.on('error', (error: Error) => {
  console.error(`bittorrent-tracker: ${error.message}`);
  process.exitCode = 1;
  server.close();
});
server.listen(Number(process.argv[2]), '0.0.0.0');

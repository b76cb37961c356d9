/**
 * A load balancer as a program: `node balancer.ts PORT ADDRESS PORTS…`. Every connection goes to the next of
 * the ports of the address, in turn, whoever it is from.
 */
import { connect, createServer } from 'node:net';

const [port, host, ...ports] = process.argv.slice(2);
let turn = 0;
createServer((client) => {
  const server = connect(Number(ports[turn++ % ports.length]), host);
  client.pipe(server).pipe(client);
  for (const socket of [client, server])
    socket.on('error', () => {
      client.destroy();
      server.destroy();
    });
}).listen(Number(port));

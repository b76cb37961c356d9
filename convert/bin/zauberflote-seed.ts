#!/usr/bin/env node
import { main } from '../src/seed/cli.ts';

await main(process.argv.slice(2));

#!/usr/bin/env node
import { main } from '../src/manifest-cli.ts';

await main(process.argv.slice(2));

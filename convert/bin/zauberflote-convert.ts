#!/usr/bin/env node
import { main } from '../src/convert-cli.ts';

await main(process.argv.slice(2));

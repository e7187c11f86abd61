#!/usr/bin/env node
import { runCommandLine } from './command-line.js';

// Not process.exit(): what was printed to a pipe has to get out first.
runCommandLine(process.argv.slice(2), process.env, process).then((exitCode) => {
  process.exitCode = exitCode;
});

#!/usr/bin/env node
import { runCommandLine } from './command-line.js';

const { env, stdout, stderr } = process;
const interrupt = new AbortController();
// The first Ctrl-C lets the server end what it was asked for; the second is Node's own.
process.once('SIGINT', () => interrupt.abort());

// Not process.exit(): what was printed to a pipe has to get out first.
runCommandLine(process.argv.slice(2), {
  env,
  stdout,
  stderr,
  directory: process.cwd(),
  now: Date.now,
  signal: interrupt.signal,
}).then((exitCode) => {
  process.exitCode = exitCode;
});

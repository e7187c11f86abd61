#!/usr/bin/env node
import { runCommandLine } from './command-line.js';

const { env, stdout, stderr } = process;
const interrupt = new AbortController();
// The first one, of a terminal or of an orchestrator, lets the command end what it began on the servers and remove
// its files; the second is Node's own.
for (const stop of ['SIGINT', 'SIGTERM'] as const) process.once(stop, () => interrupt.abort());
// A reader that has seen enough, such as `head`, is no error of the command.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

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

import type { Command } from './command.js';
import { COMMON_OPTIONS, type OptionSpecs } from './options.js';

type Commands = Readonly<Record<string, Command>>;

const CONFIGURATION = `Configuration: options before variables before the file
  DATABASE_URL, REDIS_URL          as --url, --redis-url
  MACRO_STORE_CONFIG               as --config
  MACRO_STORE_MIGRATION_URL        a direct connection, for a DATABASE_URL that leads to a pooler
  MACRO_STORE_POOLER               transaction: DATABASE_URL leads to a pooler in transaction mode
  MACRO_STORE_DIMENSIONS, MACRO_STORE_COLUMN, MACRO_STORE_MODEL
  MACRO_STORE_REDIS_PREFIX         what stands before every key; default macro:
  macro-store.config.json          the fields of createMacroStore(config) that JSON can hold`;

/** The list of commands, and what all have in common. */
export function overview(commands: Commands): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length)) + 2;
  return `macro-store: the database of @macro-ai/store

Usage: macro-store <command> [options]

Commands
${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(width)}${summary}`)
  .join('\n')}
  ${'help'.padEnd(width)}help <command>: what it does, its options, examples

Options of every command
${listed(COMMON_OPTIONS)}

${CONFIGURATION}

Results go to stdout, progress and errors to stderr.
Exit codes: 0 done, 1 failed, 2 the command line was not understood.

A deployment, in order
  macro-store plan          what would run, and what it would lock
  macro-store migrate       run it; every replica may do this at once
  macro-store doctor        see that the servers are as the store needs them
`;
}

/** What one command does, with its options and examples. */
export function helpOf(name: string, command: Command): string {
  const { summary, usage, about, options, examples, fails = 'it failed; stderr says why' } = command;
  const own = Object.keys(options).length === 0 ? '' : `Options\n${listed(options)}\n\n`;
  const lines = examples.map(([line, does]) => `  macro-store ${line}\n      ${does}`);
  return `macro-store ${name}: ${summary}

Usage: macro-store ${name} ${usage}

${about.join('\n\n')}

${own}Options of every command
${listed(COMMON_OPTIONS)}

Examples
${lines.join('\n')}

Exit codes: 0 done; 1 ${fails}; 2 the command line was not understood.
`;
}

function listed(options: OptionSpecs): string {
  const rows = Object.entries(options).map(([name, { value, short, help }]) => ({
    left: `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`,
    help,
  }));
  const width = Math.max(...rows.map(({ left }) => left.length)) + 2;
  return rows.map(({ left, help }) => `  ${left.padEnd(width)}${help}`).join('\n');
}

import { MacroStoreConfigError } from '../config.js';
import type { MigrateError } from '../migrations/index.js';
import type { Command, Settings, Streams } from './command.js';
import { migrateCommand } from './migrate.js';
import { parseLine, UsageError } from './options.js';
import { planCommand } from './plan.js';
import { statusCommand } from './status.js';

const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

const COMMANDS: Readonly<Record<string, Command>> = {
  migrate: migrateCommand as Command,
  status: statusCommand as Command,
  plan: planCommand as Command,
};

/** Runs one command line and gives its exit code: 0 done, 1 failed, 2 not understood. */
export async function runCommandLine(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  streams: Streams,
): Promise<number> {
  try {
    const line = parseLine(args);
    if (line.wantsHelp) {
      streams.stdout.write(help());
      return EXIT.ok;
    }
    const command = line.command === undefined ? undefined : COMMANDS[line.command];
    if (command === undefined) {
      throw new UsageError(`which command? One of ${Object.keys(COMMANDS).join(', ')}`);
    }
    return await run(command, line.settings(env), streams);
  } catch (error) {
    const message = usageMessage(error);
    if (message === null) throw error;
    streams.stderr.write(`macro-store: ${message}\nmacro-store --help tells more.\n`);
    return EXIT.usage;
  }
}

async function run(command: Command, settings: Settings, streams: Streams): Promise<number> {
  const result = await command.run(settings, streams);
  if (result.isErr()) {
    streams.stderr.write(`${failure(result.error, settings.json)}\n`);
    return EXIT.failed;
  }
  const lines = settings.json ? [JSON.stringify(result.value, null, 2)] : command.describe(result.value);
  streams.stdout.write(`${lines.join('\n')}\n`);
  return EXIT.ok;
}

/** Kind, message and the code behind it, e.g. ECONNREFUSED: none holds a connection string. */
function failure(error: MigrateError, json: boolean): string {
  if (json) return JSON.stringify({ error });
  const { cause } = error;
  const hasCode = typeof cause === 'object' && cause !== null && 'code' in cause;
  const code = hasCode && !error.message.includes(String(cause.code)) ? ` (${cause.code})` : '';
  return `macro-store: ${error.kind}: ${error.message}${code}`;
}

function usageMessage(error: unknown): string | null {
  if (error instanceof UsageError) return error.message;
  // Its paths are those of the configuration, e.g. `database.url` for --url; it names no value.
  if (error instanceof MacroStoreConfigError) return error.message;
  return null;
}

function help(): string {
  const commands = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(9)}${summary}`);
  return `macro-store: the database of @macro-ai/store

Usage: macro-store <command> [options]

Commands
${commands.join('\n')}

Options
  --url <url>        postgresql://user@host/database; default: DATABASE_URL, which no process list shows
  --dimensions <n>   numbers in an embedding, as in createMacroStore({ embedding }); default 1536
  --column <type>    vector, or halfvec for half the space and up to 4,000 dimensions; default vector
  --skip-hnsw        leave the HNSW index out; a later run without it builds it
  --json             the result as JSON on stdout, and no progress
  -h, --help         this text

Results go to stdout, progress and errors to stderr.
Exit codes: 0 done, 1 failed, 2 the command line was not understood.

Connect directly: a pooler in transaction mode is refused, since migrations hold a session lock. TLS is on
and verified except on loopback and unix sockets; add ?sslmode=disable to the URL for none.

A deployment, in order
  macro-store plan          what would run, and what it would lock
  macro-store migrate       run it; every replica may do this at once
  macro-store status        see that nothing is pending
`;
}

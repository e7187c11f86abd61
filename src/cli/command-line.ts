import packageJson from '../../package.json' with { type: 'json' };
import { MacroStoreConfigError } from '../config.js';
import { createMacroStore } from '../create-macro-store.js';
import type { StoreError } from '../errors.js';
import { backupCommand } from './backup.js';
import type { Call, Command, Surroundings } from './command.js';
import { readConfiguration } from './configuration.js';
import { doctorCommand } from './doctor.js';
import { helpOf, overview } from './help.js';
import { indexCommand } from './index-command.js';
import { metricsCommand } from './metrics.js';
import { migrateCommand } from './migrate.js';
import { COMMON_OPTIONS, type OptionSpecs, parseLine, UsageError } from './options.js';
import { planCommand } from './plan.js';
import { recallCommand } from './recall.js';
import { searchCommand } from './search.js';
import { statusCommand } from './status.js';

const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

const COMMANDS: Readonly<Record<string, Command>> = {
  plan: planCommand as Command,
  migrate: migrateCommand as Command,
  status: statusCommand as Command,
  doctor: doctorCommand as Command,
  metrics: metricsCommand as Command,
  index: indexCommand as Command,
  search: searchCommand as Command,
  recall: recallCommand as Command,
  backup: backupCommand as Command,
};

/** To find the command, which may stand behind an option with a value. */
const EVERY_OPTION: OptionSpecs = Object.assign(
  {},
  COMMON_OPTIONS,
  ...Object.values(COMMANDS).map(({ options }) => options),
);

/** Runs one command line and gives its exit code: 0 done, 1 failed, 2 not understood. */
export async function runCommandLine(args: readonly string[], surroundings: Surroundings): Promise<number> {
  try {
    return await understand(args, surroundings);
  } catch (error) {
    const message = usageMessage(error);
    if (message === null) throw error;
    surroundings.stderr.write(
      args.includes('--json')
        ? `${JSON.stringify({ error: { kind: 'usage', message } })}\n`
        : `macro-store: ${message}\nmacro-store --help tells more.\n`,
    );
    return EXIT.usage;
  }
}

async function understand(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const { stdout } = surroundings;
  const line = parseLine(args, EVERY_OPTION);
  if (line.options.flag('version')) {
    stdout.write(`${packageJson.version}\n`);
    return EXIT.ok;
  }
  const [name, ...afterName] = line.words;
  if (name === 'help' || (name === undefined && (args.includes('--help') || args.includes('-h')))) {
    const [about] = afterName;
    stdout.write(about === undefined ? overview(COMMANDS) : helpOf(about, find(about)));
    return EXIT.ok;
  }
  const command = find(name);
  const { options, words } = parseLine(args, { ...COMMON_OPTIONS, ...command.options });
  if (options.flag('help')) {
    stdout.write(helpOf(words[0] ?? '', command));
    return EXIT.ok;
  }
  // The word is not repeated: it may be a URL with a password, where --url was forgotten.
  if (words.length - 1 > (command.maxWords ?? 0)) {
    throw new UsageError(`too many words; it is: macro-store ${words[0]} ${command.usage}`);
  }
  const config = await readConfiguration(options, surroundings);
  const store = createMacroStore(config);
  try {
    const json = options.flag('json');
    return await run(command, { ...surroundings, options, config, store, json, words: words.slice(1) });
  } finally {
    await store.close();
  }
}

function find(name: string | undefined): Command {
  const command = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command !== undefined) return command;
  throw new UsageError(`which command? One of ${Object.keys(COMMANDS).join(', ')}`);
}

async function run(command: Command, call: Call): Promise<number> {
  const { stdout, stderr, json } = call;
  const result = await command.run(call);
  if (result.isErr()) {
    stderr.write(`${failure(result.error, json)}\n`);
    return EXIT.failed;
  }
  // A terminal that knows no width says 0.
  const width = stdout.isTTY ? stdout.columns || null : null;
  const lines = json ? [JSON.stringify(result.value, null, 2)] : command.describe(result.value, width);
  stdout.write(`${lines.join('\n')}\n`);
  return command.isFailure?.(result.value) ? EXIT.failed : EXIT.ok;
}

/** Kind, message and the code behind it, e.g. ECONNREFUSED: none holds a connection string. */
function failure(error: StoreError, json: boolean): string {
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

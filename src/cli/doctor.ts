import { ResultAsync } from 'neverthrow';
import { storeError } from '../errors.js';
import type { Command } from './command.js';
import { examine } from './doctor/examine.js';
import type { Finding, Severity } from './doctor/finding.js';
import { oneLine } from './table.js';

export interface DoctorReport {
  readonly errors: number;
  readonly warnings: number;
  readonly findings: readonly Finding[];
}

/** The gravest last, where a terminal's reader looks first. */
const ORDER: readonly Severity[] = ['ok', 'info', 'warn', 'error'];

export const doctorCommand: Command<DoctorReport> = {
  summary: 'examine both servers and say what to do about each fault; changes nothing',
  usage: '[options]',
  about: [
    `Looks at the connection (TLS, poolers), the server (versions, extensions, rights, settings), the schema
(migrations, indexes), Redis (version, tracking, eviction, persistence) and the clocks. Each finding has an id that
stays the same, what was found, and what to do.`,
    `error   the store fails, loses or leaks something as things are
warn    it works, and will be slow, blind or surprised one day
info    worth knowing; may be meant so
ok      was looked at, and is well`,
    'Give it the configuration of the service: what is well for one is a fault for another.',
  ],
  options: {},
  examples: [
    ['doctor', 'examine what DATABASE_URL and REDIS_URL lead to'],
    ['doctor --config production.json --json', 'findings of that configuration, for a program'],
  ],
  fails: 'there is a finding of severity error, or it failed',

  run: (call) =>
    ResultAsync.fromPromise(examine(call), (error) =>
      storeError('internal', 'cli.doctor', 'a server went away, or answered what nobody expects', {}, error),
    ).map((findings) => ({
      errors: findings.filter(({ severity }) => severity === 'error').length,
      warnings: findings.filter(({ severity }) => severity === 'warn').length,
      findings: [...findings].sort((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity)),
    })),

  describe({ findings, errors, warnings }) {
    const width = Math.max(...findings.map(({ id }) => id.length));
    return [
      ...findings.flatMap(({ id, severity, found, advice }) => [
        `${severity.padEnd(5)}  ${id.padEnd(width)}  ${oneLine(found)}`,
        ...(advice === null ? [] : [`${' '.repeat(width + 9)}→ ${oneLine(advice)}`]),
      ]),
      `${findings.length} checks: ${counted(errors, 'error')}, ${counted(warnings, 'warning')}`,
    ];
  },

  isFailure: ({ errors }) => errors > 0,
};

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

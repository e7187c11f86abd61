import { sql } from 'drizzle-orm';
import type { MacroStore } from '../../create-macro-store.js';
import { isStoreError } from '../../errors.js';
import { type Check, type Finding, ok, problem } from './finding.js';

/** Settings as the store's own sessions have them, after what the store, the pooler and the role have set. */
interface SessionFacts {
  readonly jit: string;
  readonly statementTimeout: string;
}

const CHECKS: readonly Check<SessionFacts>[] = [checkJit, checkStatementTimeout];

/** Asks over the store's pool, as its queries travel. */
export async function checkSessions({ db }: Pick<MacroStore, 'db'>): Promise<readonly Finding[]> {
  try {
    const rows: unknown = await db.execute(
      sql`select current_setting('jit') as jit, current_setting('statement_timeout') as "statementTimeout"`,
    );
    const [facts] = rows as readonly SessionFacts[];
    if (facts === undefined) throw new Error('the statement gives one row');
    return [ok('database.pool', 'the store connects'), ...CHECKS.map((check) => check(facts))];
  } catch (error) {
    // Drizzle's own error holds the statement; that of the store, which says what to do, is its cause.
    const cause = error instanceof Error ? error.cause : undefined;
    if (!isStoreError(cause)) throw error;
    const found = `the store cannot connect, although a plain connection can: ${cause.message}`;
    return [problem('database.pool', 'error', found, 'see the reason; DATABASE_URL may lead to a pooler')];
  }
}

function checkJit({ jit }: SessionFacts): Finding {
  const id = 'settings.jit';
  if (jit === 'off') return ok(id, 'off');
  const found = 'jit is on in the sessions of the store: compiling a search takes longer than running it';
  return problem(id, 'warn', found, 'ALTER ROLE <the role of the store> SET jit = off');
}

function checkStatementTimeout({ statementTimeout }: SessionFacts): Finding {
  const id = 'settings.statement-timeout';
  if (statementTimeout !== '0') return ok(id, statementTimeout);
  const found = 'the sessions of the store have no statement_timeout: what nobody waits for any more goes on';
  return problem(id, 'warn', found, "ALTER ROLE <the role of the store> SET statement_timeout = '30s'");
}

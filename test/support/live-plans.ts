import type pg from 'pg';
import { nodesOf, type PlanNode } from './explain.js';
import type { TestDatabase } from './test-database.js';

/** How the server ran one statement of a session, as it ran it: with the session's plan cache and settings. */
export interface LivePlan {
  readonly text: string;
  readonly plan: PlanNode;
  /** What was compiled; `null`: nothing. */
  readonly jit: object | null;
  /** Planner settings that are not the server's defaults. */
  readonly settings: Readonly<Record<string, string>>;
}

const SETTINGS = {
  session_preload_libraries: 'auto_explain',
  'auto_explain.log_min_duration': '0',
  'auto_explain.log_analyze': 'on',
  'auto_explain.log_buffers': 'on',
  'auto_explain.log_settings': 'on',
  'auto_explain.log_format': 'json',
  'auto_explain.log_level': 'notice',
};

/** From now on new sessions in this database tell the plan of every statement in a notice. */
export async function tellPlans(database: TestDatabase): Promise<void> {
  for (const [name, value] of Object.entries(SETTINGS)) {
    await database.query(`alter database ${database.name} set ${name} = '${value}'`);
  }
}

interface Explanation {
  readonly 'Query Text': string;
  readonly Plan: PlanNode;
  readonly JIT?: object;
  readonly Settings?: Readonly<Record<string, string>>;
}

/** Collects the plans of what runs on this pool, from its connections to come. */
export function plansOf(pool: pg.Pool | null): { take(): readonly LivePlan[] } {
  if (pool === null) throw new Error('the embedded database has no pool');
  let plans: LivePlan[] = [];
  pool.on('connect', (client) => {
    client.on('notice', ({ message = '' }) => {
      const [, json] = /^duration: .*plan:\s*({[\s\S]*})\s*$/.exec(message) ?? [];
      if (json === undefined) return;
      const explanation = JSON.parse(json) as Explanation;
      plans.push({
        text: explanation['Query Text'],
        plan: explanation.Plan,
        jit: explanation.JIT ?? null,
        settings: explanation.Settings ?? {},
      });
    });
  });
  return {
    take() {
      const taken = plans;
      plans = [];
      return taken;
    },
  };
}

/** The tables that were read from end to end. */
export function tablesReadBy({ plan }: LivePlan): readonly string[] {
  return ranNodesOf(plan)
    .filter((node) => node['Node Type'] === 'Seq Scan')
    .flatMap((node) => node['Relation Name'] ?? [])
    .filter((table) => !table.startsWith('pg_'));
}

/** The indexes that were read, each once. */
export function indexesReadBy({ plan }: LivePlan): readonly string[] {
  return [...new Set(ranNodesOf(plan).flatMap((node) => node['Index Name'] ?? []))].sort();
}

/** Searches, among all statements: they tell how long they took. */
export const isSearch = ({ text }: LivePlan): boolean => text.includes('"serverMs"');

/** The nodes that ran; a plan also has those which a condition kept from running. */
export function ranNodesOf(plan: PlanNode): readonly PlanNode[] {
  return nodesOf(plan).filter((node) => node['Actual Loops'] > 0);
}

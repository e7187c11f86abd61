import type pg from 'pg';
import { openWays, type WaysOptions } from './open-ways.js';
import type { Question } from './questions.js';
import type { Way } from './ways.js';

/** How the server went about the last search of a way. */
export interface Plan {
  readonly way: string;
  readonly rows: number;
  /** Pages of shared memory that were looked at, by all statements of the search. */
  readonly buffers: number;
  /** How the rows were found, outermost first. */
  readonly scans: string;
}

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
  readonly Plans?: readonly PlanNode[];
}

/** The plans of every way for a user of every size, on connections of their own. */
export async function readPlans(owner: pg.Client, options: WaysOptions): Promise<Plan[]> {
  await explainEverything(owner, true);
  const log = createPlanLog();
  const ways = await openWays({ ...options, onNotice: log.listen });
  const plans: Plan[] = [];
  for (const { rows } of options.placement.classes) {
    for (const way of ways) {
      if (way.name !== 'select 1')
        plans.push(await log.planOf(way, rows, options.questions.ofClass(rows, 1)));
    }
  }
  for (const way of ways) await way.close();
  await explainEverything(owner, false);
  return plans;
}

const EXPLAIN_SETTINGS = [
  ['session_preload_libraries', 'auto_explain'],
  ['auto_explain.log_min_duration', '0'],
  ['auto_explain.log_analyze', 'on'],
  ['auto_explain.log_timing', 'off'],
  ['auto_explain.log_buffers', 'on'],
  ['auto_explain.log_format', 'json'],
  ['client_min_messages', 'log'],
] as const;

/**
 * Has the server explain every statement on new connections to this database, to the client that sent it: the
 * plan that was run, a library's or a reused one as well. Needs a superuser.
 */
async function explainEverything(client: pg.Client, isOn: boolean): Promise<void> {
  const { rows } = await client.query<{ name: string }>('select quote_ident(current_database()) as name');
  for (const [setting, value] of EXPLAIN_SETTINGS) {
    const change = isOn ? `set ${setting} = '${value}'` : `reset ${setting}`;
    await client.query(`alter database ${rows[0]?.name} ${change}`);
  }
}

/** Collects what the server explains; hand `listen` to the connections. */
function createPlanLog() {
  let plans: PlanNode[] = [];
  const listen = (message: string) => {
    const start = message.indexOf('{');
    if (start < 0 || !message.startsWith('duration')) return;
    plans.push((JSON.parse(message.slice(start)) as { Plan: PlanNode }).Plan);
  };
  return {
    listen,
    /** Searches so often that a generic plan would have come up, and gives the last plan. */
    async planOf(way: Way, rows: number, question: Question): Promise<Plan> {
      for (let call = 1; call <= 7; call += 1) {
        plans = [];
        await way.search(question);
      }
      const nodes = plans.flatMap(nodesOf);
      return {
        way: way.name,
        rows,
        buffers: plans.reduce((sum, plan) => sum + plan['Shared Hit Blocks'] + plan['Shared Read Blocks'], 0),
        scans: [...new Set(nodes.flatMap(scanOf))].join(', '),
      };
    },
  };
}

function nodesOf(plan: PlanNode): PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
}

function scanOf(node: PlanNode): string[] {
  const { 'Node Type': type, 'Index Name': index, 'Relation Name': relation } = node;
  if (index !== undefined) return [`${type} ${index}`];
  return type === 'Seq Scan' ? [`${type} ${relation}`] : [];
}

import pg from 'pg';
import { createEmbeddingGuard } from '../../src/database/embedding-guard.js';
import { createExecutor } from '../../src/database/executor.js';
import type { BoundStatement } from '../../src/database/statement.js';
import { textWire } from '../../src/database/vector-wire.js';
import { createChatRepository } from '../../src/repositories/chats.js';
import { createMessageRepository } from '../../src/repositories/message-repository.js';
import { createUserRepository } from '../../src/repositories/users.js';
import { createVectorRepository } from '../../src/repositories/vector-repository.js';
import type { EmbeddingShape } from '../../src/schema/embedding-shape.js';
import { createVectorSearchService } from '../../src/search/create-vector-search-service.js';
import { silentTelemetry } from '../../src/telemetry.js';

export type PlanMode = 'force_generic_plan' | 'force_custom_plan';

export interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
  readonly Plans?: readonly PlanNode[];
}

export interface ExplainedStore extends AsyncDisposable {
  readonly users: ReturnType<typeof createUserRepository>;
  readonly chats: ReturnType<typeof createChatRepository>;
  readonly messages: ReturnType<typeof createMessageRepository>;
  readonly vectors: ReturnType<typeof createVectorRepository>;
  readonly vectorSearch: ReturnType<typeof createVectorSearchService>;
  /** How the server ran the last statement of a call. */
  plan(): PlanNode;
  mode(mode: PlanMode): Promise<void>;
  /** Runs the work with planner settings, each `on` or `off`. */
  withPlanner<T>(settings: Readonly<Record<string, 'on' | 'off'>>, work: () => Promise<T>): Promise<T>;
}

/** The repositories on one connection that has every statement explained, as prepared, before it is run. */
export async function explainedStore(url: string, embedding: EmbeddingShape): Promise<ExplainedStore> {
  const client = new pg.Client({ connectionString: url, options: '-c jit=off' });
  await client.connect();
  let last: PlanNode | undefined;
  const explainAndSend = async (statement: BoundStatement) => {
    last = await explain(client, statement);
    return client.query(statement.text, [...statement.values]);
  };
  const executor = createExecutor(textWire, explainAndSend, () => {
    throw new Error('explained statements run outside of transactions');
  });
  const guard = createEmbeddingGuard(embedding);
  return {
    users: createUserRepository(executor),
    chats: createChatRepository(executor),
    messages: createMessageRepository(executor, embedding, guard),
    vectors: createVectorRepository(executor, embedding, guard, null),
    vectorSearch: createVectorSearchService({
      executor,
      shape: embedding,
      guard,
      indexedMetadata: [],
      recallSampleRate: 0,
      recallTarget: 0.99,
      clock: Date.now,
      telemetry: silentTelemetry,
    }),
    plan() {
      if (last === undefined) throw new Error('nothing was sent yet');
      return last;
    },
    mode: async (mode) => void (await client.query(`set plan_cache_mode = ${mode}`)),
    async withPlanner(settings, work) {
      for (const [name, value] of Object.entries(settings)) await client.query(`set ${name} = ${value}`);
      try {
        return await work();
      } finally {
        for (const name of Object.keys(settings)) await client.query(`reset ${name}`);
      }
    },
    [Symbol.asyncDispose]: () => client.end(),
  };
}

/** How the server runs a statement, once it has. */
export async function explain(client: pg.Client, { text, values }: BoundStatement): Promise<PlanNode> {
  const literals = values.map((value) =>
    value === null ? 'null' : pg.escapeLiteral(value instanceof Date ? value.toISOString() : `${value}`),
  );
  const call = literals.length === 0 ? 'explained' : `explained(${literals.join(', ')})`;
  await client.query(`prepare explained as ${text}`);
  try {
    const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
      `explain (analyze, buffers, format json) execute ${call}`,
    );
    const [row] = rows;
    if (row === undefined) throw new Error('EXPLAIN gave no plan');
    return row['QUERY PLAN'][0].Plan;
  } finally {
    await client.query('deallocate explained');
  }
}

/** The nodes of a plan, outermost first. */
export function nodesOf(plan: PlanNode): PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
}

export function indexesOf(plan: PlanNode): string[] {
  return nodesOf(plan).flatMap((node) => node['Index Name'] ?? []);
}

/** Tables that were read from end to end. */
export function fullyReadTables(plan: PlanNode): string[] {
  return nodesOf(plan)
    .filter((node) => node['Node Type'] === 'Seq Scan')
    .flatMap((node) => node['Relation Name'] ?? []);
}

/** Pages of shared memory that were looked at, in the cache or not. */
export function buffersOf(plan: PlanNode): number {
  return plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
}

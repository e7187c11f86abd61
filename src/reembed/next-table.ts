import type { DedicatedScope } from '../database/dedicated-connection.js';
import { storeError } from '../errors.js';
import { indexesToCopy } from './indexes.js';
import { inTransaction, withSchemaLock } from './lock.js';
import { startMirror } from './mirror.js';
import type { ReembedRun } from './run-settings.js';
import { sharedColumns } from './shared-columns.js';
import { type ReembedState, type Target, typeOf, writeState } from './state.js';
import { CURRENT, indexNameOn, NEXT, PENDING, quoted } from './table-names.js';

const MODEL_CHECK = 'chat_vectors_model_check';

/**
 * Creates the next table: as the one in use is at this moment, but for its embedding. All or nothing.
 *
 * A second table and not a second column: filling a column rewrites every row of 6 KB and enters it into the old
 * HNSW index again, and a generated code column cannot be added without rewriting the table under a lock.
 */
export async function createNextTable(
  run: ReembedRun,
  source: ReembedState['source'],
  target: Target,
): Promise<void> {
  await withSchemaLock(run, () =>
    inTransaction(run, 'create', async (scope) => {
      // In the order in which writes take them: parents first.
      await scope.query(`lock table chats, chat_messages, ${CURRENT} in share row exclusive mode`);
      await refuseAttachments(run.operation, scope);
      await createTable(scope, target);
      await copyConstraints(scope);
      for (const index of await indexesToCopy(scope, target)) {
        if (index.isCheap) await scope.query(index.statement('at once'));
      }
      await scope.query(`create table ${PENDING} (id uuid primary key)`);
      const owner = await copyRights(scope);
      await startMirror(scope, await sharedColumns(scope, CURRENT), owner);
      await writeState(scope, { phase: 'backfilling', source, target });
    }),
  );
  run.report({ type: 'table-created' });
}

async function createTable(scope: DedicatedScope, target: Target): Promise<void> {
  const [model] = await scope.query<{ literal: string }>('select quote_literal($1::text) as literal', [
    target.model,
  ]);
  await scope.query(`create table ${NEXT} (like ${CURRENT} including all excluding indexes)`);
  // The two after the embedding are made anew in their order: the code is generated from it.
  await scope.query(`alter table ${NEXT}
    drop constraint if exists ${MODEL_CHECK},
    drop column embedding_code,
    drop column model`);
  await scope.query(`alter table ${NEXT}
    alter column embedding type ${typeOf(target)},
    alter column embedding set storage main,
    add column embedding_code bit(${target.dimensions}) generated always as (binary_quantize(embedding)) stored,
    add column model text,
    add constraint ${MODEL_CHECK} check (model is not distinct from ${model?.literal})`);
}

/** Primary key, unique and foreign keys, which LIKE leaves out. The server names those with an index once in a schema. */
async function copyConstraints(scope: DedicatedScope): Promise<void> {
  const constraints = await scope.query<{ name: string; definition: string; isForeign: boolean }>(
    `select conname as name, pg_get_constraintdef(oid) as definition, contype = 'f' as "isForeign"
     from pg_constraint where conrelid = $1::regclass and contype in ('p', 'u', 'f') order by contype desc, conname`,
    [CURRENT],
  );
  for (const { name, definition, isForeign } of constraints) {
    const nextName = isForeign ? name : indexNameOn(NEXT, name);
    await scope.query(`alter table ${NEXT} add constraint ${quoted(nextName)} ${definition}`);
  }
}

/** The owner of the table in use, and what others may do with it. */
async function copyRights(scope: DedicatedScope): Promise<string> {
  const [table] = await scope.query<{ owner: string }>(
    'select quote_ident(pg_get_userbyid(relowner)) as owner from pg_class where oid = $1::regclass',
    [CURRENT],
  );
  const owner = table?.owner ?? 'current_user';
  for (const created of [NEXT, PENDING]) await scope.query(`alter table ${created} owner to ${owner}`);
  const grants = await scope.query<{ grant: string }>(
    `select format('grant %s on ${NEXT} to %s%s', privilege_type,
       case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end,
       case when is_grantable then ' with grant option' else '' end) as "grant"
     from pg_class c, aclexplode(c.relacl) where c.oid = $1::regclass and grantee <> c.relowner`,
    [CURRENT],
  );
  for (const { grant } of grants) await scope.query(grant);
  return owner;
}

/** What hangs on the table itself would go away with it in silence. */
async function refuseAttachments(operation: string, scope: DedicatedScope): Promise<void> {
  const rows = await scope.query<{ what: string }>(
    `with own as (select $1::regclass::oid as oid)
     select 'trigger ' || tgname as what from pg_trigger, own where tgrelid = own.oid and not tgisinternal
     union all select 'policy ' || polname from pg_policy, own where polrelid = own.oid
     union all select 'row level security' from pg_class c, own where c.oid = own.oid and relrowsecurity
     union all select 'foreign key ' || conname from pg_constraint, own where confrelid = own.oid
     union all select distinct 'view ' || ev_class::regclass
       from own, pg_depend d join pg_rewrite r on r.oid = d.objid
       where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = own.oid
     order by 1`,
    [CURRENT],
  );
  if (rows.length === 0) return;
  const message = `the table ${CURRENT} would lose its ${rows.map(({ what }) => what).join(', ')}; take that away first, and create it again after`;
  throw storeError('reembed-refused', operation, message, { reason: 'table-extended' });
}

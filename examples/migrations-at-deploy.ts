// What a deployment does: show the plan, then migrate, from every replica at once.
//
//   DATABASE_URL=postgresql://… npx tsx examples/migrations-at-deploy.ts
import { migrate, plan } from '@macro-ai/store/migrations';

const url = process.env['DATABASE_URL'];
if (!url) {
  console.error('Set DATABASE_URL to a PostgreSQL database with pgvector that this example may change.');
  process.exit(2);
}

// Changes nothing: what would run, and what each statement would lock meanwhile.
const planned = await plan({ url });
if (planned.isErr()) {
  console.error(`${planned.error.kind}: ${planned.error.message}`);
  process.exit(1);
}
for (const { id, statements } of planned.value.pending) {
  const blocking = statements.filter(({ lock }) => lock.blocks !== 'nothing').length;
  console.log(`pending ${id}: ${statements.length} statements, ${blocking} that lock others out`);
}

// Four replicas start at once: one migrates, the others wait for it and find nothing to do.
const replicas = await Promise.all(
  [1, 2, 3, 4].map((replica) =>
    migrate({
      url,
      onProgress(event) {
        if (event.type === 'done')
          console.log(`replica ${replica}: ${event.migrationId}, ${event.durationMs} ms`);
      },
    }),
  ),
);
for (const result of replicas) if (result.isErr()) throw result.error;
const applied = replicas.flatMap((result) => (result.isOk() ? result.value.applied : []));
console.log(`applied ${applied.length}, each once: ${new Set(applied).size === applied.length}`);

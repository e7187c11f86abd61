import { ResultAsync } from 'neverthrow';
import { expect, test } from 'vitest';
import type { Executor } from '../../../src/database/executor.js';
import { createReadiness } from '../../../src/metrics/readiness.js';

/** An executor whose reads are answered when told, and counted. */
function silentExecutor() {
  const answers: ((rows: object[]) => void)[] = [];
  const executor = {
    read: () => ResultAsync.fromSafePromise(new Promise<object[]>((resolve) => void answers.push(resolve))),
  } as unknown as Executor;
  return { executor, answers };
}

const readinessOf = (executor: Executor) =>
  createReadiness({ executor, pool: null, redis: null, clock: Date.now });

test('a check of a short deadline does not wait for one of a long deadline that runs', async () => {
  const { executor, answers } = silentExecutor();
  const health = readinessOf(executor);
  const patient = health({ deadlineMs: 60_000 });
  expect(await health({ deadlineMs: 20 })).toMatchObject({
    status: 'unavailable',
    database: { state: 'down', reason: 'deadline' },
  });
  answers[0]?.([{}]);
  expect(await patient).toMatchObject({ status: 'ready' });
});

test('checks of one deadline share a trip while it lasts', async () => {
  const { executor, answers } = silentExecutor();
  const health = readinessOf(executor);
  const together = [health(), health(), health({ deadlineMs: 1_000 })];
  expect(answers).toHaveLength(1);
  answers[0]?.([{}]);
  await Promise.all(together);
  const later = health();
  expect(answers).toHaveLength(2);
  answers[1]?.([{}]);
  await later;
});

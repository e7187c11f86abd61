import { expect, test } from 'vitest';
import { startSchedule } from '../../../src/backup/backup-schedule.js';

test('a turn is due at the time of its expression, however late its timer came', async () => {
  let isDue: (dueAt: Date) => void = () => undefined;
  const firstDue = new Promise<Date>((resolve) => {
    isDue = resolve;
  });
  const schedule = startSchedule({ cron: '* * * * * *', onResult: () => undefined }, async (dueAt) => {
    isDue(dueAt);
    return { type: 'skipped' };
  })._unsafeUnwrap();
  const at = schedule.nextRunAt?.getTime() ?? Number.NaN;
  // Holds the timers of this process up until after the time.
  while (Date.now() < at + 50) {}
  const due = await firstDue;
  await schedule.stop();
  expect(due.getMilliseconds()).toBe(0);
  expect(due.getTime()).toBeLessThanOrEqual(Date.now() - 50);
});

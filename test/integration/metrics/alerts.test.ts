import { describe, expect, inject, it } from 'vitest';
import { createMacroStore } from '../../../src/create-macro-store.js';
import { until } from '../../support/until.js';

const open = (alerts: string[]) =>
  createMacroStore({
    database: { url: inject('postgresUrl'), max: 4, min: 0 },
    alerts: {
      windowSeconds: 1,
      evaluateEverySeconds: 0.05,
      evaluationsInARow: 2,
      onAlert: ({ target, change }) => alerts.push(`${target} ${change}`),
    },
  });

describe('alerts of a store', () => {
  it('fire once and recover once for slow statements that take every connection', async () => {
    const alerts: string[] = [];
    await using store = open(alerts);
    let isOver = false;
    const load = Array.from({ length: 4 }, async () => {
      while (!isOver) await store.db.execute('select pg_sleep(0.12)');
    });
    await until('both have fired', () => alerts.length === 2);
    expect(store.metrics.targets()).toMatchObject([
      { name: 'queryP95Ms', state: 'breached' },
      { name: 'searchP95Ms', state: 'no-data' },
      { name: 'cacheHitRatio', state: 'no-data' },
      { name: 'poolUse', state: 'breached' },
      { name: 'backupAgeHours', state: 'no-data' },
    ]);
    isOver = true;
    await Promise.all(load);
    await until('both have recovered', async () => {
      await store.db.execute('select 1');
      return alerts.length === 4;
    });
    expect(alerts.toSorted()).toEqual([
      'poolUse fired',
      'poolUse recovered',
      'queryP95Ms fired',
      'queryP95Ms recovered',
    ]);
  });

  it('are evaluated no more once the store is closed', async () => {
    const openFor = (alerts: string[]) =>
      createMacroStore({
        database: { url: inject('postgresUrl'), max: 4, min: 0 },
        alerts: {
          evaluateEverySeconds: 0.05,
          evaluationsInARow: 10,
          backups: () => ({ lastSuccessAt: null, lastFailure: null }),
          onAlert: ({ target, change }) => alerts.push(`${target} ${change}`),
        },
      });
    const ofClosed: string[] = [];
    const ofOpen: string[] = [];
    const closed = openFor(ofClosed);
    await closed.close();
    await using _open = openFor(ofOpen);
    await until('the one that is open has fired', () => ofOpen.length > 0);
    expect([ofOpen, ofClosed]).toEqual([['backupAgeHours fired'], []]);
  });
});

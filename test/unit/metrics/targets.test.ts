import { fileURLToPath } from 'node:url';
import { err, ok, ResultAsync } from 'neverthrow';
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { Backups } from '../../../src/backup/backups.js';
import { createBackups } from '../../../src/backup/create-backups.js';
import { directoryDestination } from '../../../src/backup/directory-destination.js';
import type { CacheStats } from '../../../src/cache/cache-stats.js';
import {
  ALERT_DEFAULTS,
  type Alert,
  type AlertsConfig,
  type BackupStatus,
} from '../../../src/config/alert-config.js';
import { Targets } from '../../../src/metrics/targets.js';
import type { OperationEnd, StoreEvent } from '../../../src/telemetry.js';

const HOUR = 3_600_000;
const STEP = 15_000;

function setUp(onThrow = false) {
  let now = 1_700_000_000_000;
  const alerts: Alert[] = [];
  const events: StoreEvent[] = [];
  const pool = { total: 10, idle: 10, max: 10, min: 0, waiting: 0, returnedAtMs: null };
  const cache = { memoryHits: 0, redisHits: 0, misses: 0 };
  let backups: BackupStatus = { lastSuccessAt: new Date(now), lastFailure: null };
  const targets = new Targets({
    settings: {
      ...ALERT_DEFAULTS,
      onAlert: (alert) => {
        alerts.push(alert);
        if (onThrow) throw new Error('of the application');
      },
      backups: () => backups,
    },
    isWatched: true,
    event: (event) => events.push(event),
    clock: () => now,
  });
  targets.start({ pool: () => pool, cache: () => cache as CacheStats });
  targets.close();
  const end = (operation: string, durationMs: number) =>
    targets.observer.operationEnded(
      { system: 'postgresql', operation, durationMs } as OperationEnd,
      undefined,
    );
  /** Runs so many evaluations, each after the load. */
  const evaluations = (count: number, load: () => void) => {
    for (let turn = 0; turn < count; turn += 1) {
      now += STEP;
      load();
      targets.evaluate();
    }
  };
  const setBackups = (change: (at: number) => BackupStatus) => {
    backups = change(now);
  };
  return { targets, alerts, events, pool, cache, end, evaluations, setBackups };
}

const times = (count: number, work: () => void) => {
  for (let index = 0; index < count; index += 1) work();
};

type Made = ReturnType<typeof setUp>;
const LOADS: Record<string, { bad(made: Made): void; good(made: Made): void }> = {
  queryP95Ms: {
    bad: ({ end }) => times(20, () => end('users.findById', 150)),
    good: ({ end }) => times(20, () => end('users.findById', 2)),
  },
  searchP95Ms: {
    bad: ({ end }) => times(20, () => end('vectorSearch.search', 800)),
    good: ({ end }) => times(20, () => end('vectorSearch.search', 5)),
  },
  cacheHitRatio: {
    bad: ({ cache }) => {
      cache.misses += 50;
    },
    good: ({ cache }) => {
      cache.memoryHits += 100;
    },
  },
  poolUse: {
    bad: ({ pool }) => {
      pool.idle = 1;
    },
    good: ({ pool }) => {
      pool.idle = 8;
    },
  },
  backupAgeHours: {
    bad: ({ setBackups }) =>
      setBackups((now) => ({ lastSuccessAt: new Date(now - 27 * HOUR), lastFailure: null })),
    good: ({ setBackups }) => setBackups((now) => ({ lastSuccessAt: new Date(now), lastFailure: null })),
  },
};

describe('targets', () => {
  it.each(Object.keys(LOADS))('fires once and recovers once when a load breaks %s', (name) => {
    const made = setUp();
    const load = LOADS[name];
    if (load === undefined) throw new Error(name);
    made.evaluations(40, () => load.good(made));
    expect(made.alerts).toEqual([]);
    made.evaluations(40, () => load.bad(made));
    expect(made.targets.list().find((target) => target.name === name)?.state).toBe('breached');
    made.evaluations(80, () => load.good(made));
    expect(made.alerts.map(({ target, change }) => [target, change])).toEqual([
      [name, 'fired'],
      [name, 'recovered'],
    ]);
    expect(made.events.map(({ type }) => type)).toEqual(['alert.fired', 'alert.recovered']);
    expect(made.targets.list().find((target) => target.name === name)?.state).toBe('ok');
  });

  it('fires when the last backup failed, however young the one before is', () => {
    const made = setUp();
    made.setBackups((now) => ({ lastSuccessAt: new Date(now), lastFailure: { error: 'any' } }));
    made.evaluations(3, () => undefined);
    expect(made.alerts).toMatchObject([{ target: 'backupAgeHours', change: 'fired' }]);
  });

  it('is not hurt by a callback that throws', () => {
    const made = setUp(true);
    made.pool.idle = 0;
    made.evaluations(3, () => undefined);
    expect(made.events.map(({ type }) => type)).toEqual(['alert.fired', 'alert.callback-threw']);
  });

  it('has no data of what did not happen', () => {
    const { targets } = setUp();
    const states = targets.list().map(({ name, state, limit }) => [name, state, limit]);
    expect(states).toEqual([
      ['queryP95Ms', 'no-data', 100],
      ['searchP95Ms', 'no-data', 500],
      ['cacheHitRatio', 'no-data', 0.9],
      ['poolUse', 'ok', 0.8],
      ['backupAgeHours', 'ok', 26],
    ]);
  });
});

describe('the status of backups', () => {
  it('is that of the backups of a store, asked for once a minute; what fails leaves the one before', async () => {
    let now = 1_700_000_000_000;
    const answers = [ok({ lastSuccessAt: new Date(now - 2 * HOUR), lastFailure: null }), err('out of reach')];
    let asked = 0;
    const source: AlertsConfig['backups'] = () => {
      const answer = answers[asked] ?? err('asked too often');
      asked += 1;
      return new ResultAsync(Promise.resolve(answer));
    };
    // What the room of backups gives fits.
    expectTypeOf<() => ReturnType<Backups['status']>>().toExtend<NonNullable<AlertsConfig['backups']>>();
    const targets = new Targets({
      settings: { ...ALERT_DEFAULTS, backups: source },
      isWatched: true,
      event: () => undefined,
      clock: () => now,
    });
    const backupAge = () => targets.list().find(({ name }) => name === 'backupAgeHours');
    expect(backupAge()).toMatchObject({ value: null, state: 'no-data' });
    await new Promise((resolve) => setImmediate(resolve));
    expect(backupAge()).toMatchObject({ value: 2, state: 'ok' });
    expect(asked).toBe(1);
    now += HOUR;
    backupAge();
    await new Promise((resolve) => setImmediate(resolve));
    expect(backupAge()).toMatchObject({ value: 3, state: 'ok' });
    expect(asked).toBe(2);
    // A clock that is set back does not end it.
    now -= 24 * HOUR;
    backupAge();
    expect(asked).toBe(3);
  });
  const sources: Record<string, () => NonNullable<AlertsConfig['backups']>> = {
    'of a destination that cannot be read': () => {
      // A file, where a directory should be.
      const destination = directoryDestination(fileURLToPath(import.meta.url));
      const backups = createBackups({ database: { url: 'postgresql://localhost/chat' }, destination });
      return () => backups.status();
    },
    'that is never answered': () => () => new ResultAsync(new Promise<never>(() => undefined)),
    'whose question throws': () => () => {
      throw new Error('of the application');
    },
  };

  it.each(Object.entries(sources))(
    '%s from the start on fires, and recovers with an answer',
    async (_name, open) => {
      let now = 1_700_000_000_000;
      let backups = open();
      const alerts: Alert[] = [];
      const targets = new Targets({
        settings: { ...ALERT_DEFAULTS, backups: () => backups(), onAlert: (alert) => alerts.push(alert) },
        isWatched: true,
        event: () => undefined,
        clock: () => now,
      });
      const evaluateFor = async (durationMs: number) => {
        for (const end = now + durationMs; now < end; now += STEP) {
          targets.evaluate();
          await new Promise((resolve) => setTimeout(resolve, 2)); // the answer, from the disk
        }
      };
      const state = () => targets.list().find(({ name }) => name === 'backupAgeHours')?.state;
      await evaluateFor(4 * 60_000);
      expect([state(), alerts]).toEqual(['no-data', []]);
      await evaluateFor(3 * 60_000);
      expect(state()).toBe('breached');
      expect(alerts).toMatchObject([{ target: 'backupAgeHours', change: 'fired', value: null, limit: 26 }]);
      backups = () => ({ lastSuccessAt: new Date(now), lastFailure: null });
      await evaluateFor(3 * 60_000);
      expect([state(), alerts.map(({ change }) => change)]).toEqual(['ok', ['fired', 'recovered']]);
    },
  );

  it('is not missed where nobody configured one', () => {
    let now = 1_700_000_000_000;
    const targets = new Targets({
      settings: ALERT_DEFAULTS,
      isWatched: false,
      event: () => undefined,
      clock: () => now,
    });
    const state = () => targets.list().find(({ name }) => name === 'backupAgeHours')?.state;
    expect(state()).toBe('no-data');
    now += 1_000 * HOUR;
    expect(state()).toBe('no-data');
  });

  it('of the application are kept as the others are: each fires once and recovers once', () => {
    let now = 1_700_000_000_000;
    let waiting: number | null = null;
    let replicas: number | null = null;
    const alerts: Alert[] = [];
    const events: StoreEvent[] = [];
    const targets = new Targets({
      settings: {
        ...ALERT_DEFAULTS,
        onAlert: (alert) => void alerts.push(alert),
        own: {
          'jobs.waiting': { value: () => waiting, below: 100 },
          replicas: { value: () => replicas, above: 1 },
          broken: {
            value: () => {
              throw new Error('of the application');
            },
            below: 1,
          },
        },
      },
      isWatched: true,
      event: (event) => events.push(event),
      clock: () => now,
    });
    const evaluate = (times: number) => {
      for (let turn = 0; turn < times; turn += 1) {
        now += STEP;
        targets.evaluate();
      }
    };
    const stateOf = (wanted: string) => targets.list().find(({ name }) => name === wanted);

    evaluate(3);
    expect(alerts).toEqual([]);
    expect(stateOf('jobs.waiting')).toEqual({
      name: 'jobs.waiting',
      value: null,
      limit: 100,
      state: 'no-data',
    });
    waiting = 100;
    replicas = 1;
    evaluate(10);
    waiting = 99.9;
    replicas = Number.NaN;
    evaluate(10);
    replicas = 2;
    evaluate(10);
    expect(alerts.map(({ target, change, value, limit }) => [target, change, value, limit])).toEqual([
      ['jobs.waiting', 'fired', 100, 100],
      ['replicas', 'fired', 1, 1],
      ['jobs.waiting', 'recovered', 99.9, 100],
      ['replicas', 'recovered', 2, 1],
    ]);
    expect(stateOf('replicas')).toEqual({ name: 'replicas', value: 2, limit: 1, state: 'ok' });
    expect(stateOf('broken')?.state).toBe('no-data');
    expect(events).toContainEqual({ type: 'alert.callback-threw', target: 'broken' });
  });
});

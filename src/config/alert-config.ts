import type { ResultAsync } from 'neverthrow';
import { z } from 'zod';
import { objectOf } from './checks.js';

/** What is to be kept; `false` takes a target out. */
export interface AlertTargets {
  /** 95th percentile of statements that are not searches, in ms; to stay below. Default 100. */
  readonly queryP95Ms?: number | false;
  /** 95th percentile of the statements of searches, in ms; to stay below. Default 500. */
  readonly searchP95Ms?: number | false;
  /** Share of the cache's reads that are hits, 0–1; to stay above. Default 0.9. */
  readonly cacheHitRatio?: number | false;
  /** Connections in use, of `database.max`, 0–1; to stay below. Default 0.8. */
  readonly poolUse?: number | false;
  /** Hours since the last good backup; not to be exceeded, and the last one must not have failed. Default 26. */
  readonly backupAgeHours?: number | false;
}

export type TargetName = keyof AlertTargets;

/** A target of the application's own: a value to stay below a limit, or above it. */
export type OwnTarget = {
  /**
   * Asked at each evaluation, and by `metrics.targets()`; gives what it knows at once. `null`: not enough to go by, which
   * is neither good nor bad; what it throws is logged and counts as that.
   */
  readonly value: () => number | null;
} & ({ readonly below: number } | { readonly above: number });

/** What the `status()` of backups gives. */
export interface BackupStatus {
  readonly lastSuccessAt: Date | null;
  /** Of the last try, if it failed. */
  readonly lastFailure: object | null;
}

export type BackupsSource = () => BackupStatus | ResultAsync<BackupStatus, unknown>;

export interface Alert {
  /** A {@link TargetName}, or the name of one of your own. */
  readonly target: string;
  readonly change: 'fired' | 'recovered';
  /** In the unit of the target; `null` where no backup was ever made, or nobody can tell. */
  readonly value: number | null;
  readonly limit: number;
  readonly at: Date;
}

/** Watches the targets; without this section they are shown by `metrics.targets()`, and nothing is evaluated. */
export interface AlertsConfig {
  readonly targets?: AlertTargets;
  /** Targets of your own by their names: 1–64 letters, digits, `_`, `.` and `-`, and none of those above. */
  readonly own?: Readonly<Record<string, OwnTarget>>;
  /** Called once when a target is breached and once when it is kept again; what it throws is only logged. */
  readonly onAlert?: (alert: Alert) => void;
  /** How far back latencies and hits of the cache count. Default 300. */
  readonly windowSeconds?: number;
  /** Default 15. */
  readonly evaluateEverySeconds?: number;
  /** Evaluations in a row that fire or recover an alert, 1–100. Default 3. */
  readonly evaluationsInARow?: number;
  /**
   * E.g. `() => backups.status()`, which reads the destination: what comes later is asked for once a minute, and what fails
   * leaves the answer before, which ages. Where no answer was had in five minutes, the target is breached. Without
   * this function, nothing is known of backups.
   */
  readonly backups?: BackupsSource;
}

export const ALERT_DEFAULTS = {
  targets: { queryP95Ms: 100, searchP95Ms: 500, cacheHitRatio: 0.9, poolUse: 0.8, backupAgeHours: 26 },
  own: {},
  windowSeconds: 300,
  evaluateEverySeconds: 15,
  evaluationsInARow: 3,
} as const;

export interface ResolvedAlerts extends Omit<AlertsConfig, 'targets'> {
  readonly targets: Required<AlertTargets>;
  readonly own: Readonly<Record<string, OwnTarget>>;
  readonly windowSeconds: number;
  readonly evaluateEverySeconds: number;
  readonly evaluationsInARow: number;
}

const functionOf = <T>() => objectOf<T>('must be a function', (value) => typeof value === 'function');
const orFalse = (limit: z.ZodNumber, fallback: number) =>
  z.union([z.literal(false), limit], { error: 'must be false or a number in its range' }).default(fallback);
const positive = z.number().positive();
const share = z.number().min(0).max(1);
const seconds = z.number().min(0.01).max(86_400);
const { targets: limits } = ALERT_DEFAULTS;

const targets = z.strictObject({
  queryP95Ms: orFalse(positive, limits.queryP95Ms),
  searchP95Ms: orFalse(positive, limits.searchP95Ms),
  cacheHitRatio: orFalse(share, limits.cacheHitRatio),
  poolUse: orFalse(share, limits.poolUse),
  backupAgeHours: orFalse(positive, limits.backupAgeHours),
});

const OWN_NAME = /^[\w.-]{1,64}$/;
const value = functionOf<OwnTarget['value']>();
const limit = z.number();
const own = z.record(
  z.string().refine((name) => OWN_NAME.test(name) && !(name in limits), {
    error: 'must be 1 to 64 letters, digits, "_", "." or "-", and no name of alerts.targets',
  }),
  z.union([z.strictObject({ value, below: limit }), z.strictObject({ value, above: limit })], {
    error: 'must be { value, below } or { value, above }, of a function and a number',
  }),
);

export const alerts: z.ZodType<ResolvedAlerts> = z.strictObject({
  targets: targets.default(limits),
  own: own.default(ALERT_DEFAULTS.own),
  onAlert: functionOf<(alert: Alert) => void>().exactOptional(),
  windowSeconds: seconds.default(ALERT_DEFAULTS.windowSeconds),
  evaluateEverySeconds: seconds.default(ALERT_DEFAULTS.evaluateEverySeconds),
  evaluationsInARow: z.int().min(1).max(100).default(ALERT_DEFAULTS.evaluationsInARow),
  backups: functionOf<BackupsSource>().exactOptional(),
});

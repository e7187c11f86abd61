import type { CacheStats } from '../cache/cache-stats.js';
import type { Alert, BackupStatus, OwnTarget, ResolvedAlerts, TargetName } from '../config/alert-config.js';
import type { PoolState } from '../database/managed-pool.js';
import type { Observer, StoreEvent } from '../telemetry.js';
import { Alarm } from './alarm.js';
import { LatencyWindow } from './latency-window.js';
import { RatioWindow } from './ratio-window.js';

export interface TargetStanding {
  /** A {@link TargetName}, or the name of one of `alerts.own`. */
  readonly name: string;
  /** In the unit of the target; `null` without enough to go by. */
  readonly value: number | null;
  readonly limit: number;
  /** With `alerts` in the configuration, `breached` from when it fires to when it recovers; else, by the value alone. */
  readonly state: 'ok' | 'breached' | 'no-data';
}

export interface TargetParts {
  readonly settings: ResolvedAlerts;
  /** `false`: nobody evaluates, and values are judged as they are read. */
  readonly isWatched: boolean;
  readonly event: (event: StoreEvent) => void;
  readonly clock: () => number;
}

export interface TargetSources {
  readonly pool: (() => PoolState) | null;
  readonly cache: () => CacheStats;
}

interface Reading {
  readonly value: number | null;
  /** `null`: no data. */
  readonly isBreached: boolean | null;
}

/** A target that is to be kept, by whatever is read for it. */
interface Kept {
  readonly name: string;
  readonly limit: number;
  readonly alarm: Alarm;
  readonly read: () => Reading;
}

/** Fewer say nothing of the slowest twentieth, or of a share. */
const MIN_SAMPLES = 20;
const MS_PER_HOUR = 3_600_000;
/** The destination of backups may be far away. */
const ASK_BACKUPS_EVERY_MS = 60_000;
/** A status that was never had for so long is no blip of the beginning: whether there are backups, nobody knows. */
const BACKUPS_OVERDUE_MS = 5 * 60_000;
const NO_DATA: Reading = { value: null, isBreached: null };

/** Holds what was measured against the targets. */
export class Targets {
  readonly #queries: LatencyWindow;
  readonly #searches: LatencyWindow;
  readonly #cacheReads: RatioWindow;
  readonly #kept: readonly Kept[];
  #sources: TargetSources | null = null;
  #timer: NodeJS.Timeout | undefined;
  #backups: BackupStatus | null = null;
  #askedBackupsAtMs = Number.NEGATIVE_INFINITY;
  #firstAskedBackupsAtMs: number | null = null;

  constructor(private readonly parts: TargetParts) {
    const { settings, clock } = parts;
    const windowMs = settings.windowSeconds * 1_000;
    this.#queries = new LatencyWindow(windowMs, clock);
    this.#searches = new LatencyWindow(windowMs, clock);
    this.#cacheReads = new RatioWindow(windowMs, clock);
    const keep = (name: string, limit: number, read: () => Reading): Kept => {
      return { name, limit, read, alarm: new Alarm(settings.evaluationsInARow) };
    };
    const given = Object.entries(settings.targets) as [TargetName, number | false][];
    this.#kept = [
      ...given.flatMap(([name, limit]) =>
        limit === false ? [] : keep(name, limit, () => this.#read(name, limit)),
      ),
      ...Object.entries(settings.own).map(([name, target]) =>
        keep(name, 'below' in target ? target.below : target.above, () => this.#readOwn(name, target)),
      ),
    ];
  }

  readonly observer: Pick<Observer, 'operationEnded'> = {
    operationEnded: ({ system, operation, durationMs }) => {
      if (system !== 'postgresql') return;
      (operation.startsWith('vectorSearch.') ? this.#searches : this.#queries).record(durationMs);
    },
  };

  /** From now on there is something to read; evaluates until {@link close}, if watched. */
  start(sources: TargetSources): void {
    this.#sources = sources;
    if (!this.parts.isWatched) return;
    const everyMs = this.parts.settings.evaluateEverySeconds * 1_000;
    this.#timer = setInterval(() => this.evaluate(), everyMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  list(): readonly TargetStanding[] {
    return this.#kept.map(({ name, limit, alarm, read }) => {
      const { value, isBreached } = read();
      const isBad = this.parts.isWatched ? alarm.isFiring : isBreached === true;
      const state = isBad ? 'breached' : isBreached === null ? 'no-data' : 'ok';
      return { name, value, limit, state };
    });
  }

  evaluate(): void {
    for (const { name: target, limit, alarm, read } of this.#kept) {
      const { value, isBreached } = read();
      const change = alarm.note(isBreached);
      if (change !== null) this.#tell({ target, change, value, limit, at: new Date(this.parts.clock()) });
    }
  }

  #tell(alert: Alert): void {
    const { target, change, value, limit } = alert;
    this.parts.event({ type: `alert.${change}`, target, value, limit });
    try {
      this.parts.settings.onAlert?.(alert);
    } catch {
      this.parts.event({ type: 'alert.callback-threw', target });
    }
  }

  #read(name: TargetName, limit: number): Reading {
    switch (name) {
      case 'queryP95Ms':
        return below(this.#queries.percentile(0.95, MIN_SAMPLES), limit);
      case 'searchP95Ms':
        return below(this.#searches.percentile(0.95, MIN_SAMPLES), limit);
      case 'cacheHitRatio':
        return this.#cacheHits(limit);
      case 'poolUse':
        return this.#poolUse(limit);
      case 'backupAgeHours':
        return this.#backupAge(limit);
    }
  }

  #readOwn(name: string, target: OwnTarget): Reading {
    let value: number | null = null;
    try {
      value = target.value();
    } catch {
      this.parts.event({ type: 'alert.callback-threw', target: name });
    }
    if (value === null || Number.isNaN(value)) return NO_DATA;
    return 'below' in target ? below(value, target.below) : { value, isBreached: value <= target.above };
  }

  #cacheHits(limit: number): Reading {
    const stats = this.#sources?.cache();
    if (stats === undefined) return NO_DATA;
    const hits = stats.memoryHits + stats.redisHits;
    const value = this.#cacheReads.next(hits, hits + stats.misses, MIN_SAMPLES);
    return { value, isBreached: value === null ? null : value <= limit };
  }

  #poolUse(limit: number): Reading {
    const state = this.#sources?.pool?.();
    return state === undefined ? NO_DATA : below((state.total - state.idle) / state.max, limit);
  }

  #backupAge(limit: number): Reading {
    this.#askBackups();
    const status = this.#backups;
    if (status === null) return this.#isBackupsOverdue() ? { value: null, isBreached: true } : NO_DATA;
    const { lastSuccessAt, lastFailure } = status;
    const value = lastSuccessAt && (this.parts.clock() - lastSuccessAt.getTime()) / MS_PER_HOUR;
    return { value, isBreached: value === null || value > limit || lastFailure !== null };
  }

  #isBackupsOverdue(): boolean {
    const since = this.#firstAskedBackupsAtMs;
    return since !== null && Math.abs(this.parts.clock() - since) >= BACKUPS_OVERDUE_MS;
  }

  #askBackups(): void {
    const { settings, clock } = this.parts;
    const now = clock();
    if (settings.backups === undefined || Math.abs(now - this.#askedBackupsAtMs) < ASK_BACKUPS_EVERY_MS)
      return;
    this.#firstAskedBackupsAtMs ??= now;
    const failed = () => this.parts.event({ type: 'alert.callback-threw', target: 'backupAgeHours' });
    try {
      const answer = settings.backups();
      if ('then' in answer) {
        this.#askedBackupsAtMs = now;
        answer.then((result) => {
          if (result.isOk()) this.#backups = result.value;
        }, failed);
      } else this.#backups = answer;
    } catch {
      failed();
    }
  }
}

function below(value: number | null, limit: number): Reading {
  return { value, isBreached: value === null ? null : value >= limit };
}

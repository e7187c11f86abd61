import type { Telemetry } from '../telemetry.js';
import type { NearestSearch } from './nearest-search.js';
import { recallOf } from './recall.js';
import { exactly } from './recall-probe.js';
import type { RecallTuning } from './recall-tuning.js';
import type { CheckedSearch } from './search-input.js';
import type { FoundRows } from './search-runner.js';
import type { HitRow } from './search-statement.js';

export interface SamplerParts {
  readonly nearest: NearestSearch;
  readonly tuning: RecallTuning;
  readonly telemetry: Telemetry;
  /** Share of searches that are compared, 0–1. */
  readonly rate: number;
}

/** Compares some live searches with their exact answers, in the background and one at a time. */
export class RecallSampler {
  private isBusy = false;

  constructor(private readonly parts: SamplerParts) {}

  /** Called with every answer; returns at once. */
  offer(search: CheckedSearch, found: FoundRows<HitRow>): void {
    const { rate } = this.parts;
    const { strategy } = found.choice;
    if (strategy === 'exact' || this.isBusy || Math.random() >= rate) return;
    this.isBusy = true;
    void this.compare(search, found, strategy).finally(() => {
      this.isBusy = false;
    });
  }

  private async compare(
    search: CheckedSearch,
    found: FoundRows<HitRow>,
    strategy: 'codes' | 'hnsw',
  ): Promise<void> {
    const { nearest, tuning, telemetry } = this.parts;
    // Without the caller's signal: the caller has its answer.
    const exact = await nearest.run({ ...exactly(search), options: {} });
    if (exact.isErr()) {
      telemetry.event({ type: 'search.recall-not-sampled', kind: exact.error.kind });
      return;
    }
    const distances = ({ rows }: FoundRows<HitRow>) => rows.map(({ distance }) => distance);
    const recall = recallOf(distances(found), distances(exact.value));
    tuning.record(strategy, recall);
    telemetry.event({
      type: 'search.recall-sampled',
      strategy,
      recall,
      scopeRows: found.scopeRows,
      effort: tuning.effort(strategy),
    });
  }
}

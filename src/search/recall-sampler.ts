import type { Telemetry } from '../telemetry.js';
import { recallOf } from './recall.js';
import { exactly } from './recall-probe.js';
import type { RecallTuning } from './recall-tuning.js';
import { isHit } from './search-answer.js';
import type { CheckedSearch } from './search-input.js';
import { type FoundRows, type SearchRunner, SINGLE } from './search-runner.js';

export interface SamplerParts {
  readonly runner: SearchRunner;
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
  offer(search: CheckedSearch, found: FoundRows): void {
    const { rate } = this.parts;
    const { strategy } = found.choice;
    if (strategy === 'exact' || this.isBusy || Math.random() >= rate) return;
    this.isBusy = true;
    void this.compare(search, found, strategy).finally(() => {
      this.isBusy = false;
    });
  }

  private async compare(search: CheckedSearch, found: FoundRows, strategy: 'codes' | 'hnsw'): Promise<void> {
    const { runner, tuning, telemetry } = this.parts;
    // Without the caller's signal: the caller has its answer.
    const exact = await runner.run({ ...exactly(search), options: {} }, SINGLE);
    if (exact.isErr()) {
      telemetry.event({ type: 'search.recall-not-sampled', kind: exact.error.kind });
      return;
    }
    const distances = ({ rows }: FoundRows) => rows.filter(isHit).map(({ distance }) => distance);
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

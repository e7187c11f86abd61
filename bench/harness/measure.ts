/** One way of doing an operation. */
export interface Candidate<Input> {
  readonly name: string;
  run(input: Input): Promise<unknown>;
  /** For a slow one: takes part in every n-th step only. Default 1. */
  readonly every?: number;
}

export interface Operation<Input> {
  readonly name: string;
  readonly candidates: readonly Candidate<Input>[];
  /** The same for all candidates of one step. */
  input(step: number): Input;
  /** Steps a round, of which each runs every candidate once. */
  readonly steps: number;
  /** Calls of each candidate before the first round. */
  readonly warmUp: number;
  /** Not timed; after every step. */
  afterStep?(step: number): Promise<void>;
}

/** The calls of one candidate in one round. */
export interface Samples {
  readonly milliseconds: number[];
  cpuMicroseconds: number;
}

export type Round = ReadonlyMap<string, Samples>;

export interface Measurement {
  readonly operation: string;
  readonly rounds: readonly Round[];
}

const ROUNDS = 3;

/**
 * Times an operation. All candidates run in one process against one server, call by call and in random
 * order, so that whatever else the machine does meets all of them alike.
 */
export async function measure<Input>(operation: Operation<Input>): Promise<Measurement> {
  let step = 0;
  for (; step < operation.warmUp; step += 1) {
    for (const candidate of operation.candidates) await candidate.run(operation.input(step));
    await operation.afterStep?.(step);
  }

  const rounds: Round[] = [];
  while (rounds.length < ROUNDS) {
    const round = new Map<string, Samples>();
    for (const { name } of operation.candidates) round.set(name, { milliseconds: [], cpuMicroseconds: 0 });
    for (let count = 0; count < operation.steps; count += 1, step += 1) {
      const input = operation.input(step);
      const takingPart = operation.candidates.filter(({ every = 1 }) => count % every === 0);
      for (const candidate of shuffled(takingPart)) await sample(candidate, input, round);
      await operation.afterStep?.(step);
    }
    rounds.push(round);
  }
  return { operation: operation.name, rounds };
}

async function sample<Input>(candidate: Candidate<Input>, input: Input, round: Round): Promise<void> {
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  await candidate.run(input);
  const milliseconds = performance.now() - started;
  const cpu = process.cpuUsage(cpuBefore);
  const samples = round.get(candidate.name);
  samples?.milliseconds.push(milliseconds);
  if (samples) samples.cpuMicroseconds += cpu.user + cpu.system;
}

export function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}

/** The value below which the given share of the samples is. */
export function percentile(milliseconds: readonly number[], share: number): number {
  const sorted = [...milliseconds].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

import { shuffled } from './measure.js';

/** Calls a second of each candidate, round by round. */
export interface Throughput {
  readonly operation: string;
  readonly clients: number;
  readonly rounds: readonly ReadonlyMap<string, number>[];
}

export interface Load<Input> {
  readonly name: string;
  readonly clients: number;
  /** What one block asks, the same for every candidate. */
  readonly inputs: readonly Input[];
  readonly candidates: readonly { readonly name: string; run(input: Input): Promise<unknown> }[];
}

const ROUNDS = 3;

/** One candidate after the other answers a block of calls by as many clients; in random order, three times. */
export async function measureThroughput<Input>(load: Load<Input>): Promise<Throughput> {
  const rounds: ReadonlyMap<string, number>[] = [];
  while (rounds.length < ROUNDS) {
    const round = new Map<string, number>();
    for (const { name, run } of shuffled(load.candidates)) {
      const waiting = [...load.inputs];
      const client = async () => {
        for (let input = waiting.pop(); input !== undefined; input = waiting.pop()) await run(input);
      };
      const started = performance.now();
      await Promise.all(Array.from({ length: load.clients }, client));
      round.set(name, (load.inputs.length * 1_000) / (performance.now() - started));
    }
    rounds.push(round);
  }
  return { operation: load.name, clients: load.clients, rounds };
}

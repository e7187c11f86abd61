/** A way of limiting. */
export interface Way {
  readonly name: string;
  /** Awaited. */
  run(call: number): unknown;
}

export interface Contest {
  readonly operation: string;
  readonly callsARound: number;
  /** Calls under way at a time. Default: 64. */
  readonly inFlight?: number;
  readonly ways: readonly Way[];
}

export interface Pace {
  readonly operation: string;
  readonly way: string;
  readonly callsASecond: number;
  /** Of this process, for one call. */
  readonly cpuMicros: number;
  /** Calls a second of each round. */
  readonly rounds: readonly number[];
}

const IN_FLIGHT = 64;
// Short and many: the two that are compared run within a fraction of a second.
const ROUNDS = 41;

/** Runs the ways in turns, round by round, so that whatever else the machine does meets all of them alike. */
export async function race({ operation, callsARound, inFlight = IN_FLIGHT, ways }: Contest): Promise<Pace[]> {
  const paces = ways.map((way) => ({ way, rounds: [] as number[], cpuMicros: 0 }));
  for (let round = -1; round < ROUNDS; round += 1) {
    for (const pace of round % 2 === 0 ? paces : [...paces].reverse()) {
      const cpuBefore = process.cpuUsage();
      const startedAt = performance.now();
      await callAll(pace.way, callsARound, inFlight);
      const seconds = (performance.now() - startedAt) / 1_000;
      const cpu = process.cpuUsage(cpuBefore);
      // The first round warms up.
      if (round < 0) continue;
      pace.rounds.push(callsARound / seconds);
      pace.cpuMicros += (cpu.user + cpu.system) / callsARound / ROUNDS;
    }
  }
  return paces.map(({ way, rounds, cpuMicros }) => ({
    operation,
    way: way.name,
    callsASecond: median(rounds),
    cpuMicros,
    rounds,
  }));
}

async function callAll(way: Way, calls: number, inFlight: number): Promise<void> {
  let call = 0;
  async function caller(): Promise<void> {
    while (call < calls) {
      call += 1;
      await way.run(call);
    }
  }
  await Promise.all(Array.from({ length: inFlight }, caller));
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

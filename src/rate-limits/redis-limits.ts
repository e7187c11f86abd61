import type { RedisLink } from '../redis/redis-link.js';
import { runScript, type ScriptArgument } from '../redis/redis-script.js';
import { ADJUST, CHARGE } from './limit-scripts.js';
import type { Charge, LimitStore } from './limit-store.js';
import type { Standing } from './trial.js';

const SPEND = 1;
const ASK = 0;

/** Counts in Redis, by its clock, for all processes together. One script a call, sent at most once. */
export class RedisLimits implements LimitStore {
  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  charge(charges: readonly Charge[], isDry: boolean): Promise<readonly Standing[] | null> {
    const places = charges.map(({ place }) => place);
    const scriptArguments: ScriptArgument[] = [isDry ? ASK : SPEND];
    for (const charge of charges) scriptArguments.push(...argumentsOf(charge));
    return this.#link
      .run((client, isOver) => runScript(client, CHARGE, places, scriptArguments, isOver))
      .then((reply) => (reply.kind === 'answer' ? standingsOf(reply.value as number[]) : null));
  }

  async adjust(charge: Charge): Promise<boolean> {
    const reply = await this.#link.run((client, isOver) =>
      runScript(client, ADJUST, [charge.place], argumentsOf(charge), isOver),
    );
    return reply.kind === 'answer';
  }

  async reset(place: string): Promise<boolean> {
    return (await this.#link.run((client) => client.del(place))).kind === 'answer';
  }
}

function argumentsOf({ rule, cost }: Charge): ScriptArgument[] {
  return [rule.algorithm, rule.spanMicros, rule.capacity, cost];
}

function standingsOf(reply: readonly number[]): Standing[] {
  const standings: Standing[] = [];
  for (let at = 0; at < reply.length; at += 3) {
    standings.push({
      retryMicros: reply[at] ?? 0,
      remaining: reply[at + 1] ?? 0,
      resetMicros: reply[at + 2] ?? 0,
    });
  }
  return standings;
}

import type { RedisLink } from '../redis/redis-link.js';
import { type RedisScript, runScript, type ScriptArgument } from '../redis/redis-script.js';
import { standingOfLevel } from './gcra.js';
import { ADJUST, CHARGE, SPEND_GCRA } from './limit-scripts.js';
import { type Charge, type LimitStore, placeOf } from './limit-store.js';
import type { Rule } from './rule.js';
import type { Standing } from './trial.js';

const SPEND = 1;
const ASK = 0;

/** Counts in Redis, by its clock, for all processes together. One script a call, sent at most once. */
export class RedisLimits implements LimitStore {
  readonly #link: RedisLink;
  readonly #keyPrefix: string;

  constructor({ link, keyPrefix }: { readonly link: RedisLink; readonly keyPrefix: string }) {
    this.#link = link;
    this.#keyPrefix = keyPrefix;
  }

  async charge(key: string, charges: readonly Charge[], isDry: boolean): Promise<readonly Standing[] | null> {
    const isOfGcra = !isDry && charges.every(({ rule }) => rule.algorithm === 'gcra');
    const reply = await this.#run(
      isDry ? 'rateLimiter.peek' : 'rateLimiter.charge',
      isOfGcra ? SPEND_GCRA : CHARGE,
      charges.map(({ rule }) => placeOf(this.#keyPrefix, key, rule)),
      isOfGcra ? charges.flatMap(gcraArguments) : [isDry ? ASK : SPEND, ...charges.flatMap(argumentsOf)],
    );
    if (reply.kind !== 'answer') return null;
    return isOfGcra
      ? standingsOfLevels(reply.value as number[], charges)
      : standingsOf(reply.value as number[]);
  }

  async adjust(key: string, charge: Charge): Promise<boolean> {
    const place = placeOf(this.#keyPrefix, key, charge.rule);
    return (await this.#run('rateLimiter.adjust', ADJUST, [place], argumentsOf(charge))).kind === 'answer';
  }

  async reset(key: string, rule: Rule): Promise<boolean> {
    const place = placeOf(this.#keyPrefix, key, rule);
    return (await this.#link.run((client) => client.del(place), 'rateLimiter.reset')).kind === 'answer';
  }

  #run(
    operation: string,
    script: RedisScript,
    places: readonly string[],
    scriptArguments: readonly ScriptArgument[],
  ) {
    return this.#link.run(
      (client, isOver) => runScript(client, script, places, scriptArguments, isOver),
      operation,
    );
  }
}

function argumentsOf({ rule, cost }: Charge): ScriptArgument[] {
  return [rule.algorithm, rule.spanMicros, rule.capacity, cost];
}

function gcraArguments({ rule, cost }: Charge): ScriptArgument[] {
  return [rule.capacity * rule.spanMicros, cost * rule.spanMicros];
}

function standingsOfLevels(reply: readonly number[], charges: readonly Charge[]): Standing[] {
  return charges.map(({ rule, cost }, index) => standingOfLevel(reply[index] ?? 0, rule, cost));
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

import { err, ok } from 'neverthrow';
import { type Asked, ask, waitForChange } from './asking.js';
import { failedElsewhere, isFailureNote } from './failure-note.js';
import type { GrantedLoads, Landings } from './granted-loads.js';
import type { Landing, LoadRequest } from './loading.js';
import { landed, type ReadThroughOptions } from './read-through.js';
import type { RedisTier } from './redis-tier.js';
import type { SingleFlight } from './single-flight.js';
import type { Look } from './stored-reader.js';
import type { TwoLevelStore } from './two-level-store.js';

export interface ReadThroughManyOptions extends ReadThroughOptions {
  /** Those of single keys: a key is loaded once, however it was asked for. */
  readonly flights: SingleFlight<Landing>;
}

/** What is still to be done for the keys of one turn. */
interface Turn {
  readonly landings: Map<string, Landing>;
  readonly work: Promise<Landings>[];
  readonly waiting: string[];
}

/** Reads many keys in one trip and loads those that are missing with one call of the loader. */
export class ReadThroughMany {
  readonly #store: TwoLevelStore;
  readonly #redis: RedisTier | null;
  readonly #loads: GrantedLoads;
  readonly #flights: SingleFlight<Landing>;
  /** Whose next values are on their way, behind stale ones. */
  readonly #refreshed = new Set<string>();

  constructor({ store, redis, loads, flights }: ReadThroughManyOptions) {
    this.#store = store;
    this.#redis = redis;
    this.#loads = loads;
    this.#flights = flights;
  }

  /** How each key of the request ends, and which of them others were asking for already. */
  async read(request: LoadRequest): Promise<{ landings: Landings; shared: ReadonlySet<string> }> {
    const own = new Map<string, (landing: Landing) => void>();
    const joined = request.names.map((name) => {
      const { landing, isShared } = this.#flights.join(
        name,
        () => new Promise<Landing>((resolve) => own.set(name, resolve)),
      );
      return { name, landing, isShared };
    });
    const names = [...own.keys()];
    if (names.length > 0) {
      const fetched = await this.#fetch({ ...request, names });
      for (const [name, land] of own) land(fetched.get(name) ?? ok(null));
    }
    const landings = new Map<string, Landing>();
    for (const { name, landing } of joined) landings.set(name, await landing);
    return { landings, shared: new Set(joined.filter(({ isShared }) => isShared).map(({ name }) => name)) };
  }

  async #fetch(request: LoadRequest): Promise<Landings> {
    const { local } = this.#store;
    const landings = new Map<string, Landing>();
    for (const name of request.names) {
      // As of single keys: memory is told of every change, so what it has is as good as what Redis would serve.
      const stale = local.findStale(name, request.schema);
      if (stale !== undefined) landings.set(name, landed(stale, 'stale'));
    }
    const due = [...landings.keys()].filter(
      (name) => !this.#refreshed.has(name) && local.failures.find(name) === undefined,
    );
    if (due.length > 0) void this.#refreshBehind({ ...request, names: due });
    const rest = request.names.filter((name) => !landings.has(name));
    if (rest.length === 0) return landings;
    return new Map([...landings, ...(await this.#fetchAnew({ ...request, names: rest }))]);
  }

  async #refreshBehind(request: LoadRequest): Promise<void> {
    for (const name of request.names) this.#refreshed.add(name);
    await this.#fetchAnew(request);
    for (const name of request.names) this.#refreshed.delete(name);
  }

  /** From Redis, or from the loader. */
  async #fetchAnew(request: LoadRequest): Promise<Landings> {
    const landings = new Map<string, Landing>();
    const work: Promise<Landings>[] = [];
    const giveUpAt = performance.now() + request.policy.waitMs;
    let names = request.names;
    for (let turn = 0; names.length > 0; turn += 1) {
      const part: LoadRequest = { ...request, names };
      const asked = await ask(this.#store, this.#redis, part);
      if (asked === null) {
        work.push(this.#fetchAlone(part, landings));
        break;
      }
      const { waiting } = this.#sort(part, asked, { landings, work, waiting: [] });
      const [first] = waiting;
      if (first !== undefined && performance.now() >= giveUpAt) {
        work.push(this.#loads.unstored({ ...request, names: waiting }));
        break;
      }
      if (first !== undefined) await waitForChange(this.#store, first, turn);
      names = waiting;
    }
    for (const loaded of await Promise.all(work))
      for (const [name, landing] of loaded) if (!landings.has(name)) landings.set(name, landing);
    return landings;
  }

  #sort(request: LoadRequest, asked: Asked, turn: Turn): Turn {
    const missing: string[] = [];
    const stale: string[] = [];
    const unstored: string[] = [];
    request.names.forEach((name, place) => {
      const look: Look = asked.looks[place] ?? { kind: 'unknown' };
      if (look.kind === 'fresh') turn.landings.set(name, landed(look.found, 'redis'));
      else if (look.kind === 'unknown') unstored.push(name);
      else if (look.kind === 'stale') {
        turn.landings.set(name, landed(look.found, 'stale'));
        if (look.lease === asked.token) stale.push(name);
      } else if (look.lease === asked.token) missing.push(name);
      else this.#sortBusy(request, name, look.lease, turn, unstored);
    });
    if (missing.length > 0) turn.work.push(this.#loads.leased({ ...request, names: missing }, asked, null));
    if (unstored.length > 0) turn.work.push(this.#loads.unstored({ ...request, names: unstored }));
    // In the background: those who asked have their values.
    if (stale.length > 0) void this.#loads.leased({ ...request, names: stale }, asked, null);
    return turn;
  }

  #sortBusy(
    { operation }: LoadRequest,
    name: string,
    lease: string,
    { landings, work, waiting }: Turn,
    unstored: string[],
  ): void {
    const own = this.#loads.held(name, lease);
    if (isFailureNote(lease))
      landings.set(name, this.#store.local.failures.find(name) ?? err(failedElsewhere(operation, lease)));
    else if (own !== undefined) work.push(own.then((loaded) => only(name, loaded)));
    else if (lease === '') unstored.push(name);
    else waiting.push(name);
  }

  async #fetchAlone(request: LoadRequest, landings: Map<string, Landing>): Promise<Landings> {
    const missing: string[] = [];
    for (const name of request.names) {
      const failure = this.#store.local.failures.find(name);
      if (failure === undefined) missing.push(name);
      else landings.set(name, failure);
    }
    return missing.length === 0 ? new Map() : this.#loads.alone({ ...request, names: missing }, null);
  }
}

function only(name: string, landings: Landings): Landings {
  return new Map([[name, landings.get(name) ?? ok(null)]]);
}

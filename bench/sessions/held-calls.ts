/** Where a call waits, on its way to what it calls. */
export interface HeldCall {
  readonly reached: Promise<void>;
  release(): void;
}

/** The same object, with calls of one method that fit held until they are let go. */
export function holdCalls<T extends object, M extends keyof T>(
  target: T,
  method: M,
  fits: (...given: unknown[]) => boolean,
): { readonly held: T; holdNext(): HeldCall } {
  let next: { arrive(): void; readonly opened: Promise<void> } | null = null;
  const call = target[method] as (...given: unknown[]) => Promise<unknown>;
  const held = Object.create(target, {
    [method]: {
      value: async (...given: unknown[]) => {
        const gate = next;
        if (gate !== null && fits(...given)) {
          next = null;
          gate.arrive();
          await gate.opened;
        }
        return call.apply(target, given);
      },
    },
  }) as T;
  return {
    held,
    holdNext() {
      const { promise: reached, resolve: arrive } = withResolvers();
      const { promise: opened, resolve: release } = withResolvers();
      next = { arrive, opened };
      return { reached, release };
    },
  };
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

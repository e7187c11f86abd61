import { err, ok, type Result } from 'neverthrow';
import { type StoreError, storeError } from '../errors.js';

/** Calls a loader once: what it gave, the `Err` it gave, or `loader-failed` for what it threw. */
export async function runLoader(
  operation: string,
  loader: () => PromiseLike<unknown>,
): Promise<Result<unknown, StoreError<'loader-failed'>>> {
  try {
    const loaded = await loader();
    return isResult(loaded) ? loaded : ok(loaded);
  } catch (thrown) {
    return err(storeError('loader-failed', operation, 'the loader threw; see unredactedCauseOf', {}, thrown));
  }
}

// By shape: the application may have a neverthrow of its own. The type of a loader's own error is known
// to the caller's overload only.
function isResult(value: unknown): value is Result<unknown, StoreError<'loader-failed'>> {
  if (typeof value !== 'object' || value === null) return false;
  const { isOk, isErr, map } = value as Record<string, unknown>;
  return [isOk, isErr, map].every((method) => typeof method === 'function');
}

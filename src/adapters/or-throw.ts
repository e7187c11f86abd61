import type { ResultAsync } from 'neverthrow';
import type { StoreError } from '../errors.js';

/** For libraries that speak in rejections: rejects with the `StoreError`. */
export function orThrow<T>(result: ResultAsync<T, StoreError>): Promise<T> {
  return result.match(
    (value) => value,
    (error) => {
      throw error;
    },
  );
}

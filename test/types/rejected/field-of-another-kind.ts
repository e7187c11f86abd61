// expect: TS2339
import type { StoreError } from '../../../src/index.js';

export function constraintOf(error: StoreError): string {
  return error.constraint; // here
}

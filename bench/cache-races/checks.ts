import { changeChecks } from './change-checks.js';
import type { Check } from './check.js';
import { faultChecks } from './fault-checks.js';
import { loadChecks } from './load-checks.js';
import { memoryChecks } from './memory-checks.js';
import { valueChecks } from './value-checks.js';

export const CHECKS: readonly Check[] = [
  ...loadChecks,
  ...changeChecks,
  ...memoryChecks,
  ...faultChecks,
  ...valueChecks,
];

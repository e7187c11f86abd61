import { z } from 'zod';
import { hasMethods, millis, objectOf } from './checks.js';

export type TelemetryAttributes = Readonly<Record<string, string>>;

interface InstrumentOptions {
  readonly description: string;
  readonly unit: string;
  readonly advice?: { explicitBucketBoundaries: number[] };
}

type ObserveGauge = (result: { observe(value: number, attributes: TelemetryAttributes): void }) => void;

interface ObservableInstrument {
  addCallback(callback: ObserveGauge): void;
  removeCallback(callback: ObserveGauge): void;
}

/** The part of an OpenTelemetry `Meter` we use; that of `@opentelemetry/api` 1.x fits as it is. */
export interface TelemetryMeter {
  createHistogram(
    name: string,
    options: InstrumentOptions,
  ): { record(value: number, attributes: TelemetryAttributes): void };
  createCounter(
    name: string,
    options: InstrumentOptions,
  ): { add(value: number, attributes: TelemetryAttributes): void };
  createObservableCounter(name: string, options: InstrumentOptions): ObservableInstrument;
  createObservableUpDownCounter(name: string, options: InstrumentOptions): ObservableInstrument;
}

export interface TelemetrySpan {
  setAttribute(name: string, value: string | number): unknown;
  /** 2 is an error. */
  setStatus(status: { code: 2 }): unknown;
  end(): void;
}

/** The part of an OpenTelemetry `Tracer` we use; that of `@opentelemetry/api` 1.x fits as it is. */
export interface TelemetryTracer {
  /** Kind 2 is a client's. */
  startSpan(name: string, options: { kind: 2; attributes: Record<string, string> }): TelemetrySpan;
}

/** Who is told what the store does. See docs/observability.md for every name. */
export interface TelemetryConfig {
  /** Gets the eleven `db.client.*` metrics of OpenTelemetry, and those of the cache. */
  readonly meter?: TelemetryMeter;
  /** Gets a span of each call to PostgreSQL and Redis. */
  readonly tracer?: TelemetryTracer;
  /** From which duration on a call is logged by the `logger`, with the text of its statement. Default: none is. */
  readonly slowOperationMillis?: number;
  /** Mean time above which `metrics.collectMetrics` shows a statement of the server as slow; default 100. */
  readonly slowQueryMillis?: number;
  /**
   * Whether calls are counted for `store.metrics`; default `true`. With `false`, and without a meter, a tracer and
   * subscribers, a call is not even timed.
   */
  readonly countOperations?: boolean;
  /** What metrics call the pool of this store; default `macro-ai-store`. One of its own for each store of a process. */
  readonly poolName?: string;
}

export const TELEMETRY_DEFAULTS = {
  slowQueryMillis: 100,
  countOperations: true,
  poolName: 'macro-ai-store',
} as const;

export type ResolvedTelemetry = TelemetryConfig &
  Required<Pick<TelemetryConfig, keyof typeof TELEMETRY_DEFAULTS>>;

export const telemetry: z.ZodType<ResolvedTelemetry> = z.strictObject({
  meter: objectOf<TelemetryMeter>('must be an OpenTelemetry Meter', (value) =>
    hasMethods(value, [
      'createHistogram',
      'createCounter',
      'createObservableCounter',
      'createObservableUpDownCounter',
    ]),
  ).exactOptional(),
  tracer: objectOf<TelemetryTracer>('must be an OpenTelemetry Tracer', (value) =>
    hasMethods(value, ['startSpan']),
  ).exactOptional(),
  slowOperationMillis: millis.exactOptional(),
  slowQueryMillis: millis.default(TELEMETRY_DEFAULTS.slowQueryMillis),
  countOperations: z.boolean().default(TELEMETRY_DEFAULTS.countOperations),
  poolName: z
    .string()
    .regex(/^[\w.:/-]{1,64}$/, { error: 'must be 1 to 64 letters, digits, "_", ".", ":", "/" or "-"' })
    .default(TELEMETRY_DEFAULTS.poolName),
});

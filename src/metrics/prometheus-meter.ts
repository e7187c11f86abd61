import type { TelemetryAttributes, TelemetryMeter } from '../config/telemetry-config.js';
import { familyHead, labelsOf, metricName, sampleLine } from './prometheus-text.js';

type Options = Parameters<TelemetryMeter['createHistogram']>[1];
type Observable = ReturnType<TelemetryMeter['createObservableCounter']>;
type Callback = Parameters<Observable['addCallback']>[0];
type PrometheusType = 'counter' | 'gauge' | 'histogram';

interface Histogram {
  readonly counts: number[];
  count: number;
  sum: number;
}

/**
 * A meter that keeps what it is told, and writes it as text.
 *
 * Attributes are told apart by identity and not by content, which is what makes it cheap: whoever records gives
 * the same object for the same series.
 */
export class PrometheusMeter implements TelemetryMeter {
  readonly #families: { readonly name: string; text(): string }[] = [];

  createHistogram(name: string, options: Options) {
    const bounds = options.advice?.explicitBucketBoundaries ?? [];
    const series = new Map<TelemetryAttributes, Histogram>();
    this.#add(name, 'histogram', options, (family) =>
      [...series].map(([attributes, { counts, count, sum }]) => {
        let below = 0;
        const buckets = bounds.map((bound, index) => {
          below += counts[index] ?? 0;
          return sampleLine(`${family}_bucket`, labelsOf(attributes, ['le', `${bound}`]), below);
        });
        const labels = labelsOf(attributes);
        return [
          ...buckets,
          sampleLine(`${family}_bucket`, labelsOf(attributes, ['le', '+Inf']), count),
          sampleLine(`${family}_sum`, labels, sum),
          sampleLine(`${family}_count`, labels, count),
        ].join('');
      }),
    );
    return {
      record(value: number, attributes: TelemetryAttributes) {
        let histogram = series.get(attributes);
        if (histogram === undefined) {
          histogram = { counts: new Array(bounds.length).fill(0), count: 0, sum: 0 };
          series.set(attributes, histogram);
        }
        let bucket = 0;
        while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket += 1;
        if (bucket < bounds.length) histogram.counts[bucket] = (histogram.counts[bucket] ?? 0) + 1;
        histogram.count += 1;
        histogram.sum += value;
      },
    };
  }

  createCounter(name: string, options: Options) {
    const series = new Map<TelemetryAttributes, number>();
    this.#add(name, 'counter', options, (family) =>
      [...series].map(([attributes, value]) => sampleLine(family, labelsOf(attributes), value)),
    );
    return {
      add: (value: number, attributes: TelemetryAttributes) =>
        void series.set(attributes, (series.get(attributes) ?? 0) + value),
    };
  }

  createObservableCounter(name: string, options: Options): Observable {
    return this.#observable(name, 'counter', options);
  }

  createObservableUpDownCounter(name: string, options: Options): Observable {
    return this.#observable(name, 'gauge', options);
  }

  /** All of it, sorted by name. */
  text(): string {
    return [...this.#families]
      .sort((one, other) => (one.name < other.name ? -1 : 1))
      .map((family) => family.text())
      .join('');
  }

  #observable(name: string, type: PrometheusType, options: Options): Observable {
    const callbacks = new Set<Callback>();
    this.#add(name, type, options, (family) => {
      const lines: string[] = [];
      const observe = (value: number, attributes: TelemetryAttributes) =>
        void lines.push(sampleLine(family, labelsOf(attributes), value));
      for (const callback of callbacks) callback({ observe });
      return lines;
    });
    return {
      addCallback: (callback) => void callbacks.add(callback),
      removeCallback: (callback) => void callbacks.delete(callback),
    };
  }

  #add(name: string, type: PrometheusType, options: Options, samples: (family: string) => string[]): void {
    const family = metricName(name, options.unit, type);
    this.#families.push({
      name: family,
      text() {
        const lines = samples(family);
        return lines.length === 0 ? '' : familyHead(family, type, options.description) + lines.join('');
      },
    });
  }
}

import type { TelemetryAttributes } from '../config/telemetry-config.js';

const UNIT_SUFFIXES: Readonly<Record<string, string>> = { s: '_seconds', By: '_bytes' };

/** The name of an OpenTelemetry metric in Prometheus: with its unit, where that is not a word for what is counted. */
export function metricName(name: string, unit: string, type: string): string {
  return `${name.replace(/[^\w]/g, '_')}${UNIT_SUFFIXES[unit] ?? ''}${type === 'counter' ? '_total' : ''}`;
}

export function familyHead(name: string, type: string, description: string): string {
  const help = description.replace(/\\/g, '\\\\').replace(/\n/g, '\\n');
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}

export function labelsOf(
  attributes: TelemetryAttributes,
  ...more: readonly (readonly [name: string, value: string])[]
): string {
  const labels = [...Object.entries(attributes), ...more].map(
    ([name, value]) => `${name.replace(/[^\w]/g, '_')}="${escaped(value)}"`,
  );
  return labels.length === 0 ? '' : `{${labels.join(',')}}`;
}

export function sampleLine(name: string, labels: string, value: number): string {
  return `${name}${labels} ${Number.isFinite(value) ? value : nonFinite(value)}\n`;
}

function escaped(value: string): string {
  return value.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`));
}

function nonFinite(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}

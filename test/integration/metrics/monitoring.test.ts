import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { createMacroStore } from '../../../src/create-macro-store.js';
import { aMessage, anEmbedding, createUserWithChat, must, TINY } from '../../support/builders.js';
import { createTestDatabase } from '../../support/test-database.js';

const read = (name: string) =>
  readFileSync(new URL(`../../../docs/monitoring/${name}`, import.meta.url), 'utf8');

interface Dashboard {
  readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[];
}
const rules = [...read('alerts.yml').matchAll(/^ {8}expr: (.+)$/gm)].map(([, expression = '']) => expression);
const queries = (JSON.parse(read('dashboard.json')) as Dashboard).panels.flatMap(({ targets }) =>
  targets.map(({ expr }) => expr),
);

const KEYWORDS = new Set(['and', 'or', 'unless', 'by', 'without', 'on', 'ignoring', 'group_left']);
/** Of the scrape, and not of the store. */
const LABELS_OF_PROMETHEUS = ['job', 'instance'];

/** Whatever stands in an expression where the name of a metric does, with the labels it is picked by. */
function selectorsOf(expression: string): { metric: string; matchers: string }[] {
  const bare = expression
    .replace(/\b(by|without|on|ignoring|group_left)\s*\([^)]*\)/g, ' ')
    .replace(/\[(\d+m|\$__rate_interval)\]/g, ' ');
  return [...bare.matchAll(/\b([a-z_][\w:]*)(?:\{([^}]*)\})?(?!\w|\s*\()/gi)]
    .filter(([, name = '']) => !KEYWORDS.has(name))
    .map(([, metric = '', matchers = '']) => ({ metric, matchers }));
}

const groupedLabelsOf = (expression: string) =>
  [...expression.matchAll(/\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g)]
    .flatMap(([, labels = '']) => labels.split(',').map((label) => label.trim()))
    .filter((label) => !LABELS_OF_PROMETHEUS.includes(label));

interface Series {
  readonly metric: string;
  readonly labels: Readonly<Record<string, string>>;
}

function seriesOf(text: string): Series[] {
  return [...text.matchAll(/^([a-z]\w*)(?:\{(.*)\})? \S+$/gm)].map(([, metric = '', labels = '']) => ({
    metric,
    labels: Object.fromEntries(
      [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
    ),
  }));
}

/** As Prometheus does: a label that is absent is an empty one, and a pattern covers all of the value. */
function isPicked({ labels }: Series, matchers: string): boolean {
  return [...matchers.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g)].every(
    ([, name = '', operator, value = '']) => {
      if (LABELS_OF_PROMETHEUS.includes(name)) return true;
      const actual = labels[name] ?? '';
      const isEqual = operator?.endsWith('~') ? new RegExp(`^(?:${value})$`).test(actual) : actual === value;
      return isEqual !== operator?.startsWith('!');
    },
  );
}

let series: Series[];
beforeAll(async () => {
  await using database = await createTestDatabase({ template: false });
  await using store = createMacroStore({
    database: { url: database.url, max: 2 },
    redis: { url: inject('redisUrl'), keyPrefix: `monitoring-${randomUUID()}:` },
    embedding: TINY,
    telemetry: { slowOperationMillis: 10 },
  });
  await must(store.migrate({ hnsw: 'skip' }));
  const { userId, chatId } = await createUserWithChat(store);
  const messages = [{ ...aMessage(), embedding: anEmbedding(1) }];
  await must(store.messages.appendMany({ userId, chatId, messages }));
  await must(store.vectorSearch.semanticSearch(anEmbedding(1), userId));
  await must(store.cache.set('key', 'value', { ttlSeconds: 60 }));
  await must(store.cache.get('key'));
  // Slow, which is an event; and an error.
  await store.db.execute('select pg_sleep(0.02)');
  await expect(Promise.resolve(store.db.execute('select 1 / 0'))).rejects.toThrow();
  series = seriesOf(store.metrics.toPrometheus());
});

describe.each([
  ['alerts.yml', rules, read('alerts.yml').match(/^ {6}- alert: /gm)?.length ?? 0],
  ['dashboard.json', queries, 12],
])('the expressions of docs/monitoring/%s', (_name, expressions, atLeast) => {
  it('are all found', () => {
    expect(atLeast).toBeGreaterThanOrEqual(8);
    expect(expressions.length).toBeGreaterThanOrEqual(atLeast);
    for (const expression of expressions) expect(selectorsOf(expression)).not.toEqual([]);
  });

  it.each(expressions)('pick series that the store shows: %s', (expression) => {
    const selectors = selectorsOf(expression);
    for (const { metric, matchers } of selectors) {
      const ofMetric = series.filter((one) => one.metric === metric);
      expect(ofMetric, metric).not.toEqual([]);
      const labels = new Set(ofMetric.flatMap((one) => Object.keys(one.labels)));
      const picked = [...matchers.matchAll(/(\w+)(?:=~|!~|!=|=)"/g)].map(([, label = '']) => label);
      expect([...labels, ...LABELS_OF_PROMETHEUS], metric).toEqual(expect.arrayContaining(picked));
      expect(
        ofMetric.filter((one) => isPicked(one, matchers)),
        `${metric}{${matchers}}`,
      ).not.toEqual([]);
    }
    const metrics = new Set(selectors.map(({ metric }) => metric));
    const known = series.filter((one) => metrics.has(one.metric)).flatMap((one) => Object.keys(one.labels));
    expect(known).toEqual(expect.arrayContaining(groupedLabelsOf(expression)));
  });
});

it.each([
  ['alerts.yml', rules],
  ['dashboard.json', queries],
])('docs/monitoring/%s watches operations, errors, the pool, the cache and Redis', (_name, expressions) => {
  const used = expressions.flatMap(selectorsOf).map(({ metric }) => metric);
  expect(used).toEqual(
    expect.arrayContaining([
      'db_client_operation_duration_seconds_bucket',
      'db_client_operation_duration_seconds_count',
      'db_client_connection_count',
      'db_client_connection_max',
      'db_client_connection_pending_requests',
      'db_client_connection_timeouts_total',
      'macro_ai_store_cache_reads_total',
      'macro_ai_store_redis_up',
    ]),
  );
});

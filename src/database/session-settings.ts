/** Planner and index settings for one statement, by name. */
export type SessionSettings = Readonly<Record<string, string>>;

/**
 * What our statements count on. On connections of our own they are start-up options, on the embedded
 * database they are set when it opens, and elsewhere they travel with the statements that need them.
 *
 * - `jit`: a plan that is expensive on paper triggers it, and compiling takes 100 times as long as the search.
 * - `hnsw.iterative_scan`: without it an index scan ends after `ef_search` rows, whoever's they are, and a
 *   filtered search comes back short. Strict order would drop the rows that arrive out of order.
 * - `hnsw.ef_search`: below 60 pgvector's cost model prefers a full sort (its default is 40).
 */
export const SESSION_SETTINGS = {
  jit: 'off',
  'hnsw.iterative_scan': 'relaxed_order',
  'hnsw.ef_search': '100',
} as const satisfies SessionSettings;

/** As pg's connection option `options`. */
export const SESSION_OPTIONS = Object.entries(SESSION_SETTINGS)
  .map(([name, value]) => `-c ${name}=${value}`)
  .join(' ');

/** Those of the settings that a session which has {@link SESSION_SETTINGS} lacks; `null` where there are none. */
export function beyondSession(settings: SessionSettings | undefined): SessionSettings | null {
  if (settings === undefined || settings === SESSION_SETTINGS) return null;
  const session: SessionSettings = SESSION_SETTINGS;
  const missing = Object.entries(settings).filter(([name, value]) => session[name] !== value);
  return missing.length === 0 ? null : Object.fromEntries(missing);
}

/** A statement that sets them, until the transaction ends where `isLocal`, the default. */
export function settingsStatement(
  settings: SessionSettings,
  { isLocal = true } = {},
): { text: string; values: readonly string[] } {
  const entries = Object.entries(settings);
  const calls = entries.map((_, index) => `set_config($${2 * index + 1}, $${2 * index + 2}, ${isLocal})`);
  return { text: `select ${calls.join(', ')}`, values: entries.flat() };
}

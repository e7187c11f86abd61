/** What is stored with a value in Redis. */
export interface Envelope {
  /** Of this one write; no two have the same. */
  readonly stamp: string;
  /** How much of the end of its life the value may only be served as stale. */
  readonly staleMs: number;
  /** How long its load took. */
  readonly loadMs: number;
  /** The version of the application's schema. */
  readonly schema: number;
  /** Each tag as text, with the version it had before the load began. */
  readonly tags: readonly TagVersion[];
  readonly payload: string;
}

export type TagVersion = readonly [tag: string, version: string];

// The format of the header. Scripts read its first two fields (redis-scripts.ts).
const FORMAT = '2';
const HEADER = new RegExp(`^${FORMAT} (\\S+) (\\d+) (\\d+) (\\d+) (.*)$`);

export function sealEnvelope({ stamp, staleMs, loadMs, schema, tags, payload }: Envelope): string {
  const tagList = tags.length === 0 ? '' : JSON.stringify(tags.flat());
  return `${FORMAT} ${stamp} ${staleMs} ${loadMs} ${schema} ${tagList}\n${payload}`;
}

/** `undefined`: the header is of another format, or none. */
export function openEnvelope(text: string): Envelope | undefined {
  const end = text.indexOf('\n');
  if (end < 0) return undefined;
  const fields = HEADER.exec(text.slice(0, end));
  const tags = fields === null ? undefined : tagsOf(fields[5] ?? '');
  if (fields === null || tags === undefined) return undefined;
  return {
    stamp: fields[1] ?? '',
    staleMs: Number(fields[2]),
    loadMs: Number(fields[3]),
    schema: Number(fields[4]),
    tags,
    payload: text.slice(end + 1),
  };
}

const NO_TAGS: readonly TagVersion[] = [];

function tagsOf(list: string): readonly TagVersion[] | undefined {
  if (list === '') return NO_TAGS;
  try {
    const flat: unknown = JSON.parse(list);
    if (!Array.isArray(flat) || !flat.every((part) => typeof part === 'string')) return undefined;
    const texts: readonly string[] = flat;
    return Array.from({ length: texts.length / 2 }, (_, index) => [
      texts[2 * index] ?? '',
      texts[2 * index + 1] ?? '',
    ]);
  } catch {
    return undefined;
  }
}

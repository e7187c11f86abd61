import type { ParserOptions } from '@electric-sql/pglite';
import type pg from 'pg';

type Parser = (text: string) => unknown;
const asText: Parser = (text) => text;

// An application may have changed pg's global parsers (dates as strings is common); on a shared pool ours
// must not depend on that, so every query of ours brings its own.
const PARSERS: Readonly<Record<number, Parser>> = {
  16: (text) => text === 't', // bool
  21: Number, // int2
  23: Number, // int4
  114: (text) => JSON.parse(text), // json
  700: Number, // float4
  701: Number, // float8
  1184: parseInstant, // timestamptz
  3802: (text) => JSON.parse(text), // jsonb
};

// Drizzle decodes dates and JSON by itself, from PostgreSQL's own text.
const RAW_PARSERS: Readonly<Record<number, Parser>> = {
  ...PARSERS,
  114: asText,
  1082: asText,
  1114: asText,
  1184: asText,
  1186: asText,
  3802: asText,
};

/** `2026-01-02 03:04:05.678+00`, the ISO style every server speaks, to the millisecond. */
function parseInstant(text: string): Date {
  const [, date = '', time = '', offset = ''] = /^(\S+) ([\d:.]+)([+-].+)$/.exec(text) ?? [];
  return new Date(`${date}T${time}${offset.length === 3 ? `${offset}:00` : offset}`);
}

const customTypes = (parsers: Readonly<Record<number, Parser>>) =>
  ({ getTypeParser: (oid: number) => parsers[oid] ?? asText }) as unknown as pg.CustomTypesConfig;

/** The types our statements return, for pg; any other comes as text. */
export const decodeTypes = customTypes(PARSERS);
/** What Drizzle's column decoders expect, for pg. */
export const rawTypes = customTypes(RAW_PARSERS);

/** The same for PGlite, which has parsers of its own for the rest. */
export const decodeParsers: ParserOptions = PARSERS;
export const rawParsers: ParserOptions = RAW_PARSERS;

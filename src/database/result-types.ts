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

const ZERO = '0'.charCodeAt(0);
const INSTANT =
  /^(\d+)-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?( BC)?$/;

/** `2026-01-02 03:04:05.678+00`, the ISO style every server speaks, to the millisecond. */
function parseInstant(text: string): Date {
  return parseUsualInstant(text) ?? parseAnyInstant(text);
}

/** By position: a page has 50 of these, and a regular expression takes four times as long. */
function parseUsualInstant(text: string): Date | null {
  if (text.length > 26 || text.charCodeAt(4) !== 45 || !text.endsWith('+00')) return null;
  const digits = (from: number, to: number): number => {
    let value = 0;
    for (let at = from; at < to; at += 1) value = value * 10 + text.charCodeAt(at) - ZERO;
    return value;
  };
  const year = digits(0, 4);
  if (year < 100) return null; // Date.UTC takes it for one of the last century
  const end = text.length - 3;
  const ms = end > 20 ? digits(20, end) * 10 ** (23 - end) : 0;
  return new Date(
    Date.UTC(year, digits(5, 7) - 1, digits(8, 10), digits(11, 13), digits(14, 16), digits(17, 19), ms),
  );
}

/** In the session's zone, whose offset has seconds in old times; before Christ and after 9999 too. */
function parseAnyInstant(text: string): Date {
  const found = INSTANT.exec(text);
  if (found === null) return new Date(Number.NaN);
  const [, year, month, day, hour, minute, second, fraction = '', sign, ...offset] = found;
  const date = new Date(0);
  date.setUTCFullYear(
    offset[3] === undefined ? Number(year) : 1 - Number(year),
    Number(month) - 1,
    Number(day),
  );
  date.setUTCHours(Number(hour), Number(minute), Number(second), Number(fraction.padEnd(3, '0').slice(0, 3)));
  const [hours = 0, minutes = 0, seconds = 0] = offset.slice(0, 3).map((part) => Number(part ?? 0));
  const offsetMs = ((hours * 60 + minutes) * 60 + seconds) * 1000;
  return new Date(date.getTime() - (sign === '-' ? -offsetMs : offsetMs));
}

/** How a column of this type is read; any type that our statements do not return comes as text. */
export const parserOf = (oid: number): Parser => PARSERS[oid] ?? asText;

const customTypes = (parsers: Readonly<Record<number, Parser>>) =>
  ({ getTypeParser: (oid: number) => parsers[oid] ?? asText }) as unknown as pg.CustomTypesConfig;

/** The types our statements return, for pg; any other comes as text. */
export const decodeTypes = customTypes(PARSERS);
/** What Drizzle's column decoders expect, for pg. */
export const rawTypes = customTypes(RAW_PARSERS);

/** The same for PGlite, which has parsers of its own for the rest. */
export const decodeParsers: ParserOptions = PARSERS;
export const rawParsers: ParserOptions = RAW_PARSERS;

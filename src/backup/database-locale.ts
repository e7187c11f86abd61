import pg from 'pg';
import { z } from 'zod';
import type { DedicatedScope } from '../database/dedicated-connection.js';

export const databaseLocale = z.object({
  encoding: z.string(),
  provider: z.enum(['libc', 'icu', 'builtin']),
  collate: z.string(),
  ctype: z.string(),
  locale: z.string().nullable(),
  rules: z.string().nullable(),
});

/** What a database's bytes mean, and how its text compares: another one takes other rows for equal, or for text at all. */
export interface DatabaseLocale {
  readonly encoding: string;
  readonly provider: 'libc' | 'icu' | 'builtin';
  /** `LC_COLLATE` and `LC_CTYPE`. */
  readonly collate: string;
  readonly ctype: string;
  /** Of a provider other than libc. */
  readonly locale: string | null;
  /** Of ICU, beside those of the locale. */
  readonly rules: string | null;
}

/** That of the database which the connection is to. */
export async function readLocale(scope: DedicatedScope): Promise<DatabaseLocale> {
  const [row] = await scope.query<DatabaseLocale>(
    // Server 17 renamed one column, and 16 has one that 15 has not.
    `select pg_encoding_to_char(encoding) as encoding,
       case datlocprovider when 'i' then 'icu' when 'b' then 'builtin' else 'libc' end as provider,
       datcollate as collate, datctype as ctype,
       coalesce(of ->> 'datlocale', of ->> 'daticulocale') as locale, of ->> 'daticurules' as rules
     from pg_database d, to_jsonb(d) as of where datname = current_database()`,
  );
  if (row === undefined) throw new Error('the server gave no locale');
  return row;
}

/** As options of `create database`, which then takes nothing of them from its template. */
export function localeOptions({ encoding, provider, collate, ctype, locale, rules }: DatabaseLocale): string {
  const options = {
    encoding,
    locale_provider: provider,
    lc_collate: collate,
    lc_ctype: ctype,
    ...(locale !== null && provider !== 'libc' && { [`${provider}_locale`]: locale }),
    ...(rules !== null && { icu_rules: rules }),
  };
  return Object.entries(options)
    .map(([name, value]) => `${name} = ${pg.escapeLiteral(value)}`)
    .join(' ');
}

import { createHash } from 'node:crypto';
import { type Placeholder, type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import { PgDialect } from 'drizzle-orm/pg-core';

/**
 * One SQL statement, compiled once. `Params` are its named placeholders, `Row` what a row of it looks like.
 *
 * The shape of a statement must leave the planner one good plan for every parameter, since it is prepared
 * under its name and its plan is reused for all users.
 */
export interface Statement<Params, Row> {
  /** `room.method`, as errors and metrics call it. */
  readonly operation: string;
  /** The prepared statement's name on the server: the operation, and `#variant` where it has several; `null`: not prepared. */
  readonly name: string | null;
  readonly text: string;
  /** The placeholder behind `$1`, `$2`, … */
  readonly parameterNames: readonly (keyof Params & string)[];
  /** Never set; carries the row type. */
  readonly row?: Row;
}

/** A statement with its values, ready to send. */
export interface BoundStatement {
  readonly operation: string;
  /** `null`: not prepared, for a text that is not sent again or is not ours. */
  readonly name: string | null;
  readonly text: string;
  readonly values: readonly unknown[];
}

const dialect = new PgDialect();

/**
 * Compiles a Drizzle query or `sql` template with placeholders. A placeholder used twice is sent once:
 * it has one type on the server, so cast it where that type is not plain.
 *
 * @example
 * const findTitle = compileStatement<{ id: string }, { title: string }>(
 *   'chats.findTitle',
 *   sql`select title from ${chats} where ${chats.id} = ${parameter('id')}`,
 * );
 */
export function compileStatement<Params, Row>(name: string, query: SQLWrapper): Statement<Params, Row> {
  const compiled = dialect.sqlToQuery(query.getSQL() as SQL);
  const parameterNames: (keyof Params & string)[] = [];
  const position = compiled.params.map((value) => {
    const parameterName = (value as Placeholder).name as keyof Params & string;
    if (!parameterNames.includes(parameterName)) parameterNames.push(parameterName);
    return parameterNames.indexOf(parameterName) + 1;
  });
  const text = compiled.sql.replace(/\$(\d+)/g, (_match, index: string) => `$${position[Number(index) - 1]}`);
  return { operation: name.replace(/#.*/, ''), name, text, parameterNames };
}

/** A named place for a value in {@link compileStatement}. */
export function parameter(name: string): Placeholder {
  return sql.placeholder(name);
}

export function bindStatement<Params>(statement: Statement<Params, unknown>, params: Params): BoundStatement {
  return {
    operation: statement.operation,
    name: statement.name,
    text: statement.text,
    values: statement.parameterNames.map((name) => params[name]),
  };
}

/**
 * A family of statements that differ in their LIMIT, each compiled with its first use. With the number in
 * the text the planner knows it also in a reused plan, and keeps to the index that serves the order;
 * a LIMIT parameter makes it plan for a tenth of all rows.
 */
export function perLimit<Params, Row>(
  name: string,
  query: (limit: SQL) => SQLWrapper,
): (limit: number) => Statement<Params, Row> {
  const compiled = new Map<number, Statement<Params, Row>>();
  return (limit) => {
    let statement = compiled.get(limit);
    if (statement === undefined) {
      statement = compileStatement<Params, Row>(`${name}#${limit}`, query(sql`${limit}`.inlineParams()));
      compiled.set(limit, statement);
    }
    return statement;
  };
}

/**
 * A family of statements whose text depends on a variant of few values, each compiled with its first use. Its
 * name ends with a hash of the variant: the server tells only the first 63 characters of names apart.
 */
export function perVariant<Variant extends object, Params, Row>(
  operation: string,
  query: (variant: Variant) => SQLWrapper,
): (variant: Variant) => Statement<Params, Row> {
  // The one used last stands first, and is nearly always the one that is asked for; a key made of all values
  // would cost more than the rest of the preparation of a statement.
  const compiled: { readonly variant: Variant; readonly statement: Statement<Params, Row> }[] = [];
  return (variant) => {
    const index = compiled.findIndex((one) => isSame(one.variant, variant));
    const found = index < 0 ? undefined : compiled[index];
    if (found !== undefined) {
      if (index > 0) compiled.unshift(...compiled.splice(index, 1));
      return found.statement;
    }
    const hash = createHash('sha1')
      .update(JSON.stringify(Object.values(variant)))
      .digest('base64url');
    const statement = compileStatement<Params, Row>(`${operation}#${hash.slice(0, 12)}`, query(variant));
    compiled.unshift({ variant, statement });
    return statement;
  };
}

/** Both have the same keys. */
function isSame<T extends object>(one: T, other: T): boolean {
  for (const key in one) if (one[key] !== other[key]) return false;
  return true;
}

import type pg from 'pg';
import { parserOf } from './result-types.js';
import { type SessionSettings, settingsStatement } from './session-settings.js';

/** What of pg's connection a query class of one's own works with, as pg-cursor and pg-query-stream do. */
interface Connection {
  readonly stream: { cork(): void; uncork(): void };
  readonly parsedStatements: Record<string, string | undefined>;
  parse(statement: { name: string; text: string }): void;
  bind(portal: { statement: string; values: readonly unknown[]; valueMapper(value: unknown): unknown }): void;
  describe(target: { type: 'P'; name: string }): void;
  execute(portal: object): void;
  sync(): void;
}

/** The columns of a statement's rows. */
interface RowShape {
  readonly names: readonly string[];
  readonly parsers: readonly ((text: string) => unknown)[];
  /** Every column in its order, so that all rows share one hidden class. */
  readonly empty: Readonly<Record<string, null>>;
}

interface PreparedStatement {
  /** `null`: not prepared, for a pooler that may run the next statement on another backend. */
  readonly name: string | null;
  readonly text: string;
  readonly values: readonly unknown[];
  /** In force until this statement is done. */
  readonly settings: SessionSettings | null;
}

interface PreparedResult {
  readonly rows: readonly unknown[];
  readonly command: string;
}

const shapesOf = new WeakMap<Connection, Map<string, RowShape>>();

/**
 * Runs a statement with less work than pg's own query: its columns are asked for once a connection,
 * not with every call (a third of the client's time for a key read). They cannot be stale: the server
 * refuses to run a prepared statement whose columns have changed (0A000).
 *
 * Settings go ahead of it in the same round trip. The server ends a transaction at the Sync message only, so
 * that both are in one and `set_config(…, true)` ends with it, also when the statement fails.
 *
 * For clients of our own, and for others that take query classes.
 */
export function queryPrepared(client: pg.ClientBase, statement: PreparedStatement): Promise<PreparedResult> {
  return new Promise((resolve, reject) => {
    client.query(new PreparedQuery(statement, resolve, reject));
  });
}

/** Whether a client that is not ours takes query classes: one in pipeline mode does not, nor one of pg-native. */
export function takesQueryClasses(client: pg.ClientBase): boolean {
  const { pipeline, connection } = client as { pipeline?: boolean; connection?: Partial<Connection> };
  return pipeline !== true && typeof connection?.parse === 'function';
}

class PreparedQuery implements pg.Submittable {
  readonly text: string;
  private readonly preparedName: string;
  private readonly values: readonly unknown[];
  private readonly settings: SessionSettings | null;
  private readonly rows: unknown[] = [];
  private command = '';
  /** The answers to the settings come first. */
  private isSettled: boolean;
  private shapes: Map<string, RowShape> | undefined;
  private shape: RowShape | undefined;
  private failure: unknown = null;

  constructor(
    { name, text, values, settings }: PreparedStatement,
    private readonly resolve: (result: PreparedResult) => void,
    private readonly reject: (error: unknown) => void,
  ) {
    this.preparedName = name ?? '';
    this.text = text;
    this.values = values;
    this.settings = settings;
    this.isSettled = settings === null;
  }

  /** pg takes the statement of this name and text for prepared once anything was parsed. */
  get name(): string {
    return this.isSettled ? this.preparedName : '';
  }

  submit(pgConnection: unknown): void {
    const connection = pgConnection as Connection;
    const { preparedName: name, text } = this;
    if (name !== '') {
      this.shapes = shapesOf.get(connection);
      if (this.shapes === undefined) {
        this.shapes = new Map();
        shapesOf.set(connection, this.shapes);
      }
      this.shape = this.shapes.get(name);
    }
    // One segment for all of it, not one a message.
    connection.stream.cork();
    try {
      if (this.settings !== null) {
        const settings = settingsStatement(this.settings);
        connection.parse({ name: '', text: settings.text });
        connection.bind({ statement: '', values: settings.values, valueMapper: toWire });
        connection.execute({});
      }
      if (name === '' || connection.parsedStatements[name] === undefined) connection.parse({ name, text });
      connection.bind({ statement: name, values: this.values, valueMapper: toWire });
      if (this.shape === undefined) connection.describe({ type: 'P', name: '' });
      connection.execute({});
      connection.sync();
    } finally {
      connection.stream.uncork();
    }
  }

  handleRowDescription({ fields }: { fields: readonly { name: string; dataTypeID: number }[] }): void {
    this.shape = {
      names: fields.map((field) => field.name),
      parsers: fields.map((field) => parserOf(field.dataTypeID)),
      empty: Object.fromEntries(fields.map((field) => [field.name, null])),
    };
    this.shapes?.set(this.preparedName, this.shape);
  }

  handleDataRow({ fields }: { fields: readonly (string | null)[] }): void {
    if (!this.isSettled || this.shape === undefined || this.failure !== null) return;
    const { names, parsers, empty } = this.shape;
    const row: Record<string, unknown> = { ...empty };
    try {
      for (let index = 0; index < names.length; index += 1) {
        const text = fields[index];
        if (text != null) row[names[index] as string] = parsers[index]?.(text);
      }
      this.rows.push(row);
    } catch (error) {
      this.failure = error; // told once the server is done with the statement
    }
  }

  handleCommandComplete({ text }: { text: string }): void {
    if (!this.isSettled) {
      this.isSettled = true;
      return;
    }
    this.command = text.replace(/ .*/, '');
  }

  handleReadyForQuery(): void {
    if (this.failure === null) this.resolve({ rows: this.rows, command: this.command });
    else this.reject(this.failure);
  }

  handleError(error: unknown): void {
    this.shapes?.delete(this.preparedName);
    this.reject(error);
  }

  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
}

/** The values that our statements have: text, numbers, booleans, dates, binary vectors, and arrays of text. */
function toWire(value: unknown): string | Buffer | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string' || Buffer.isBuffer(value)) return value;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return arrayLiteral(value);
  return String(value);
}

function arrayLiteral(values: readonly unknown[]): string {
  const elements = values.map((value) =>
    value === null ? 'NULL' : `"${String(value).replace(/[\\"]/g, '\\$&')}"`,
  );
  return `{${elements.join(',')}}`;
}

import type { ResultAsync } from 'neverthrow';
import type { EmbeddingColumnFacts } from '../database/embedding-guard.js';
import type { CallOptions, TransactionExecutor } from '../database/executor.js';
import type { WriteError } from '../errors.js';
import { CopyRows } from './copy-rows.js';
import * as statements from './import-statements.js';
import type { CheckedVector } from './vector-input.js';

/** What goes in one statement at most, unless a single row is larger. */
const COPY_LIMIT = { rows: 1_000, bytes: 8 * 1024 * 1024 };
const INSERT_LIMIT = { rows: 500, bytes: 4_000_000 };

/** A row on its way: its place in the source, and what it refers to. */
export interface ImportRow {
  readonly position: number;
  readonly id: string;
  readonly userId: string;
  readonly chatId: string;
  readonly messageId: string | null;
}

/** Rows that go to the database together. */
export interface ImportBatch {
  readonly rows: readonly ImportRow[];
  readonly bytes: number;
  readonly isFull: boolean;
  /** `false`: there is no room for it. The numbers are copied. */
  add(row: CheckedVector, floats: Float32Array, position: number): boolean;
  send(options: CallOptions): ResultAsync<unknown, WriteError>;
  clear(): void;
}

/** Where the rows go. */
export interface ImportTarget {
  readonly executor: TransactionExecutor;
  readonly place: EmbeddingColumnFacts;
  /** Into the staging table, from which they replace what is stored. */
  readonly isStaged: boolean;
  /** Made smaller where statements take long, e.g. because of a large HNSW graph. */
  maxRows: number;
}

export function createBatch(target: ImportTarget): ImportBatch {
  const { copyIn } = target.executor;
  return copyIn === null ? new InsertBatch(target) : new CopyBatch(target, copyIn);
}

class CopyBatch implements ImportBatch {
  readonly rows: ImportRow[] = [];
  private readonly encoded: CopyRows;

  constructor(
    private readonly target: ImportTarget,
    private readonly copyIn: NonNullable<TransactionExecutor['copyIn']>,
  ) {
    this.encoded = new CopyRows(COPY_LIMIT.bytes, target.place, target.isStaged);
  }

  get bytes(): number {
    return this.encoded.bytes;
  }

  get isFull(): boolean {
    return this.rows.length >= Math.min(COPY_LIMIT.rows, this.target.maxRows);
  }

  add(row: CheckedVector, floats: Float32Array, position: number): boolean {
    if (!this.encoded.add(row, floats, position)) return false;
    const { id, userId, chatId, messageId } = row;
    this.rows.push({ position, id, userId, chatId, messageId });
    return true;
  }

  send(options: CallOptions) {
    const { isStaged, place } = this.target;
    const statement = isStaged ? statements.copyIntoStaging : statements.copyIntoTable(place);
    return this.copyIn(statement, this.encoded.pieces(), options);
  }

  clear(): void {
    this.rows.length = 0;
    this.encoded.clear();
  }
}

class InsertBatch implements ImportBatch {
  readonly rows: (ImportRow & CheckedVector)[] = [];
  bytes = 0;

  constructor(private readonly target: ImportTarget) {}

  get isFull(): boolean {
    return this.rows.length >= Math.min(INSERT_LIMIT.rows, this.target.maxRows);
  }

  add(row: CheckedVector, floats: Float32Array, position: number): boolean {
    const rowBytes = floats.byteLength + row.content.length + (row.metadata?.length ?? 0);
    if (this.rows.length > 0 && this.bytes + rowBytes > INSERT_LIMIT.bytes) return false;
    this.rows.push({ ...row, embedding: floats.slice(), position });
    this.bytes += rowBytes;
    return true;
  }

  send(options: CallOptions) {
    const { executor, place, isStaged } = this.target;
    const { rows } = this;
    const params: statements.RowArrays = {
      ids: rows.map((row) => row.id),
      userIds: rows.map((row) => row.userId),
      chatIds: rows.map((row) => row.chatId),
      messageIds: rows.map((row) => row.messageId),
      contents: rows.map((row) => row.content),
      metadatas: rows.map((row) => row.metadata),
      embeddings: executor.wire.encodeMany(
        rows.map((row) => row.embedding),
        place.vectorOid,
      ),
      model: place.model,
      positions: rows.map((row) => row.position),
    };
    return executor.write(
      isStaged ? statements.insertIntoStaging : statements.insertIntoTable(place),
      params,
      options,
    );
  }

  clear(): void {
    this.rows.length = 0;
    this.bytes = 0;
  }
}

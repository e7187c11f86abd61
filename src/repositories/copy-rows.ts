import { bitsOf, halfOf } from '../database/half.js';
import { writeVector } from '../database/vector-wire.js';
import type { EmbeddingColumn } from '../schema/embedding-shape.js';

/** A row of `chat_vectors`, checked: ids are lower-case UUIDs, metadata is JSON. */
export interface CopyRow {
  readonly id: string;
  readonly userId: string;
  readonly chatId: string;
  readonly messageId: string | null;
  readonly content: string;
  readonly metadata: string | null;
}

// https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.55.9.4: the signature, flags, no extension.
const HEADER = Buffer.from('5047434f50590aff0d0a000000000000000000', 'hex');
const TRAILER_BYTES = 2;
const UUID_BYTES = 16;
const JSONB_VERSION = 1;
/** Small enough that the server works on one piece while the next is on its way. */
const PIECE_BYTES = 128 * 1024;

const HEX_VALUE = new Uint8Array(128);
for (const [value, digit] of [...'0123456789abcdef'].entries()) HEX_VALUE[digit.charCodeAt(0)] = value;

/**
 * Rows in COPY's binary form, written one behind the other into one buffer that is used again and again:
 * no object and no buffer is made for a row, nor for a field of it.
 *
 * The columns are id, user_id, chat_id, message_id, content, metadata, embedding, model and, if wanted, the
 * row's position as an integer.
 */
export class CopyRows {
  private readonly standard: Buffer;
  private buffer: Buffer;
  private end = HEADER.length;
  private rows = 0;
  private readonly column: EmbeddingColumn;
  /** The same in every row. */
  private readonly model: Buffer | null;

  constructor(
    capacityBytes: number,
    { column, model }: { readonly column: EmbeddingColumn; readonly model: string | null },
    private readonly withPosition: boolean,
  ) {
    this.column = column;
    this.model = model === null ? null : Buffer.from(model);
    this.standard = Buffer.allocUnsafeSlow(capacityBytes);
    HEADER.copy(this.standard);
    this.buffer = this.standard;
  }

  get bytes(): number {
    return this.end;
  }

  clear(): void {
    this.buffer = this.standard;
    this.end = HEADER.length;
    this.rows = 0;
  }

  /** `false`: it does not fit behind the others. A row of its own always fits. */
  add(row: CopyRow, floats: Float32Array, position: number): boolean {
    const contentBytes = Buffer.byteLength(row.content);
    const metadataBytes = row.metadata === null ? 0 : 1 + Buffer.byteLength(row.metadata);
    const embeddingBytes = 4 + floats.length * (this.column === 'vector' ? 4 : 2);
    const modelBytes = this.model?.length ?? 0;
    // At most: field count, nine lengths, four ids, and the position.
    const rowBytes =
      2 + 9 * 4 + 4 * UUID_BYTES + contentBytes + metadataBytes + embeddingBytes + modelBytes + 4;
    if (this.end + rowBytes + TRAILER_BYTES > this.buffer.length) {
      if (this.rows > 0) return false;
      this.buffer = Buffer.allocUnsafeSlow(HEADER.length + rowBytes + TRAILER_BYTES);
      HEADER.copy(this.buffer);
    }
    this.int16(this.withPosition ? 9 : 8);
    this.uuid(row.id);
    this.uuid(row.userId);
    this.uuid(row.chatId);
    if (row.messageId === null) this.int32(-1);
    else this.uuid(row.messageId);
    this.int32(contentBytes);
    this.text(row.content);
    if (row.metadata === null) this.int32(-1);
    else {
      this.int32(metadataBytes);
      this.buffer[this.end++] = JSONB_VERSION;
      this.text(row.metadata);
    }
    this.int32(embeddingBytes);
    this.embedding(floats);
    if (this.model === null) this.int32(-1);
    else {
      this.int32(modelBytes);
      this.end += this.model.copy(this.buffer, this.end);
    }
    if (this.withPosition) {
      this.int32(4);
      this.int32(position);
    }
    this.rows += 1;
    return true;
  }

  /** What to send. It is part of this object's buffer: send it before the next `clear()`. */
  pieces(): Buffer[] {
    this.buffer.writeInt16BE(-1, this.end);
    const end = this.end + TRAILER_BYTES;
    const pieces: Buffer[] = [];
    for (let at = 0; at < end; at += PIECE_BYTES) {
      pieces.push(this.buffer.subarray(at, Math.min(end, at + PIECE_BYTES)));
    }
    return pieces;
  }

  private int16(value: number): void {
    this.end = this.buffer.writeInt16BE(value, this.end);
  }

  private int32(value: number): void {
    this.end = this.buffer.writeInt32BE(value, this.end);
  }

  private text(text: string): void {
    this.end += this.buffer.write(text, this.end);
  }

  private uuid(text: string): void {
    this.int32(UUID_BYTES);
    const { buffer } = this;
    let at = this.end;
    for (let index = 0; index < text.length; index += 2) {
      if (text[index] === '-') index += 1;
      const high = HEX_VALUE[text.charCodeAt(index)] ?? 0;
      buffer[at++] = (high << 4) | (HEX_VALUE[text.charCodeAt(index + 1)] ?? 0);
    }
    this.end = at;
  }

  private embedding(floats: Float32Array): void {
    if (this.column === 'vector') {
      writeVector(this.buffer, this.end, floats);
      this.end += 4 + floats.length * 4;
      return;
    }
    this.int16(floats.length);
    this.int16(0);
    const { buffer } = this;
    let at = this.end;
    for (const bits of bitsOf(floats)) {
      const half = halfOf(bits);
      buffer[at] = half >>> 8;
      buffer[at + 1] = half & 0xff;
      at += 2;
    }
    this.end = at;
  }
}

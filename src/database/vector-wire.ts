/** An embedding as callers hold it. `Float32Array` is the cheapest: it is copied once and never printed. */
export type Embedding = readonly number[] | Float32Array;

/** How embeddings become parameters. */
export interface VectorWire {
  /** The value for a parameter cast to `vector` or `halfvec`. */
  encode(embedding: Embedding): unknown;
  /** The value for a parameter cast to `vector[]`; `elementOid` is the oid of the type `vector`. */
  encodeMany(embeddings: readonly Embedding[], elementOid: number): unknown;
}

/**
 * pgvector's binary form: int16 dimensions, int16 0, then big-endian float32. pg sends a Buffer in binary,
 * a third of the bytes of the text form and 1/10 of the work. https://github.com/pgvector/pgvector
 */
function encodeVectorBinary(embedding: Embedding): Buffer {
  const buffer = takeBytes(4 + embedding.length * 4);
  writeVector(buffer, 0, embedding);
  return buffer;
}

const SLAB_BYTES = 256 * 1024;
let slab = Buffer.allocUnsafe(0);

/**
 * Bytes that nobody else has, cut from a larger piece. Node's own pool does this up to 4 kB only; a buffer of
 * its own for each query is the dearest step of its encoding, and work for the garbage collector.
 */
function takeBytes(count: number): Buffer {
  if (slab.length < count) slab = Buffer.allocUnsafe(Math.max(count, SLAB_BYTES));
  const taken = slab.subarray(0, count);
  slab = slab.subarray(count);
  return taken;
}

/** Writes {@link encodeVectorBinary}'s form at the offset. */
export function writeVector(buffer: Buffer, offset: number, embedding: Embedding): void {
  const floats = embedding instanceof Float32Array ? embedding : new Float32Array(embedding);
  buffer.writeInt16BE(floats.length, offset);
  buffer.writeInt16BE(0, offset + 2);
  const target = buffer.subarray(offset + 4, offset + 4 + floats.length * 4);
  target.set(new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength));
  target.swap32(); // from this machine's little-endian to network order; Node runs on no big-endian we support
}

/** PostgreSQL's binary form of a one-dimensional array of vectors of equal length, without nulls. */
export function encodeVectorArrayBinary(embeddings: readonly Embedding[], elementOid: number): Buffer {
  const elementBytes = 4 + (embeddings[0]?.length ?? 0) * 4;
  const headerBytes = embeddings.length === 0 ? 12 : 20;
  const buffer = Buffer.allocUnsafe(headerBytes + embeddings.length * (4 + elementBytes));
  buffer.writeInt32BE(embeddings.length === 0 ? 0 : 1, 0); // dimensions of the array
  buffer.writeInt32BE(0, 4); // no nulls
  buffer.writeUInt32BE(elementOid, 8);
  if (embeddings.length === 0) return buffer;
  buffer.writeInt32BE(embeddings.length, 12);
  buffer.writeInt32BE(1, 16); // lower bound
  let offset = headerBytes;
  for (const embedding of embeddings) {
    buffer.writeInt32BE(elementBytes, offset);
    writeVector(buffer, offset + 4, embedding);
    offset += 4 + elementBytes;
  }
  return buffer;
}

/** pgvector's text form, for PGlite, whose client sends text only. */
function encodeVectorText(embedding: Embedding): string {
  return `[${Array.prototype.join.call(embedding, ',')}]`;
}

export const binaryWire: VectorWire = {
  encode: encodeVectorBinary,
  encodeMany: encodeVectorArrayBinary,
};

export const textWire: VectorWire = {
  encode: encodeVectorText,
  encodeMany: (embeddings) =>
    `{${embeddings.map((embedding) => `"${encodeVectorText(embedding)}"`).join(',')}}`,
};

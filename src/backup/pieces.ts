/**
 * The same bytes in pieces, each as long as the buffer that `take` gives for it; the last has fewer bytes, or none,
 * and there always is a last. The buffer of a piece is filled again where `take` gives it again.
 */
export async function* pieces(
  chunks: AsyncIterable<Uint8Array>,
  take: () => Buffer,
): AsyncGenerator<{ bytes: Buffer; isLast: boolean }, void> {
  let piece = take();
  let filled = 0;
  for await (const chunk of chunks) {
    let taken = 0;
    while (taken < chunk.length) {
      const part = chunk.subarray(taken, taken + piece.length - filled);
      piece.set(part, filled);
      filled += part.length;
      taken += part.length;
      if (filled === piece.length) {
        yield { bytes: piece, isLast: false };
        piece = take();
        filled = 0;
      }
    }
  }
  yield { bytes: piece.subarray(0, filled), isLast: true };
}

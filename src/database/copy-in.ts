import type pg from 'pg';
import { from } from 'pg-copy-streams';

/** Pieces in one turn of the event loop. */
const PIECES_A_TURN = 4;

/**
 * Sends `COPY … FROM STDIN` with its data, which goes out as the server takes it. Rejects with pg's error;
 * then nothing of the data is on its way any more, and the connection takes the next statement.
 */
export function copyIn(client: pg.ClientBase, text: string, data: readonly Buffer[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const copy = from(text);
    copy.on('finish', resolve);
    copy.on('error', (error) => {
      reject(error);
      // Data still queued would go out with every drain, and into the next COPY on this connection.
      copy.destroy();
    });
    client.query(copy);
    writeFrom(0);

    // A socket takes megabytes at once, and copying them takes milliseconds in which nothing else has its turn.
    function writeFrom(index: number): void {
      const piece = data[index];
      if (piece === undefined) {
        copy.end();
        return;
      }
      const isLastOfTurn = index % PIECES_A_TURN === PIECES_A_TURN - 1;
      copy.write(piece, (error) => {
        if (error) return; // told above
        if (isLastOfTurn) setImmediate(writeFrom, index + 1);
        else writeFrom(index + 1);
      });
    }
  });
}

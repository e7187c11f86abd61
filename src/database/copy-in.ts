import type pg from 'pg';
import { from } from 'pg-copy-streams';

/** Whether the client takes query classes of others: one in pipeline mode does not. */
export function takesCopy(client: pg.ClientBase): boolean {
  return (client as { readonly pipeline?: boolean }).pipeline !== true;
}

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
    // The stream is corked until the server asks for the data, and then writes with the socket's drains.
    for (const piece of data) copy.write(piece);
    copy.end();
  });
}

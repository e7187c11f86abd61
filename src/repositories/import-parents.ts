import { err, ok, type Result } from 'neverthrow';
import type { CallOptions, Executor } from '../database/executor.js';
import { notFound, type ReadError, type StoreError } from '../errors.js';
import type { ImportRow } from './import-batch.js';
import { selectMissing } from './import-statements.js';

/** About 4 MB of remembered chats; a source that jumps between more asks again. */
const MAX_KNOWN = 20_000;

/**
 * Checks that chats and messages are there, ahead of the rows: the foreign keys cannot see a message of
 * another chat, and do not tell the row in every case. A chat is asked for once, so that rows without a
 * message cost nothing.
 */
export class ImportParents {
  private readonly known = new Set<string>();

  constructor(
    private readonly operation: string,
    private readonly executor: Executor,
  ) {}

  async check(
    rows: readonly ImportRow[],
    options: CallOptions,
  ): Promise<Result<void, ReadError | StoreError<'not-found'>>> {
    const fresh = new Set<string>();
    const asked = rows.filter(({ userId, chatId, messageId }) => {
      const chat = `${userId}${chatId}`;
      const isNew = !this.known.has(chat) && !fresh.has(chat);
      if (isNew) fresh.add(chat);
      return isNew || messageId !== null;
    });
    if (asked.length === 0) return ok();
    const params = {
      userIds: asked.map((row) => row.userId),
      chatIds: asked.map((row) => row.chatId),
      messageIds: asked.map((row) => row.messageId),
    };
    const missing = await this.executor.read(selectMissing, params, options);
    if (missing.isErr()) return err(missing.error);
    const [first] = missing.value;
    if (first !== undefined) {
      return err(notFound(this.operation, first.entity, asked[first.place]?.position));
    }
    if (this.known.size + fresh.size > MAX_KNOWN) this.known.clear();
    for (const chat of fresh) this.known.add(chat);
    return ok();
  }
}

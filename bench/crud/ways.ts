import type { MessageRole } from '../../src/schema/chat-messages.js';

export interface Scope {
  readonly userId: string;
  readonly chatId: string;
}

export interface NewRow extends Scope {
  readonly role: MessageRole;
  readonly content: string;
}

export interface VectorBatch {
  readonly userId: string;
  readonly rows: readonly {
    readonly chatId: string;
    readonly content: string;
    readonly embedding: number[];
  }[];
}

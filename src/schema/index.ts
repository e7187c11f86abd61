export { chatMessages, MESSAGE_ROLES, type MessageRole } from './chat-messages.js';
export { chatVectors, chatVectorsTable } from './chat-vectors.js';
export { chats } from './chats.js';
export type { JsonObject, JsonValue } from './column-types.js';
export type { EmbeddingColumn, EmbeddingShape } from './embedding-shape.js';
export { users } from './users.js';

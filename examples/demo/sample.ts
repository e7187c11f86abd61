import { readFileSync } from 'node:fs';
import type { MessageRole } from '@macro-ai/store';
import { v5 as uuidv5 } from 'uuid';

export interface SampleTurn {
  readonly id: string;
  readonly role: MessageRole;
  readonly content: string;
}

export interface SampleChat {
  readonly id: string;
  readonly title: string;
  readonly turns: readonly SampleTurn[];
}

export interface SampleUser {
  readonly id: string;
  readonly name: string;
  readonly chats: readonly SampleChat[];
}

interface Dialogue {
  readonly user: string;
  readonly id: string;
  readonly turns: readonly (readonly ['u' | 'a', string])[];
}

const FILE = new URL('../data/chats/chats.jsonl', import.meta.url);
const NAMESPACE = 'c1c0a1f2-6a53-4b0c-9a3e-5d8f3b7e2a10';

/** The sample in users, the one with most chats first. Its ids are the same in every run, so a run can be repeated. */
export function readSample(): readonly SampleUser[] {
  const dialogues = readFileSync(FILE, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Dialogue);
  const names = [...new Set(dialogues.map((dialogue) => dialogue.user))];
  return names
    .map((name) => ({
      id: uuidv5(`user ${name}`, NAMESPACE),
      name,
      chats: dialogues.filter((dialogue) => dialogue.user === name).map(toChat),
    }))
    .sort((a, b) => b.chats.length - a.chats.length);
}

function toChat({ id: dialogueId, turns }: Dialogue): SampleChat {
  const id = uuidv5(`dialogue ${dialogueId}`, NAMESPACE);
  return {
    id,
    title: turns[0]?.[1].slice(0, 255) ?? dialogueId,
    turns: turns.map(([speaker, content], index) => ({
      // Ascending within the chat: messages that are appended together are read in the order of their ids.
      id: `${id.slice(0, -4)}${index.toString(16).padStart(4, '0')}`,
      role: speaker === 'u' ? 'user' : 'assistant',
      content,
    })),
  };
}

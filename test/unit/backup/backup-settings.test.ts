import { describe, expect, test } from 'vitest';
import { backupSettings } from '../../../src/backup/backup-settings.js';
import type { BackupsConfig } from '../../../src/backup/backups.js';
import { directoryDestination } from '../../../src/backup/directory-destination.js';
import { MacroStoreConfigError } from '../../../src/config.js';

const nameFor = (database: string, given: Partial<BackupsConfig> = {}) =>
  backupSettings({
    database: { url: `postgresql://localhost/${encodeURIComponent(database)}` },
    destination: directoryDestination('/backups'),
    ...given,
  }).name;

describe('the name of backups', () => {
  test.each(['chat', 'chat-2', 'chat_2.old'])(
    'is that of the database %s, where files can have it',
    (name) => {
      expect(nameFor(name)).toBe(name);
    },
  );

  test('tells databases apart whose names no file can have', () => {
    const names = ['база', 'данные', 'chat app', 'chat_app', 'chat/app', '-', '--', 'a--b', 'a-'].map(
      (name) => nameFor(name),
    );
    expect(new Set(names).size).toBe(names.length);
    // What is made of them is a name that could be given.
    for (const name of names) expect(nameFor('other', { name })).toBe(name);
  });

  test.each(['a-', 'a--b', '-a', ''])('cannot be %j, which another name could begin with', (name) => {
    expect(() => nameFor('chat', { name })).toThrow(MacroStoreConfigError);
  });
});

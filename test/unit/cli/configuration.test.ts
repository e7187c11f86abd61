import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConfiguration } from '../../../src/cli/configuration.js';
import { GivenOptions } from '../../../src/cli/options.js';

const FILE = {
  database: { url: 'postgresql://file/chat' },
  redis: { url: 'redis://file', keyPrefix: 'file:', commandTimeoutMillis: 50 },
};

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'macro-store-configuration-'));
  await writeFile(join(directory, 'macro-store.config.json'), JSON.stringify(FILE));
  await writeFile(join(directory, 'without.json'), JSON.stringify({ database: FILE.database }));
});
afterAll(() => rm(directory, { recursive: true }));

const redisOf = async (env: NodeJS.ProcessEnv, options: Record<string, string> = {}) =>
  (await readConfiguration(new GivenOptions(options), { env, directory })).redis;

describe('the Redis of a command line', () => {
  test.each([
    ['is that of the file', {}, FILE.redis],
    [
      'has the prefix of the variable, also with the URL of the file',
      { MACRO_STORE_REDIS_PREFIX: 'variable:' },
      { ...FILE.redis, keyPrefix: 'variable:' },
    ],
    [
      'has the URL of the variable with what else the file says',
      { REDIS_URL: 'redis://variable' },
      { ...FILE.redis, url: 'redis://variable' },
    ],
    [
      'has both of the variables',
      { REDIS_URL: 'redis://variable', MACRO_STORE_REDIS_PREFIX: 'variable:' },
      { url: 'redis://variable', keyPrefix: 'variable:', commandTimeoutMillis: 50 },
    ],
  ])('%s', async (_what, env, expected) => {
    expect(await redisOf(env)).toEqual(expected);
  });

  test('is none where only a prefix is given', async () => {
    expect(await redisOf({ MACRO_STORE_REDIS_PREFIX: 'a:' }, { config: 'without.json' })).toBeUndefined();
  });
});

import { describe, expect, test } from 'vitest';
import { s3Destination } from '../../../src/backup/s3-destination.js';

interface Command {
  readonly constructor: { readonly name: string };
  readonly input: Readonly<Record<string, string | undefined>>;
}

/** A client that answers from a function of the command, and keeps what it was sent. */
function clientOf(answer: (name: string, input: Command['input']) => object) {
  const sent: Command[] = [];
  const send = async (command: Command) => {
    sent.push(command);
    return answer(command.constructor.name, command.input);
  };
  return { sent, destination: s3Destination({ client: { send }, bucket: 'b', prefix: 'chat/' }) };
}

describe('s3Destination', () => {
  test('lists all pages of more than 1,000 keys', async () => {
    const keys = Array.from({ length: 2_500 }, (_, index) => `chat/a--${index}`);
    const { destination } = clientOf((_name, { ContinuationToken: token = '0' }) => {
      const end = Number(token) + 1_000;
      return {
        Contents: keys.slice(Number(token), end).map((Key) => ({ Key, Size: 1 })),
        IsTruncated: end < keys.length,
        NextContinuationToken: end < keys.length ? `${end}` : undefined,
      };
    });
    const listed = await destination.list('a--');
    expect(listed.map(({ name }) => `chat/${name}`)).toEqual(keys);
  });

  test('discards the open uploads of all pages', async () => {
    const { sent, destination } = clientOf((name, { KeyMarker, UploadIdMarker }) => {
      if (name === 'AbortMultipartUploadCommand') return {};
      if (KeyMarker === undefined) {
        return {
          Uploads: [{ Key: 'chat/a--1', UploadId: 'one' }],
          IsTruncated: true,
          NextKeyMarker: 'chat/a--1',
          NextUploadIdMarker: 'one',
        };
      }
      expect([KeyMarker, UploadIdMarker]).toEqual(['chat/a--1', 'one']);
      return { Uploads: [{ Key: 'chat/a--2', UploadId: 'two' }], IsTruncated: false };
    });
    await destination.discardUnfinished('a--');
    const aborted = sent.filter((command) => command.constructor.name === 'AbortMultipartUploadCommand');
    expect(aborted.map(({ input }) => input['UploadId'])).toEqual(['one', 'two']);
  });
});

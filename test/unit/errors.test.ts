import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  invalidInput,
  isStoreError,
  notFound,
  type StoreErrorKind,
  storeError,
  unredactedCauseOf,
} from '../../src/errors.js';
import { fromSqlState, sqlStateOf } from '../../src/sql-state.js';

describe('storeError', () => {
  it('is an Error that names its operation', () => {
    const error = storeError('conflict', 'users.create', 'another user has this id', {
      constraint: 'users_pkey',
    });
    expect(error).toBeInstanceOf(Error);
    expect(error.message).toBe('users.create: another user has this id');
    expect(error).toMatchObject({
      name: 'StoreError',
      kind: 'conflict',
      operation: 'users.create',
      retryable: false,
      constraint: 'users_pkey',
    });
    expect(error.stack).toContain('errors.test');
  });

  it('survives a hop through JSON', () => {
    const error = notFound('chats.getById', 'chat');
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: 'StoreError',
      kind: 'not-found',
      operation: 'chats.getById',
      retryable: false,
      entity: 'chat',
      message: 'chats.getById: no chat of this user has this id',
    });
  });

  it('keeps the cause by name and codes, and the original aside', () => {
    const original = Object.assign(new TypeError('with a value'), {
      code: '23505',
      detail: 'Key (email)=(a@b) already exists.',
      table: 'users',
      position: 7,
    });
    const error = storeError('internal', 'users.create', 'failed', {}, original);
    expect(error.cause).toEqual({ name: 'TypeError', code: '23505', table: 'users' });
    expect(unredactedCauseOf(error)).toBe(original);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('a@b');
  });

  it('keeps a cause that is an error of ours as it is', () => {
    const inner = notFound('chats.getById', 'chat');
    expect(storeError('internal', 'x.y', 'failed', {}, inner).cause).toBe(inner);
  });

  it.each([['text'], [7], [null], [Symbol('x')]])('takes %o as a thrown value', (thrown) => {
    const error = storeError('callback-threw', 'store.transaction', 'threw', {}, thrown);
    expect(error.cause).toEqual({ name: typeof thrown });
    expect(unredactedCauseOf(error)).toBe(thrown);
  });

  it('has no cause where none is given', () => {
    const error = storeError('closed', 'x.y', 'is closed');
    expect(error).not.toHaveProperty('cause');
    expect(unredactedCauseOf(error)).toBeUndefined();
  });

  it.each<[StoreErrorKind, boolean]>([
    ['unavailable', true],
    ['timeout', true],
    ['transaction-conflict', true],
    ['outcome-unknown', false],
    ['conflict', false],
    ['internal', false],
  ])('says of %s whether it may be tried again: %s', (kind, retryable) => {
    expect(storeError(kind as 'internal', 'x.y', 'failed').retryable).toBe(retryable);
  });
});

describe('isStoreError', () => {
  it('tells by shape, so that a second copy of the package agrees', () => {
    const foreign = Object.assign(new Error('x'), { name: 'StoreError', kind: 'closed', operation: 'x.y' });
    expect(isStoreError(foreign)).toBe(true);
    expect(isStoreError(notFound('x.y', 'user'))).toBe(true);
    for (const other of [new Error('x'), { name: 'StoreError', kind: 'closed', operation: 'x' }, null, 'x']) {
      expect(isStoreError(other)).toBe(false);
    }
  });
});

describe('sqlStateOf', () => {
  it.each([
    [{ code: '23505' }, '23505'],
    [{ code: '0A000' }, '0A000'],
    [{ code: '40P01' }, '40P01'],
    [{ code: 'EPIPE' }, undefined],
    [{ code: 'ECONNREFUSED' }, undefined],
    [{ code: 23505 }, undefined],
    [{ code: 'abcd1' }, undefined],
    [{}, undefined],
    [null, undefined],
    ['23505', undefined],
  ])('reads %o as %s', (error, expected) => {
    expect(sqlStateOf(error)).toBe(expected);
  });
});

describe('fromSqlState', () => {
  it.each<[string, StoreErrorKind]>([
    ['08006', 'unavailable'],
    ['22P02', 'invalid-input'],
    ['22001', 'invalid-input'],
    ['23502', 'invalid-input'],
    ['23503', 'conflict'],
    ['23505', 'conflict'],
    ['23514', 'invalid-input'],
    ['23P01', 'conflict'],
    ['25006', 'read-only'],
    ['25P02', 'transaction-ended'],
    ['25P03', 'unavailable'],
    ['28P01', 'permission-denied'],
    ['3D000', 'unavailable'],
    ['40001', 'transaction-conflict'],
    ['40P01', 'transaction-conflict'],
    ['42501', 'permission-denied'],
    ['42601', 'internal'],
    ['42P01', 'not-migrated'],
    ['42703', 'not-migrated'],
    ['53300', 'unavailable'],
    ['54000', 'invalid-input'],
    ['55P03', 'timeout'],
    ['57014', 'timeout'],
    ['57P01', 'unavailable'],
    ['57P03', 'unavailable'],
    ['P0001', 'internal'],
    ['XX000', 'internal'],
  ])('takes %s for %s', (sqlState, kind) => {
    const original = { code: sqlState };
    const error = fromSqlState('x.y', sqlState, original);
    expect(error.kind).toBe(kind);
    expect(error.message).toContain(sqlState);
    expect(unredactedCauseOf(error)).toBe(original);
  });

  it('names the constraint of a conflict, and the column or constraint of a refused value', () => {
    expect(fromSqlState('x.y', '23505', { constraint: 'email_idx' })).toMatchObject({
      constraint: 'email_idx',
    });
    expect(fromSqlState('x.y', '23502', { column: 'title' })).toMatchObject({ issues: [{ path: 'title' }] });
    expect(fromSqlState('x.y', '23514', { constraint: 'role_check' })).toMatchObject({
      issues: [{ path: 'role_check' }],
    });
    expect(fromSqlState('x.y', '22P02', {})).toMatchObject({ issues: [{ path: 'value' }] });
  });
});

describe('invalidInput', () => {
  it('says every field in its message', () => {
    const issues = [
      { path: 'limit', message: 'must be 1 or more' },
      { path: 'messages.3.id', message: 'must be a UUID' },
    ];
    const error = invalidInput('messages.appendMany', issues);
    expect(error.issues).toEqual(issues);
    expect(error.message).toBe(
      'messages.appendMany: invalid input: limit must be 1 or more; messages.3.id must be a UUID',
    );
  });
});

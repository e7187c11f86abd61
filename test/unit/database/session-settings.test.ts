import { describe, expect, it } from 'vitest';
import {
  beyondSession,
  SESSION_OPTIONS,
  SESSION_SETTINGS,
  settingsStatement,
} from '../../../src/database/session-settings.js';

describe('SESSION_OPTIONS', () => {
  it('says each setting the way the server reads start-up options', () => {
    expect(SESSION_OPTIONS).toBe('-c jit=off -c hnsw.iterative_scan=relaxed_order -c hnsw.ef_search=100');
  });
});

describe('beyondSession', () => {
  it('is nothing where the session has all of them', () => {
    expect(beyondSession(undefined)).toBeNull();
    expect(beyondSession({})).toBeNull();
    expect(beyondSession(SESSION_SETTINGS)).toBeNull();
    expect(beyondSession({ jit: 'off' })).toBeNull();
  });

  it('is what differs, and what the session does not set', () => {
    expect(
      beyondSession({ ...SESSION_SETTINGS, 'hnsw.ef_search': '400', 'hnsw.max_scan_tuples': '5000' }),
    ).toEqual({ 'hnsw.ef_search': '400', 'hnsw.max_scan_tuples': '5000' });
  });
});

describe('settingsStatement', () => {
  it('sets all in one statement, by parameters, until the transaction ends', () => {
    expect(settingsStatement({ jit: 'off', 'hnsw.ef_search': '400' })).toEqual({
      text: 'select set_config($1, $2, true), set_config($3, $4, true)',
      values: ['jit', 'off', 'hnsw.ef_search', '400'],
    });
  });

  it('sets them for the session where told so', () => {
    expect(settingsStatement({ jit: 'off' }, { isLocal: false }).text).toBe(
      'select set_config($1, $2, false)',
    );
  });
});

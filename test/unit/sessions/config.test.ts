import { describe, expect, it } from 'vitest';
import type { SessionsConfig } from '../../../src/config/session-config.js';
import { DEFAULTS, MacroStoreConfigError, resolveConfig } from '../../../src/config.js';

describe('the configuration of sessions', () => {
  it('has defaults, and lets what is silent follow what is not', () => {
    expect(resolveConfig().sessions).toEqual(DEFAULTS.sessions);
    expect(resolveConfig({ sessions: { lifetimeSeconds: 100 } }).sessions).toMatchObject({
      idleSeconds: 100,
      lifetimeSeconds: 100,
      touchIntervalSeconds: 10,
    });
  });

  it.each<[string, SessionsConfig]>([
    ['idleSeconds', { idleSeconds: NaN }],
    ['idleSeconds', { idleSeconds: 0 }],
    ['idleSeconds', { idleSeconds: 20, lifetimeSeconds: 10 }],
    ['lifetimeSeconds', { lifetimeSeconds: NaN }],
    ['lifetimeSeconds', { lifetimeSeconds: Infinity }],
    ['lifetimeSeconds', { lifetimeSeconds: -1 }],
    ['touchIntervalSeconds', { idleSeconds: 10, touchIntervalSeconds: 10 }],
    ['touchIntervalSeconds', { touchIntervalSeconds: -1 }],
    ['maxPerUser', { maxPerUser: 0 }],
    ['maxPerUser', { maxPerUser: 1_001 }],
    ['maxDataBytes', { maxDataBytes: 0 }],
    ['whenFull', { whenFull: 'panic' as 'refuse' }],
    ['durable', { durable: 'yes' as unknown as boolean }],
  ])('refuses %s in %j', (field, sessions) => {
    expect(() => resolveConfig({ sessions })).toThrow(MacroStoreConfigError);
    try {
      resolveConfig({ sessions });
    } catch (error) {
      expect((error as MacroStoreConfigError).issues.map(({ path }) => path)).toContain(`sessions.${field}`);
    }
  });
});

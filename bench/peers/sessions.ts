import { redisStorage } from '@better-auth/redis-storage';
import { betterAuth } from 'better-auth';
import { RedisStore } from 'connect-redis';
import session from 'express-session';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import type { SessionPeers } from '../sessions/peer-ports.js';

export const expressSession = session as unknown as SessionPeers['expressSession'];

export const openConnectRedis: SessionPeers['openConnectRedis'] = async (url, prefix) => {
  const client = await createClient({ url }).connect();
  const value = new RedisStore({ client, prefix }) as never;
  return { value, close: async () => client.destroy() };
};

export const openRedisStorage: SessionPeers['openRedisStorage'] = (url, keyPrefix) => {
  const client = new Redis(url);
  return { value: redisStorage({ client, keyPrefix }) as never, close: async () => client.disconnect() };
};

export const openBetterAuth: SessionPeers['openBetterAuth'] = async (secondaryStorage) => {
  const auth = betterAuth({
    baseURL: 'http://localhost',
    secret: 'for nothing but the benchmark, which signs nothing with it',
    secondaryStorage,
    telemetry: { enabled: false },
    logger: { disabled: true },
  });
  const { internalAdapter } = await auth.$context;
  let users = 0;
  return {
    async createUser() {
      users += 1;
      const user = await internalAdapter.createUser({
        email: `user${users}-${Date.now()}@example.org`,
        name: 'Ada',
      });
      return user.id;
    },
    create: async (userId) => (await internalAdapter.createSession(userId)).token,
    isSession: async (token) => (await internalAdapter.findSession(token)) !== null,
    refresh: async (token) => {
      await internalAdapter.updateSession(token, { expiresAt: new Date(Date.now() + 600_000) });
    },
    end: (token) => internalAdapter.deleteSession(token),
    endAll: (userId) => internalAdapter.deleteUserSessions(userId),
    list: async (userId) => (await internalAdapter.listSessions(userId)).map(({ token }) => token),
  };
};

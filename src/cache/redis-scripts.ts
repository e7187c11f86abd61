import { defineScript } from '../redis/redis-script.js';

/*
 * Every script takes keys of one cluster slot: for each value its own name and that of its lease. A lease
 * holds the token of the one who loads, or, after a failed load, a note that begins with `!` until the next
 * load may be tried.
 *
 * Those who write tell of it (`channel` not empty) for processes that Redis cannot tell of changes itself.
 * That must not fail the write, where the user may not publish: they do not listen either then.
 *
 * Redis tells nobody that what was not there is gone. But a load may be under way in a process that has no
 * lease, so what is removed is made first where it was not there.
 */

const TELL = `local function remove(key)
  if redis.call('DEL', key) == 0 then
    redis.pcall('SET', key, '', 'PX', 1)
    redis.call('DEL', key)
  end
end
local function tell(channel, origin, key)
  if channel ~= '' then redis.pcall('PUBLISH', channel, origin .. key) end
end
`;

/**
 * ARGV: token, lease in ms (0: take none), how long before its end a value counts as stale already, and for
 * each value the stamp of one to be thrown away, or ''.
 *
 * Gives for each: the value or nil, its remaining life, and who has the lease ('' for nobody).
 */
export const READ =
  defineScript(`local token, lease_ms, early_ms = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local found = {}
for i = 1, #KEYS, 2 do
  local value = redis.pcall('GET', KEYS[i])
  local left = redis.call('PTTL', KEYS[i])
  local is_fresh, lease = false, ''
  if type(value) ~= 'string' then
    value = false
  else
    local stamp, stale_ms = string.match(value, '^2 (%S+) (%d+) ')
    if stamp and stamp == ARGV[(i + 7) / 2] then
      redis.call('DEL', KEYS[i])
      value = false
    elseif stamp then
      is_fresh = left < 0 or left > tonumber(stale_ms) + early_ms
    end
  end
  if lease_ms > 0 and not is_fresh then
    lease = redis.call('GET', KEYS[i + 1])
    if not lease then
      local taken = redis.pcall('SET', KEYS[i + 1], token, 'PX', lease_ms)
      lease = taken['ok'] and token or ''
    end
  end
  found[#found + 1] = value
  found[#found + 1] = left
  found[#found + 1] = lease
end
return found`);

/** Gives for each the stamp of the value, or ''. */
export const STAMPS = defineScript(`local stamps = {}
for i = 1, #KEYS, 2 do
  local head = redis.pcall('GETRANGE', KEYS[i], 0, 63)
  stamps[#stamps + 1] = type(head) == 'string' and string.match(head, '^2 (%S+) ') or ''
end
return stamps`);

/** ARGV: token, channel, origin, then value and life of each. Gives for each whether the lease was still held. */
export const FILL = defineScript(`${TELL}local stored = {}
for i = 1, #KEYS, 2 do
  local is_held = redis.call('GET', KEYS[i + 1]) == ARGV[1]
  if is_held then
    redis.call('SET', KEYS[i], ARGV[i + 3], 'PX', ARGV[i + 4])
    redis.call('DEL', KEYS[i + 1])
    tell(ARGV[2], ARGV[3], KEYS[i])
  end
  stored[#stored + 1] = is_held and 1 or 0
end
return stored`);

/** ARGV: token, milliseconds. Gives for each whether it is still held. */
export const RENEW_LEASE = defineScript(`local held = {}
for i = 1, #KEYS, 2 do
  local is_held = redis.call('GET', KEYS[i + 1]) == ARGV[1]
  if is_held then redis.call('PEXPIRE', KEYS[i + 1], ARGV[2]) end
  held[#held + 1] = is_held and 1 or 0
end
return held`);

/** ARGV: token, note, how long it keeps others from loading; 0 frees the lease. */
export const END_LEASE = defineScript(`for i = 1, #KEYS, 2 do
  if redis.call('GET', KEYS[i + 1]) == ARGV[1] then
    if tonumber(ARGV[3]) > 0 then redis.call('SET', KEYS[i + 1], ARGV[2], 'PX', ARGV[3])
    else redis.call('DEL', KEYS[i + 1]) end
  end
end
return {}`);

/** ARGV: channel, origin, then value and life of each. */
export const WRITE = defineScript(`${TELL}local done = {}
for i = 1, #KEYS, 2 do
  redis.call('SET', KEYS[i], ARGV[i + 2], 'PX', ARGV[i + 3])
  redis.call('DEL', KEYS[i + 1])
  tell(ARGV[1], ARGV[2], KEYS[i])
  done[#done + 1] = 1
end
return done`);

/** ARGV: channel, origin. */
export const REMOVE = defineScript(`${TELL}local done = {}
for i = 1, #KEYS, 2 do
  redis.call('DEL', KEYS[i + 1])
  remove(KEYS[i])
  tell(ARGV[1], ARGV[2], KEYS[i])
  done[#done + 1] = 1
end
return done`);

/** ARGV: channel, origin. Gives value or nil, and remaining life, and removes value and lease. */
export const TAKE = defineScript(`${TELL}local value = redis.pcall('GET', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
redis.call('DEL', KEYS[2])
remove(KEYS[1])
tell(ARGV[1], ARGV[2], KEYS[1])
return { type(value) == 'string' and value, left }`);

/**
 * KEYS: versions of tags. ARGV: a version for tags that have none, how long each must live at least.
 *
 * A tag that was evicted gets a version that no value has: a miss, never an outdated value.
 */
export const TAG_VERSIONS = defineScript(`local versions = {}
for i, key in ipairs(KEYS) do
  local version = redis.call('GET', key)
  if not version then
    version = ARGV[1]
    redis.call('SET', key, version, 'PX', 2 * ARGV[2])
  elseif redis.call('PTTL', key) < tonumber(ARGV[2]) then
    redis.call('PEXPIRE', key, 2 * ARGV[2])
  end
  versions[i] = version
end
return versions`);

/**
 * KEYS: of each tag, its version and its name. ARGV: channel, origin. Without its version a tag gets a new one when
 * it is next looked at.
 */
export const INVALIDATE_TAGS = defineScript(`${TELL}local done = {}
for i = 1, #KEYS, 2 do
  redis.call('DEL', KEYS[i])
  remove(KEYS[i + 1])
  tell(ARGV[1], ARGV[2], KEYS[i + 1])
  done[#done + 1] = 1
end
return done`);

/** ARGV: channel, origin. For those who listen: forget everything. */
export const TELL_FLUSHED = defineScript("return redis.pcall('PUBLISH', ARGV[1], ARGV[2])");

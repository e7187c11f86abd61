import { defineScript } from '../redis/redis-script.js';

// All that is kept of a user is one hash: for each session id what session-record.ts writes, with its data, and the
// user's epoch. So an index that lacks a session, or has one too many, cannot be. Time is the server's.
export const SESSION_PRELUDE = `
local key = KEYS[1]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function parse(text)
  local hash, expires, seen, version, created, ends, idle, about, after =
    string.match(text, '^(%S+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) ([^\\n]*)\\n()')
  if not hash then return nil end
  return { hash = hash, version = tonumber(version), created = tonumber(created), seen = tonumber(seen),
    expires = tonumber(expires), ends = tonumber(ends), idle = tonumber(idle), about = about,
    payload = string.sub(text, after) }
end

-- What is in the key is to be gone when its time is over; a longer life of another session stays.
local function keepUntil(instant)
  if redis.call('PTTL', key) < instant - now then redis.call('PEXPIREAT', key, instant) end
end

local function write(id, session)
  local text = string.format('%s %013d %013d %d %d %d %d %s\\n', session.hash, session.expires, session.seen,
    session.version, session.created, session.ends, session.idle, session.about) .. session.payload
  redis.call('HSET', key, id, text)
  keepUntil(session.expires)
  return text
end

local function see(session)
  session.seen = now
  session.expires = math.min(now + session.idle, session.ends)
end

-- Lua keeps each short text once, so this compares two addresses: its time tells nothing of the hashes.
local function live(id, hash)
  local text = redis.call('HGET', key, id)
  local session = text and parse(text)
  if not session then return nil end
  if session.expires <= now then
    redis.call('HDEL', key, id)
    return nil
  end
  if session.hash ~= hash then return nil end
  return session, text
end

local function allLive()
  local found = {}
  local fields = redis.call('HGETALL', key)
  for at = 1, #fields, 2 do
    local session = parse(fields[at + 1])
    if session and session.expires <= now then
      redis.call('HDEL', key, fields[at])
    elseif session then
      session.id, session.text = fields[at], fields[at + 1]
      found[#found + 1] = session
    end
  end
  table.sort(found, function(a, b) return a.seen > b.seen end)
  return found
end
`;

/** id, hash, payload, idle, lifetime, about, epoch or '', maximum, 'refuse' or '' → the record, or what is against it. */
export const CREATE_SESSION = defineScript(`${SESSION_PRELUDE}
local id, hash, payload, idle, lifetime, about, epoch, most, whenFull = unpack(ARGV)
most = tonumber(most)
if epoch ~= '' and redis.call('HGET', key, 'epoch') ~= epoch then return 'epoch' end
-- Only where there may be too many are all of them looked at.
if redis.call('HLEN', key) >= most then
  local sessions = allLive()
  if #sessions >= most and whenFull == 'refuse' then return 'full' end
  for at = most, #sessions do redis.call('HDEL', key, sessions[at].id) end
end
local session = { hash = hash, version = 1, created = now, ends = now + lifetime, idle = tonumber(idle), about = about,
  payload = payload }
see(session)
return { write(id, session) }
`);

/**
 * id, hash, interval between touches or -1 → the record, in a list if it was touched. This is asked with every request:
 * what it needs is cut out by its place, and what it has in common with the others is not even loaded where there is
 * nothing to write.
 */
export const READ_SESSION = defineScript(`
local text = redis.call('HGET', KEYS[1], ARGV[1])
if not text or string.sub(text, 1, 43) ~= ARGV[2] then return nil end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local expires, seen = tonumber(string.sub(text, 45, 57)), tonumber(string.sub(text, 59, 71))
if not expires or not seen or expires <= now then return nil end
local interval = tonumber(ARGV[3])
if interval < 0 or now - seen < interval then return text end
${SESSION_PRELUDE}
local session = live(ARGV[1], ARGV[2])
if not session then return nil end
see(session)
return { write(ARGV[1], session) }
`);

/** id, hash, version, payload → the record, or what is against it. */
export const UPDATE_SESSION = defineScript(`${SESSION_PRELUDE}
local session = live(ARGV[1], ARGV[2])
if not session then return nil end
if session.version ~= tonumber(ARGV[3]) then return 'version' end
session.version = session.version + 1
session.payload = ARGV[4]
see(session)
return { write(ARGV[1], session) }
`);

/** id, hash, new hash → the record. */
export const ROTATE_SESSION = defineScript(`${SESSION_PRELUDE}
local session = live(ARGV[1], ARGV[2])
if not session then return nil end
session.hash = ARGV[3]
session.version = session.version + 1
see(session)
return write(ARGV[1], session)
`);

/** id, hash or '' → 1 if there was one. */
export const REMOVE_SESSION = defineScript(`${SESSION_PRELUDE}
local text = redis.call('HGET', key, ARGV[1])
local session = text and parse(text)
if not session or (ARGV[2] ~= '' and session.hash ~= ARGV[2]) then return 0 end
redis.call('HDEL', key, ARGV[1])
return session.expires > now and 1 or 0
`);

/** → id, record without payload, id, record, …, the most recently seen first. */
export const LIST_SESSIONS = defineScript(`${SESSION_PRELUDE}
local listed = {}
for _, session in ipairs(allLive()) do
  listed[#listed + 1] = session.id
  listed[#listed + 1] = string.sub(session.text, 1, #session.text - #session.payload)
end
return listed
`);

/** id and hash of the one that stays, or nothing → how many ended; nil where that one is not there. */
export const REMOVE_ALL_SESSIONS = defineScript(`${SESSION_PRELUDE}
local id, hash = ARGV[1], ARGV[2]
local kept = id and live(id, hash)
if id and not kept then return nil end
local count = #allLive()
redis.call('DEL', key)
if not kept then return count end
write(id, kept)
return count - 1
`);

/** a new epoch, milliseconds it lives → the user's epoch. */
export const SESSION_EPOCH = defineScript(`${SESSION_PRELUDE}
redis.call('HSETNX', key, 'epoch', ARGV[1])
keepUntil(now + ARGV[2])
return redis.call('HGET', key, 'epoch')
`);

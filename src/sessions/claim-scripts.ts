import { defineScript } from '../redis/redis-script.js';
import { SESSION_PRELUDE } from './session-scripts.js';

// The claim of a user says who may put sessions into Redis that PostgreSQL has: `<token> <until> <kind>`, where the
// kind is `restore`, `change`, or `contested` for a change that began while another was under way.
const CLAIMS = `${SESSION_PRELUDE}
local function readClaim()
  local text = redis.call('HGET', key, 'claim')
  local token, ends, kind = string.match(text or '', '^(%S+) (%d+) (%S+)$')
  if not token or tonumber(ends) <= now then return nil end
  return { token = token, ends = tonumber(ends), kind = kind, text = text }
end

local function writeClaim(token, milliseconds, kind)
  redis.call('HSET', key, 'claim', string.format('%s %d %s', token, now + milliseconds, kind))
  keepUntil(now + milliseconds)
end

local function put(id, text)
  local session = parse(text)
  if session and session.expires > now then write(id, session) end
end
`;

/** token, milliseconds → 1 if it may restore. */
export const CLAIM_RESTORE = defineScript(`${CLAIMS}
if readClaim() then return 0 end
writeClaim(ARGV[1], ARGV[2], 'restore')
return 1
`);

/** token, and id and record or nothing → 1 if it still might. */
export const FINISH_RESTORE = defineScript(`${CLAIMS}
local claim = readClaim()
if not claim or claim.token ~= ARGV[1] then return 0 end
redis.call('HDEL', key, 'claim')
if ARGV[2] then put(ARGV[2], ARGV[3]) end
return 1
`);

/** token, milliseconds, 'all' or the ids of sessions to be read from PostgreSQL from here on. */
export const BEGIN_CHANGE = defineScript(`${CLAIMS}
local claim = readClaim()
local kind = claim and claim.kind ~= 'restore' and 'contested' or 'change'
if ARGV[3] == 'all' then
  redis.call('DEL', key)
else
  for at = 3, #ARGV do redis.call('HDEL', key, ARGV[at]) end
end
writeClaim(ARGV[1], ARGV[2], kind)
return 1
`);

/** token, id and record or twice '', 'all' or ids as above → 1 if the session was put. */
export const FINISH_CHANGE = defineScript(`${CLAIMS}
local token, id, text = ARGV[1], ARGV[2], ARGV[3]
local claim = readClaim()
local isSole = claim and claim.token == token and claim.kind == 'change'

-- Where the claim was lost, in a flush or to another change, an old session may have been restored since.
if ARGV[4] == 'all' then
  redis.call('DEL', key)
else
  for at = 4, #ARGV do redis.call('HDEL', key, ARGV[at]) end
end

if isSole or (claim and claim.kind == 'restore') then
  redis.call('HDEL', key, 'claim')
elseif claim then
  redis.call('HSET', key, 'claim', claim.text)
  keepUntil(claim.ends)
end
if not isSole or id == '' then return 0 end
put(id, text)
return 1
`);

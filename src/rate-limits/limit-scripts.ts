import { defineScript } from '../redis/redis-script.js';

// Of one key and its rule; `now` in microseconds since 1970 by the server's clock. The same arithmetic as in
// gcra.ts and sliding-window.ts: whole numbers below 2^53, which Lua's doubles hold exactly.
const COUNTING = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function window_at(key, span)
  local stored, previous, current = string.match(redis.call('GET', key) or '', '^(%d+):(%d+):(%d+)$')
  stored, previous, current = tonumber(stored) or -2, tonumber(previous) or 0, tonumber(current) or 0
  local index = math.max(math.floor(now / span), stored)
  local elapsed = math.max(0, now - index * span)
  if stored == index then return index, elapsed, previous, current end
  return index, elapsed, stored == index - 1 and current or 0, 0
end

local function keep_arrival(key, arrival)
  redis.call('SET', key, arrival, 'PX', math.ceil((arrival - now) / 1000))
end

local function keep_window(key, span, elapsed, index, previous, current)
  local value = string.format('%.0f:%.0f:%.0f', index, previous, current)
  redis.call('SET', key, value, 'PX', math.ceil((2 * span - elapsed) / 1000))
end
`;

/**
 * As {@link CHARGE} spends where all limits are of GCRA, in half the time: two arguments a key, what may be spent and
 * what is to be, in microseconds. Answers one number a key: how much is spent, or below 0 what is missing.
 */
export const SPEND_GCRA = defineScript(`
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local arrivals = redis.call('MGET', unpack(KEYS))
local fits = true
local levels = {}
for i = 1, #KEYS do
  local arrival = tonumber(arrivals[i] or 0)
  local level = ARGV[2 * i] + 0
  if arrival and arrival > now then level = level + arrival - now end
  local over = level - ARGV[2 * i - 1]
  if over > 0 then
    fits = false
    level = -over
  end
  levels[i] = level
end
for i = 1, #KEYS do
  local level = levels[i]
  if fits then redis.call('SET', KEYS[i], now + level, 'PX', math.ceil(level / 1000))
  elseif level >= 0 then levels[i] = level - ARGV[2 * i] end
end
return levels
`);

/**
 * Spends from every key or from none. `ARGV[1]`: 1 to spend, 0 to ask only; then four a key: algorithm,
 * microseconds, capacity, cost. Answers three whole numbers a key, as a {@link Standing} has them.
 */
export const CHARGE = defineScript(`${COUNTING}
local fits = true
local reply, after = {}, {}

-- What is found at a key, and what would be there after the cost was spent.
local function gcra(i, at, span, capacity, cost)
  local full = capacity * span
  local arrival = math.max(tonumber(redis.call('GET', KEYS[i]) or nil) or 0, now)
  local spent = arrival + cost * span
  reply[at] = math.max(0, spent - now - full)
  reply[at + 1] = math.max(0, math.floor((full - (arrival - now)) / span))
  reply[at + 2] = arrival - now
  after[i] = spent
end

local function spend_gcra(i, at, span, capacity)
  keep_arrival(KEYS[i], after[i])
  reply[at + 1] = math.floor((capacity * span - (after[i] - now)) / span)
  reply[at + 2] = after[i] - now
end

local function sliding(i, at, span, capacity, cost)
  local index, elapsed, previous, current = window_at(KEYS[i], span)
  local carried = previous * (span - elapsed) / span
  local room = capacity - cost
  if current + carried <= room then reply[at] = 0
  elseif current <= room then reply[at] = math.ceil(span * (previous - (room - current)) / previous) - elapsed
  else reply[at] = span - elapsed + math.ceil(span * (current - room) / current) end
  reply[at + 1] = math.max(0, math.floor(capacity - current - carried))
  reply[at + 2] = current > 0 and 2 * span - elapsed or previous > 0 and span - elapsed or 0
  after[i] = { index, elapsed, previous, current + cost, carried }
end

local function spend_sliding(i, at, span, capacity)
  local index, elapsed, previous, count, carried = unpack(after[i])
  keep_window(KEYS[i], span, elapsed, index, previous, count)
  reply[at + 1] = math.max(0, math.floor(capacity - count - carried))
  reply[at + 2] = 2 * span - elapsed
end

for i = 1, #KEYS do
  local a = 4 * i - 2
  local try = ARGV[a] == 'gcra' and gcra or sliding
  try(i, 3 * i - 2, tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2]), tonumber(ARGV[a + 3]))
  fits = fits and reply[3 * i - 2] == 0
end
if fits and ARGV[1] == '1' then
  for i = 1, #KEYS do
    local a = 4 * i - 2
    local spend = ARGV[a] == 'gcra' and spend_gcra or spend_sliding
    spend(i, 3 * i - 2, tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2]))
  end
end
return reply
`);

/** Gives units back (below 0) or charges them without asking: algorithm, microseconds, capacity, units. */
export const ADJUST = defineScript(`${COUNTING}
local key, span, capacity, units = KEYS[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
if ARGV[1] == 'gcra' then
  local arrival = math.max(tonumber(redis.call('GET', key) or nil) or 0, now) + units * span
  arrival = math.min(arrival, now + 2 * capacity * span)
  if arrival > now then keep_arrival(key, arrival) else redis.call('DEL', key) end
else
  local index, elapsed, previous, current = window_at(key, span)
  local count = math.min(current + units, 2 * capacity)
  local before = math.max(0, previous + math.min(0, count))
  if count > 0 or before > 0 then keep_window(key, span, elapsed, index, before, math.max(0, count))
  else redis.call('DEL', key) end
end
return 1
`);

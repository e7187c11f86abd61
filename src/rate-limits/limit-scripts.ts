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
 * Spends from every key or from none. `ARGV[1]`: 1 to spend, 0 to ask only; then four a key: algorithm,
 * microseconds, capacity, cost. Answers three whole numbers a key, as a {@link Standing} has them.
 */
export const CHARGE = defineScript(`${COUNTING}
local fits = true
local reply, spends = {}, {}

local function gcra(at, key, span, capacity, cost)
  local full = capacity * span
  local arrival = math.max(tonumber(redis.call('GET', key) or nil) or 0, now)
  local spent = arrival + cost * span
  local function tell(level)
    reply[at + 1] = math.max(0, math.floor((full - (level - now)) / span))
    reply[at + 2] = level - now
  end
  reply[at] = math.max(0, spent - now - full)
  tell(arrival)
  return function() keep_arrival(key, spent); tell(spent) end
end

local function sliding(at, key, span, capacity, cost)
  local index, elapsed, previous, current = window_at(key, span)
  local carried = previous * (span - elapsed) / span
  local function tell(count)
    reply[at + 1] = math.max(0, math.floor(capacity - count - carried))
    reply[at + 2] = count > 0 and 2 * span - elapsed or previous > 0 and span - elapsed or 0
  end
  local room = capacity - cost
  if current + carried <= room then reply[at] = 0
  elseif current <= room then reply[at] = math.ceil(span * (previous - (room - current)) / previous) - elapsed
  else reply[at] = span - elapsed + math.ceil(span * (current - room) / current) end
  tell(current)
  return function()
    keep_window(key, span, elapsed, index, previous, current + cost)
    tell(current + cost)
  end
end

for i, key in ipairs(KEYS) do
  local try = ARGV[4 * i - 2] == 'gcra' and gcra or sliding
  local at = 3 * i - 2
  spends[i] = try(at, key, tonumber(ARGV[4 * i - 1]), tonumber(ARGV[4 * i]), tonumber(ARGV[4 * i + 1]))
  fits = fits and reply[at] == 0
end
if fits and ARGV[1] == '1' then
  for _, spend in ipairs(spends) do spend() end
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

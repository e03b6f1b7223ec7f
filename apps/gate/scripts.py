"""Permits in the state Redis. Each script is one step, so that limits hold however many workers ask.

Of each limit there are two keys: its state, and how many jobs wait for it. Whoever is not sent by the gate
itself lets those go first. Times are milliseconds by Redis's clock.
"""

# All permits or none. ARGV: job, "1" for a permit in advance, for how long that holds, then for each limit
# its kind and two numbers. A job that was sent on has its permits already. Returns {0}, or the number of the
# limit that refused and in how many milliseconds it may be otherwise (0: nobody knows).
#
# Of a rate two buckets are kept. What is sent on is charged to the first. Who begins fills the second, which
# takes a little more at once: jobs whose messages have waited for a worker don't begin all together.
ADMIT = """
local SLACK = 200
local clock = redis.call('TIME')
local now = clock[1] * 1000 + clock[2] / 1000
local job, ahead, kept = ARGV[1], ARGV[2] == '1', tonumber(ARGV[3])
local passed = redis.call(ahead and 'EXISTS' or 'DEL', KEYS[1]) == 1
local count = (#KEYS - 1) / 2
local function limit(i)
  return KEYS[2 * i], KEYS[2 * i + 1], ARGV[3 * i + 1], tonumber(ARGV[3 * i + 2]), tonumber(ARGV[3 * i + 3])
end
if not passed then
  for i = 1, count do
    local key, line, kind, a, b = limit(i)
    local mine = kind == 'concurrency' and redis.call('ZSCORE', key, job)
    if not ahead and not mine and tonumber(redis.call('GET', line) or 0) > 0 then return {i, 0} end
    if kind == 'rate' then
      local full = tonumber(redis.call('GET', key) or 0)
      if full - b > now then return {i, math.ceil(full - b - now)} end
    elseif kind == 'concurrency' then
      redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
      if not mine and redis.call('ZCARD', key) >= a then return {i, 0} end
    elseif kind == 'breaker' then
      local state = redis.call('HMGET', key, 'until', 'probe', 'probed')
      local open = tonumber(state[1] or 0)
      if open > now then return {i, math.ceil(open - now)} end
      if open > 0 and state[2] and state[2] ~= job and tonumber(state[3]) > now then
        return {i, math.ceil(tonumber(state[3]) - now)}
      end
    end
  end
end
local function begun(key) return tonumber(redis.call('GET', key .. ':begun') or 0) end
local function fill(key, full)
  redis.call('SET', key, string.format('%.3f', full), 'PX', math.ceil(full - now) + 1000)
end
if not ahead then
  for i = 1, count do
    local key, line, kind, a, b = limit(i)
    local early = kind == 'rate' and begun(key) - b - SLACK - now or 0
    if early > 0 then return {i, math.ceil(early)} end
  end
end
for i = 1, count do
  local key, line, kind, a, b = limit(i)
  if kind == 'rate' then
    if not passed then fill(key, math.max(tonumber(redis.call('GET', key) or 0), now) + a) end
    if not ahead then fill(key .. ':begun', math.max(begun(key), now) + a) end
  elseif kind == 'concurrency' then
    local lease = ahead and kept or b
    redis.call('ZADD', key, now + lease, job)
    if redis.call('PTTL', key) < lease + 1000 then redis.call('PEXPIRE', key, lease + 1000) end
  elseif kind == 'breaker' and redis.call('HEXISTS', key, 'until') == 1 then
    redis.call('HSET', key, 'probe', job, 'probed', now + a)
  end
end
if ahead then redis.call('SET', KEYS[1], 1, 'PX', kept) end
return {0}
"""

# Gives places back. KEYS: what wakes the gate, then of each limit of concurrency its place and its line.
LEAVE = """
local waiting = 0
for i = 2, #KEYS, 2 do
  redis.call('ZREM', KEYS[i], ARGV[1])
  waiting = waiting + tonumber(redis.call('GET', KEYS[i + 1]) or 0)
end
if waiting > 0 and redis.call('LLEN', KEYS[1]) == 0 then redis.call('RPUSH', KEYS[1], 1) end
"""

# Holds places for longer, while the job runs. ARGV: job, milliseconds.
RENEW = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + clock[2] / 1000
for i = 1, #KEYS do
  redis.call('ZADD', KEYS[i], now + ARGV[2], ARGV[1])
  redis.call('PEXPIRE', KEYS[i], ARGV[2] + 1000)
end
"""

# One more failure behind a breaker. ARGV: failures that open it, within, wait. Returns 1 when it opens.
FAIL = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + clock[2] / 1000
local state = redis.call('HMGET', KEYS[1], 'failures', 'last', 'until')
local failures = tonumber(state[1] or 0) + 1
if tonumber(state[2] or 0) + ARGV[2] < now then failures = 1 end
local opened = 0
if (state[3] and tonumber(state[3]) <= now) or (not state[3] and failures >= tonumber(ARGV[1])) then
  redis.call('HSET', KEYS[1], 'until', now + ARGV[3])
  redis.call('HDEL', KEYS[1], 'probe', 'probed')
  opened = 1
end
redis.call('HSET', KEYS[1], 'failures', failures, 'last', now)
redis.call('PEXPIRE', KEYS[1], 2 * math.max(ARGV[2], ARGV[3]) + 60000)
return opened
"""

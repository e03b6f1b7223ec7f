"""What happens in Redis when a job's state changes: all of it in one round trip.

A job's hash of tries (`names.tries_key`): `s` its state, `n` how often it was started, `t` the token of
the latest start, `o` that start's order: replacements and retries, larger for a later message, `d` the
delivery that was started and `i` by which worker, `e` the token of the try that ended it, `r` the entry of
its latest reopening, which every entry after it repeats: without it, what comes after an end changes
nothing, `c` who asked it to end, and why.
"""

# Refuses what must not run: a job that has ended, a message whose retry is on its way already, and a
# second copy of the message that is being run. A message that was delivered before may run again. Who asks
# again for the same delivery, because the answer was lost on its way, gets the same answer. A job that is
# older than all that Redis knows may have ended before Redis lost its data: "unsure", unless ARGV[11] says
# that the ledger was asked. Publishers' clocks may differ from Redis's by a minute.
START = """
local state, count, order, token, delivery, since, cancel =
  unpack(redis.call('HMGET', KEYS[1], 's', 'n', 'o', 't', 'd', 'r', 'c'))
local asked, redelivered = tonumber(ARGV[2]), ARGV[3] == '1'
if not state and ARGV[11] ~= '1' then
  local known_since = redis.call('GET', KEYS[4])
  if not known_since then
    known_since = redis.call('TIME')[1]
    redis.call('SET', KEYS[4], known_since)
  end
  if tonumber(ARGV[10]) < tonumber(known_since) + 60 then return {'unsure'} end
end
if state then
  if state == 'SUCCESS' or state == 'FAILURE' or state == 'REVOKED' then return {'ended', state} end
  if state == 'STARTED' and delivery == ARGV[8] then return {'run', tonumber(count), token} end
  if asked <= tonumber(order or -1) then
    if state == 'RETRY' then return {'superseded', state} end
    if state == 'STARTED' and not redelivered then return {'copy', state} end
  end
end
if cancel then return {'cancelled'} end
local number = tonumber(count or 0) + 1
local entry = redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[6], '*',
  'kind', 'STARTED', 'id', ARGV[1], 'n', number, 'since', since or '', 'doc', ARGV[5])
redis.call('HSET', KEYS[1], 's', 'STARTED', 'n', number, 'o', asked, 't', entry, 'd', ARGV[8],
  'i', ARGV[9])
redis.call('EXPIRE', KEYS[1], ARGV[4])
if ARGV[7] == '1' then
  redis.call('SET', KEYS[2], ARGV[5], 'EX', ARGV[4])
  redis.call('PUBLISH', KEYS[2], ARGV[5])
end
return {'run', number, entry}
"""

# Stores an outcome unless the job has ended. A try that is told of too late, after its job has ended or the
# next try of a retry began, ends for itself but leaves the state alone. Who doesn't name a try ends the one
# that runs, if one does.
FINISH = """
local state, count, order, token, ender, since =
  unpack(redis.call('HMGET', KEYS[1], 's', 'n', 'o', 't', 'e', 'r'))
local ended = state == 'SUCCESS' or state == 'FAILURE' or state == 'REVOKED'
local kind, keep = ARGV[2], ARGV[5]
local number, mine = ARGV[8], ARGV[9]
if ended and (mine == '' or mine == ender) then return 0 end
if mine == '' then number, mine = count or 0, state == 'STARTED' and token or '' end
local later = tonumber(order or -1) > tonumber(ARGV[3])
local late = ended or (kind == 'RETRY' or kind == 'SNOOZED') and later
if not late then
  redis.call('HSET', KEYS[1], 's', kind, 'e', mine)
  if tonumber(ARGV[4]) > 0 then redis.call('EXPIRE', KEYS[1], ARGV[4]) end
  if ARGV[6] ~= '' then
    if tonumber(keep) > 0 then redis.call('SET', KEYS[2], ARGV[6], 'EX', keep)
    else redis.call('SET', KEYS[2], ARGV[6]) end
    redis.call('PUBLISH', KEYS[2], ARGV[6])
  end
end
local doc = ARGV[7]
if doc == '' then doc = ARGV[6] end
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[10], '*', 'kind', late and 'ended' or kind,
  'as', kind, 'id', ARGV[1], 'n', number, 'token', mine, 'since', since or '', 'doc', doc)
return ended and 0 or 1
"""

# A state of the task's own, such as PROGRESS: stored for waiters and mirrored, but no move of the job.
TELL = """
local state = redis.call('HGET', KEYS[1], 's')
if state == 'SUCCESS' or state == 'FAILURE' or state == 'REVOKED' then return 0 end
if tonumber(ARGV[2]) > 0 then redis.call('SET', KEYS[2], ARGV[3], 'EX', ARGV[2])
else redis.call('SET', KEYS[2], ARGV[3]) end
redis.call('PUBLISH', KEYS[2], ARGV[3])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[4], '*', 'kind', 'told', 'id', ARGV[1], 'doc', ARGV[3])
return 1
"""

# Lets a job run again, whatever its end was. Its tries go on counting.
REOPEN = """
local entry = redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[5], '*', 'kind', 'reopened', 'id', ARGV[1],
  'doc', ARGV[4])
redis.call('HSET', KEYS[1], 's', ARGV[2], 'r', entry)
redis.call('HDEL', KEYS[1], 'd', 'e', 'c')
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('DEL', KEYS[2])
return entry
"""

# The worker noticed that the process which ran this try has died. The job waits for its redelivery.
LOSE = """
local state, count, token, since, instance = unpack(redis.call('HMGET', KEYS[1], 's', 'n', 't', 'r', 'i'))
if state ~= 'STARTED' then return 0 end
if ARGV[5] ~= '' and ARGV[5] ~= instance then return 0 end
if ARGV[2] ~= '' and ARGV[2] ~= token then return 0 end
redis.call('HSET', KEYS[1], 's', 'LOST')
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[4], '*', 'kind', 'lost', 'id', ARGV[1],
  'n', count, 'token', token, 'since', since or '', 'doc', ARGV[3])
return 1
"""

# The job has to wait before it may start. Refuses what START would refuse. A try that was under way has died:
# its message came back.
HOLD = """
local state, count, order, since = unpack(redis.call('HMGET', KEYS[1], 's', 'n', 'o', 'r'))
if state == 'SUCCESS' or state == 'FAILURE' or state == 'REVOKED' then return 'ended' end
if state and tonumber(ARGV[2]) <= tonumber(order or -1) then
  if state == 'RETRY' then return 'superseded' end
  if state == 'STARTED' and ARGV[3] ~= '1' then return 'copy' end
end
if state == 'STARTED' then redis.call('HSET', KEYS[1], 's', 'LOST') end
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[5], '*', 'kind', 'held', 'id', ARGV[1], 'n', count or 0,
  'since', since or '', 'doc', ARGV[4])
return 'held'
"""

# Asks a job that runs to end: its code, its worker, and whoever would start it again.
ASK = """
local state = redis.call('HGET', KEYS[1], 's')
if state and state ~= 'STARTED' then return 0 end
redis.call('HSET', KEYS[1], 'c', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""

package redisbus

import "github.com/redis/go-redis/v9"

// Fields of a line's hash: epoch, run (the Redis process it began in), last
// (the highest number given out), offset, and n:NODE, the newest serial of a
// node. The key `souk:run` holds the process that runs now; every connection
// compares it before its first command.

// noteRun is run by every new connection. KEYS: run. ARGV: the process.
var noteRun = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then redis.call('SET', KEYS[1], ARGV[1]) end
return 1`)

// publish puts a parcel at the end of a line and returns its offset; 0: it is
// there already; -1: the epoch is over.
// KEYS: line, parcels, run. ARGV: epoch, node, serial, numbers, data, kept
// parcels, milliseconds to live, Pub/Sub channel.
var publish = redis.NewScript(`
local l = redis.call('HMGET', KEYS[1], 'epoch', 'run', 'last', 'offset', 'n:' .. ARGV[2])
if l[1] ~= ARGV[1] or l[2] ~= redis.call('GET', KEYS[3]) then return -1 end
if l[5] and tonumber(l[5]) >= tonumber(ARGV[3]) then return 0 end
local offset, last = tonumber(l[4]) + 1, tonumber(l[3])
local parcel = string.format('%s %d %d %s %s %s ', ARGV[1], offset, last + 1, ARGV[4], ARGV[2], ARGV[3]) .. ARGV[5]
redis.call('HSET', KEYS[1], 'last', last + tonumber(ARGV[4]), 'offset', offset, 'n:' .. ARGV[2], ARGV[3])
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[6], string.format('%d-0', offset), 'p', parcel)
redis.call('PEXPIRE', KEYS[1], ARGV[7])
redis.call('PEXPIRE', KEYS[2], ARGV[7])
redis.call('PUBLISH', ARGV[8], parcel)
return offset`)

// join tells where a line stands and returns the parcels after a place; it
// begins the line anew if there is none, or none to be trusted.
// KEYS: line, parcels, run. ARGV: a new epoch, a number that was surely not
// exceeded, numbers left out, milliseconds to live, epoch and offset of the
// place, the process that runs.
var join = redis.NewScript(`
local l = redis.call('HMGET', KEYS[1], 'epoch', 'run', 'last', 'offset')
local run = redis.call('GET', KEYS[3])
if not run then -- somebody has emptied this Redis
  run = ARGV[7]
  redis.call('SET', KEYS[3], run)
end
if not l[1] or l[2] ~= run then
  local last = math.max(tonumber(l[3] or '0'), tonumber(ARGV[2])) + tonumber(ARGV[3])
  redis.call('DEL', KEYS[1], KEYS[2])
  redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'run', run, 'last', last, 'offset', 0)
  l = { ARGV[1], run, string.format('%d', last), '0' }
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
local from = 0
if l[1] == ARGV[5] and tonumber(ARGV[6]) <= tonumber(l[4]) then from = tonumber(ARGV[6]) end
local parcels = {}
for _, entry in ipairs(redis.call('XRANGE', KEYS[2], string.format('%d-0', from + 1), '+')) do
  parcels[#parcels + 1] = entry[2][2]
end
return { l[1], l[3], l[4], parcels }`)

// count notes people for some time and returns how many there are, and where
// the line stands.
// KEYS: present, line, parcels, run. ARGV: milliseconds somebody counts,
// milliseconds to live, how many of the rest have gone, and the rest: people.
var count = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local gone = tonumber(ARGV[3])
for i = 4, #ARGV do
  if i < 4 + gone then redis.call('ZREM', KEYS[1], ARGV[i])
  else redis.call('ZADD', KEYS[1], now + tonumber(ARGV[1]), ARGV[i]) end
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
redis.call('PEXPIRE', KEYS[3], ARGV[2])
local l = redis.call('HMGET', KEYS[2], 'epoch', 'run', 'offset')
local epoch = ''
if l[1] and l[2] == redis.call('GET', KEYS[4]) then epoch = l[1] end
return { redis.call('ZCARD', KEYS[1]), epoch, l[3] or '0' }`)

// hold makes a node the one that has a stream. KEYS: stream, who had it last.
// ARGV: the node's claim, milliseconds it holds, and is remembered.
var hold = redis.NewScript(`
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[3])
return 1`)

// renew makes a claim hold on, unless another node has the stream by now.
// KEYS and ARGV as hold. Returns 1 if it holds.
var renew = redis.NewScript(`
local has = redis.call('GET', KEYS[1])
if has and has ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[3])
return 1`)

// attend says that a node is there, and returns all that are. KEYS: nodes.
// ARGV: the node's URL, milliseconds it counts; 0: it goes.
var attend = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
if tonumber(ARGV[2]) > 0 then redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
else redis.call('ZREM', KEYS[1], ARGV[1]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
return redis.call('ZRANGE', KEYS[1], 0, -1)`)

// release gives a claim up. KEYS: stream. ARGV: the claim.
var release = redis.NewScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`)

import type { CommandParser } from '@redis/client';
import { defineScript } from '@redis/client';
import * as limits from '../limits.ts';
import type { Entry, News, Place } from './backplane.ts';

// In braces what is hashed to a slot of a cluster: all of these are in one.
const KEYS = {
  /** Tells it from one that was emptied. */
  name: 'zf:{store}:name',
  /** `stamp value` by name. */
  entries: 'zf:{store}:entries',
  /** The names in the order of writing, by number. */
  order: 'zf:{store}:order',
  /** The same by when they may be forgotten. */
  ends: 'zf:{store}:ends',
  /** The last number. */
  last: 'zf:{store}:last',
};

// A server that was started again, or took over from another, may have an older copy: what it lacks is known
// of nobody, so its store is another one in any case.
const READ = `
local name = redis.call('GET', KEYS[1])
if not name then
  name = ARGV[1]
  redis.call('SET', KEYS[1], name)
end
name = name .. string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  .. string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local seen = name == ARGV[2] and ARGV[3] or '0'
local found = redis.call('ZRANGE', KEYS[3], '(' .. seen, '+inf', 'BYSCORE', 'LIMIT', 0, ARGV[4], 'WITHSCORES')
local reply = {name, seen}
for i = 1, #found, 2 do
  reply[2] = found[i + 1]
  reply[#reply + 1] = found[i]
  reply[#reply + 1] = redis.call('HGET', KEYS[2], found[i]) or ''
end
return reply`;

// First what may go: where there is no memory left, a script may still begin with that.
const WRITE = `
local function parse(entry)
  local stamp, value = string.match(entry, '^(%d+) (%d+)$')
  return tonumber(stamp), tonumber(value)
end
local old = redis.call('ZRANGE', KEYS[3], '-inf', redis.call('TIME')[1], 'BYSCORE', 'LIMIT', 0, 1000)
if #old > 0 then
  redis.call('HDEL', KEYS[1], unpack(old))
  redis.call('ZREM', KEYS[2], unpack(old))
  redis.call('ZREM', KEYS[3], unpack(old))
end
for i = 1, #ARGV, 3 do
  local name, entry = ARGV[i], ARGV[i + 1]
  local before = redis.call('HGET', KEYS[1], name)
  local stamp, value = parse(entry)
  local oldStamp, oldValue = parse(before or '')
  local isNewer = not oldStamp or stamp > oldStamp or (stamp == oldStamp and value > oldValue)
  if isNewer then
    redis.call('HSET', KEYS[1], name, entry)
    redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[4]), name)
    redis.call('ZADD', KEYS[3], ARGV[i + 2], name)
  end
end`;

export const storeScripts = {
  /** @param name for a store that has none: one that no store had before */
  zfRead: defineScript({
    NUMBER_OF_KEYS: 3,
    SCRIPT: READ,
    parseCommand(parser: CommandParser, name: string, { store, seen }: Place) {
      parser.pushKeys([KEYS.name, KEYS.entries, KEYS.order]);
      parser.push(name, store, String(seen), String(limits.MAX_ENTRIES_READ));
    },
    transformReply([store = '', seen, ...rest]: string[]): News {
      const entries: Omit<Entry, 'forgetAt'>[] = [];
      for (let i = 0; i < rest.length; i += 2) {
        const [stamp, value] = rest[i + 1]!.split(' ').map(Number);
        if (stamp !== undefined && value !== undefined)
          entries.push({ name: rest[i]!, stamp, value });
      }
      return { store, seen: Number(seen), entries };
    },
  }),
  zfWrite: defineScript({
    NUMBER_OF_KEYS: 4,
    SCRIPT: WRITE,
    parseCommand(parser: CommandParser, entries: readonly Entry[]) {
      parser.pushKeys([KEYS.entries, KEYS.order, KEYS.ends, KEYS.last]);
      for (const { name, stamp, value, forgetAt } of entries)
        parser.push(name, `${stamp} ${value}`, String(forgetAt));
    },
    transformReply: (reply: null) => reply,
  }),
};

local call, attempt, encode, decode = redis.call, redis.pcall, struct.pack, struct.unpack

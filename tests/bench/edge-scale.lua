-- Requests for wrk: GET /v1/token/{id} of numbered connections (nexus-record seal-tokens).
-- arguments: how many there are; the number to begin with and count up from, or "random".
local head, tail, count, number

function init(arguments)
  count = tonumber(arguments[1])
  number = tonumber(arguments[2])
  math.randomseed(os.time())
  local text = wrk.format('GET', '/v1/token/00000000-0000-4000-8000-@')
  local at = text:find('@', 1, true)
  head, tail = text:sub(1, at - 1), text:sub(at + 1)
end

function request()
  local asked = number and number % count or math.random(0, count - 1)
  number = number and number + 1
  return head .. string.format('%012x', asked) .. tail
end

-- Response filter: HTTP statuses outside gRPC's table, bodies of refusals, and empty answers, none
-- of which the transcoder can make. The server asks for them in response headers, which on a refusal
-- are its trailers: `x-http-status` (such as 201, 204 or 422) and `x-error-body` (JSON).
-- Every refusal leaves with one body, whoever made it.

-- Refusals that gRPC itself makes, without a body from the server: status, code, error, retryable.
local STATUSES = {
  ${statuses}
}
-- The pattern of each path and the methods that it takes; the first that fits counts.
local PATHS = {
  ${paths}
}
local INTERNAL = STATUSES["500"]
local NAMESPACE = "assay" -- where the filter before this one keeps the path and the request's id

local function quoted(text)
  local escaped = text:gsub('[%c"\\]', function(c) return string.format("\\u%04x", c:byte()) end)
  return '"' .. escaped .. '"'
end

-- The body of a refusal; message, details, path and request_id are JSON already.
local function shaped(status, told)
  local known = STATUSES[status] or INTERNAL
  return string.format(
    '{"statusCode":%s,"status":"%s","code":"%s","error":"%s","message":%s,"retryable":%s,'
      .. '"request_id":%s,"timestamp":"%s","path":%s,"details":%s,"reportErrorUrl":null}',
    status, known[1], known[2], known[3], told.message, tostring(known[4]),
    told.request_id, told.timestamp or os.date("!%Y-%m-%dT%H:%M:%S.000Z"), told.path, told.details)
end

local function info(reason, metadata)
  return string.format('{"reason":"%s","domain":"assay","metadata":{%s}}', reason, metadata)
end

-- What the transcoder says of a query, and what a caller can do something with.
local PLAIN = {
  {'^"per_page: ', '"per-page: '}, -- it says a field's name, and not how that is spelt in a query
  {'^": ', '"'},
  {"invalid value oneof field '[%w_]+' is already set%. Cannot set '([%w_]+)' for type oneof", "%1 was given twice"},
}

-- What a query can hold for each type of the contract.
local ALLOWED = {
  int32 = "a whole number from -2147483648 to 2147483647",
  uint32 = "a whole number from 0 to 4294967295",
  int64 = "a whole number from -9223372036854775808 to 9223372036854775807",
  uint64 = "a whole number from 0 to 18446744073709551615",
  bool = "true or false",
  double = "a number",
}

-- The transcoder names our message types in its refusals; a caller of REST never meets those.
local function without_types(body)
  local text = body:gsub(' in the type \\"[%w%.]+\\"', "")
  text = text:gsub('invalid value (\\".-\\") for type TYPE_(%u%w*)', function(value, kind)
    local allowed = ALLOWED[kind:lower()] or "a value of type " .. kind:lower()
    return value .. " was sent; " .. allowed .. " is allowed"
  end)
  for _, pair in ipairs(PLAIN) do
    text = text:gsub(pair[1], pair[2])
  end
  return text
end

-- The methods that a path takes, nil for one that nobody knows.
local function allowed(path)
  for _, known in ipairs(PATHS) do
    if path:match(known[1]) then
      return known[2]
    end
  end
end

local function takes(allow, method)
  return (", " .. allow .. ","):find(", " .. method .. ",", 1, true) ~= nil
end

local function replace_body(handle, text, seen)
  handle:headers():replace("content-type", "application/json")
  -- May yield: headers read before are dead after it.
  handle:body(true):setBytes(seen.method == "HEAD" and "" or text)
  handle:headers():replace("content-length", tostring(#text))
end

local function drop_body(handle)
  for chunk in handle:bodyChunks() do
    chunk:setBytes("")
  end
end

-- What is known of a refusal without a body of the server's: gRPC's, or the gateway's own, whose
-- keys stand in the order of the alphabet. Those that are made before this filter note themselves.
local function told_by(text, seen)
  local told = {
    method = seen.method or text:match('"method":"(.-)"') or "",
    path = quoted((seen.path or ""):gsub("%?.*", ""):sub(1, 200)),
    request_id = quoted(seen.request_id or ""),
  }
  told.message, told.details = text:match('^{"code":%d+,"message":(".*"),"details":(%[.*%])}%s*$')
  if told.message == nil then
    told.message = text:match('"message":(".-"),"method":')
    told.reason = text:match('"reason":"(.-)"')
    told.timestamp = text:match('"timestamp":"(.-)"')
  end
  if seen.path == nil then
    told.path = text:match('"path":(".-"),"reportErrorUrl":') or '""'
    told.request_id = text:match('"request_id":(".-"),"retryable":')
    if told.request_id == nil then
      told.new_id = text:match('"id":"(.-)"') or ""
      told.request_id = quoted(told.new_id)
    end
  end
  return told
end

-- The refusal of a method that a known path does not take.
local function not_allowed(told, allow)
  local method = quoted(told.method:sub(1, 40))
  told.message = '"This path does not take ' .. method:sub(2, -2) .. "; it takes " .. allow .. '."'
  told.details = "[" .. info("UNIMPLEMENTED", '"method":' .. method .. ',"allow":"' .. allow .. '"') .. "]"
  return "405"
end

-- The details of a refusal of the gateway's own; a field that its message begins with is named.
local function detailed(status, told)
  local field, fault = told.message:match('^"([%a_][%w_.]*): (.*)"$')
  if status ~= "400" or field == nil then
    return "[" .. info(told.reason or "INTERNAL", "") .. "]"
  end
  local named = string.format('{"field":"%s","description":"%s"}', field, fault)
  return "[" .. info(told.reason, '"field":"' .. field .. '"') .. "," .. named .. "]"
end

local function answer(handle, status)
  local seen = handle:streamInfo():dynamicMetadata():get(NAMESPACE) or {}
  local own = handle:body(true)
  local told = told_by(own:getBytes(0, own:length()), seen)
  -- Envoy has rules of its own for QUERY, which no path takes.
  local allow = (status == "404" or told.method == "QUERY") and allowed(told.path:sub(2, -2))
  if allow and not takes(allow, told.method) then
    status = not_allowed(told, allow)
    handle:headers():replace("allow", allow)
    handle:headers():replace(":status", status)
  elseif allow and told.method == "OPTIONS" then
    handle:headers():replace("allow", allow)
    handle:headers():replace(":status", "204")
    handle:headers():remove("content-type")
    handle:headers():remove("content-length")
    own:setBytes("")
    return
  end
  if told.message ~= nil then
    told.message = without_types(told.message)
    told.details = told.details or detailed(status, told)
    if told.new_id then
      handle:headers():replace("x-request-id", told.new_id)
    end
    replace_body(handle, shaped(status, told), told)
  end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local kind = headers:get("content-type")
  if kind ~= nil and kind:sub(1, 16) == "application/grpc" then
    return -- not transcoded: its status and trailers belong to the caller
  end
  local status = headers:get(":status")
  for _, name in ipairs({"grpc-status", "grpc-message", "grpc-status-details-bin", "grpc-accept-encoding"}) do
    headers:remove(name)
  end
  local wanted, body = headers:get("x-http-status"), headers:get("x-error-body")
  if status == "499" and body == nil then
    -- gRPC's own end of a call that no handler has seen. Whoever canceled is not there to read it.
    status = "503"
    headers:replace(":status", status)
    headers:replace("retry-after", "1")
  end
  local is_head = headers:get("x-assay-head") ~= nil
  if is_head then
    headers:remove("x-assay-head")
  end
  local failed = status:sub(1, 1) == "4" or status:sub(1, 1) == "5"
  if wanted ~= nil then
    headers:remove("x-http-status")
    if wanted:match(failed and "^[45]%d%d$" or "^2%d%d$") then
      status = wanted
      headers:replace(":status", status)
    end
  end
  if body ~= nil then
    headers:remove("x-error-body")
  end
  if status == "204" then
    headers:remove("content-type")
    headers:remove("content-length")
    handle:body(true):setBytes("")
  elseif failed and body ~= nil then
    local seen = handle:streamInfo():dynamicMetadata():get(NAMESPACE) or {}
    replace_body(handle, body, seen)
  elseif failed then
    answer(handle, status)
  elseif is_head then
    drop_body(handle)
  end
end

-- Response filter: HTTP statuses outside gRPC's table, bodies of refusals, and empty answers, none
-- of which the transcoder can make. The server asks for them in response headers, which on a refusal
-- are its trailers: `x-http-status` (such as 201, 204 or 422) and `x-error-body` (JSON).
-- Every refusal leaves with one body, whoever made it.

-- Refusals that gRPC itself makes, without a body from the server: status, code, error, retryable.
local STATUSES = {
  ${statuses}
}
local INTERNAL = STATUSES["500"]
local NAMESPACE = "assay" -- where the filter before this one keeps the path and the request's id

local function quoted(text)
  local escaped = text:gsub('[%c"\\]', function(c) return string.format("\\u%04x", c:byte()) end)
  return '"' .. escaped .. '"'
end

-- The body for a refusal of gRPC's own; `message` and `details` are JSON already.
local function shaped(status, seen, message, details)
  local known = STATUSES[status] or INTERNAL
  return string.format(
    '{"statusCode":%s,"status":"%s","code":"%s","error":"%s","message":%s,"retryable":%s,'
      .. '"request_id":%s,"timestamp":"%s","path":%s,"details":%s,"reportErrorUrl":null}',
    status, known[1], known[2], known[3], message, tostring(known[4]),
    quoted(seen.request_id or ""), os.date("!%Y-%m-%dT%H:%M:%S.000Z"),
    quoted((seen.path or ""):gsub("%?.*", ""):sub(1, 200)), details)
end

-- What the transcoder says of a query, and what a caller can do something with.
local PLAIN = {
  {'"message":": ', '"message":"'},
  {"invalid value oneof field '[%w_]+' is already set%. Cannot set '([%w_]+)' for type oneof", "%1 was given twice"},
}

-- The transcoder names our message types in its refusals; a caller of REST never meets those.
local function without_types(body)
  local text = body:gsub(' in the type \\"[%w%.]+\\"', "")
  text = text:gsub(" for type TYPE_(%u%w*)", function(kind) return " for a value of type " .. kind:lower() end)
  for _, pair in ipairs(PLAIN) do
    text = text:gsub(pair[1], pair[2])
  end
  return text
end

local function replace_body(handle, text)
  handle:headers():replace("content-type", "application/json")
  local size = handle:body(true):setBytes(text) -- may yield: headers read before are dead after it
  handle:headers():replace("content-length", tostring(size))
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
    replace_body(handle, body)
  elseif failed then
    local own = handle:body(true)
    local text = own:getBytes(0, own:length())
    local message, details = text:match('^{"code":%d+,"message":(".*"),"details":(%[.*%])}%s*$')
    if message ~= nil then
      local seen = handle:streamInfo():dynamicMetadata():get(NAMESPACE) or {}
      replace_body(handle, shaped(status, seen, message, details))
    elseif status == "400" then
      replace_body(handle, without_types(text))
    end
  end
end

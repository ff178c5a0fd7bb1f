"""Envoy's configuration, rendered from settings and from the HTTP rules of the protos.

Nothing here names a method: what a route needs follows from its rule in `routes.json`, so a
new RPC needs no change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from assay.gateway import tls as envoy_tls
from assay.gateway.local_replies import local_reply_config
from assay.gateway.tls import GatewayTls
from assay.gateway.yaml_blocks import fill
from assay.kernel.errors import http_statuses

Json = dict[str, Any]

_FILES = resources.files("assay.gateway")
_EXTENSION = "type.googleapis.com/envoy.extensions.filters.http"
_STREAM_BUFFER = 16 * 1024**2  # bytes of one message that the transcoder holds
_READ_SECONDS = 15
_WRITE_SECONDS = 30
_UPLOAD_SECONDS = 75  # the server answers an upload within 60 s, finished or not
_GRPC_QUIET_SECONDS = 300
_BODY_SECONDS = 60  # for the body of a JSON call to come in, before it is passed on
_STRANGER_BURST = 1000  # calls without a credential from one address
_STRANGER_RATE = 200  # of them a second, when the burst is spent
_QUIET_SECONDS = 60  # a watch sends a bookmark at least every 10 s
# The last of each line are those of grpc-web.
_EXPOSED = (
    "location,link,retry-after,x-request-id,x-ratelimit-limit,x-ratelimit-remaining,x-ratelimit-reset,"
    "grpc-status,grpc-message,grpc-status-details-bin"
)
_ALLOWED = (
    "authorization,content-type,idempotency-key,last-event-id,x-request-id,"
    "grpc-timeout,x-grpc-web,x-user-agent"
)


# In CEL: the caller's id, or the one that was just made; the server has the same rule.
_REQUEST_ID = (
    "%CEL('x-request-id' in request.headers"
    " && size(request.headers['x-request-id']) <= 64"
    " && request.headers['x-request-id'].matches('^[A-Za-z0-9._-]+$')"
    " ? request.headers['x-request-id'] : request.headers['x-assay-new-id'])%"
)

# Of the access log.
_LINE: Json = {
    "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "method": "%REQ(X-ENVOY-ORIGINAL-METHOD?:METHOD)%",
    "path": "%PATH(NQ:ORIG_OR_PATH)%",  # a query may hold a watch token
    "protocol": "%PROTOCOL%",
    "status": "%RESPONSE_CODE%",
    "why": "%RESPONSE_CODE_DETAILS%",
    "flags": "%RESPONSE_FLAGS%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "milliseconds": "%DURATION%",
    "upstream": "%UPSTREAM_HOST%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "user_agent": "%REQ(USER-AGENT)%",
}

# A read changes nothing, so it may be sent again however a server left: refusing, draining, or
# killed with the read in its hands. A host is picked at random, so that the hosts already tried are
# passed over only as often as a new pick is allowed: with two servers each pick has even odds.
_READ_RETRIES: Json = {
    "retry_on": "connect-failure,refused-stream,reset,unavailable,cancelled",
    "num_retries": 3,
    "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
    "host_selection_retry_max_attempts": 50,
    "retry_host_predicate": [
        {
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.retry.host"
                ".previous_hosts.v3.PreviousHostsPredicate"
            },
        }
    ],
}


@dataclass(frozen=True, kw_only=True)
class GatewaySettings:
    """Settings of one gateway; ports of 0 take free ones."""

    host: str
    http_port: int
    grpc_port: int  # native gRPC, balanced over the upstreams
    admin_port: int
    upstreams: tuple[str, ...]  # host:port of each server
    tls: GatewayTls
    cors_origins: tuple[str, ...]  # `*` is any
    max_body_bytes: int  # of one JSON body
    access_log: str  # a file
    concurrency: int
    drain_seconds: float
    secret: str | None = None  # by which servers know their gateways
    log_level: str = "warning"
    contract: Traversable = _FILES  # folder of the descriptor set assay.binpb and of routes.json


def render(settings: GatewaySettings, rules: Json | None = None) -> str:
    """Return the configuration as YAML; `rules` stand in for the contract's routes.json."""
    rules = rules or json.loads((settings.contract / "routes.json").read_text())
    values = {
        "host": settings.host,
        "http_port": settings.http_port,
        "grpc_port": settings.grpc_port,
        "admin_port": settings.admin_port,
        "access_log": _access_log(settings.access_log),
        "rest_line": _LINE,
        "grpc_line": {**_LINE, "grpc_status": "%GRPC_STATUS(SNAKE_STRING)%"},
        "max_body_bytes": settings.max_body_bytes,
        "rest_tls": envoy_tls.listener(settings.tls, "h2", "http/1.1"),
        "grpc_tls": envoy_tls.listener(settings.tls, "h2"),
        "upstream_tls": envoy_tls.upstream(settings.tls, settings.upstreams),
        "lua": response_filter(rules["routes"]),
        "request_id": _REQUEST_ID,
        "marks": _marks(settings.secret),
        "stranger_burst": _STRANGER_BURST,
        "stranger_rate": _STRANGER_RATE,
        "local_replies": local_reply_config(settings.max_body_bytes),
        "transcoders": _transcoders(rules["services"], str(settings.contract / "assay.binpb")),
        "cors": _cors(settings.cors_origins),
        "routes": _routes(rules["routes"]),
        "endpoints": [_endpoint(upstream) for upstream in settings.upstreams],
    }
    return fill((_FILES / "envoy.template.yaml").read_text(), values)


def response_filter(rules: list[Json]) -> str:
    """Return the Lua response filter: it knows the words of each HTTP status, and every path."""
    rows = [
        f'["{number}"] = {{"{one.name}", "{one.code}", "{one.phrase}", {json.dumps(one.retryable)}}},'
        for number, one in sorted(http_statuses().items())
    ]
    return fill(
        (_FILES / "errors.lua").read_text(), {"statuses": "\n".join(rows), "paths": _paths(rules)}
    )


def _paths(rules: list[Json]) -> str:
    """Return a row of Lua for each path with the methods that it takes, specific before general."""
    allowed: dict[str, set[str]] = {}
    for rule in rules:
        its = allowed.setdefault(_lua_pattern(rule["path"]), {"OPTIONS"})
        its |= {"GET", "HEAD"} if rule["method"] == "GET" else {rule["method"]}
    # A variable takes a verb such as `:cancel` for a part of an id, so those with one come first.
    first = sorted(allowed, key=lambda path: (path.count("[^/]") + path.count(".*"), -len(path)))
    verbs = [path for path in first if ":" in path]
    plain = [path for path in first if ":" not in path]
    return "\n".join(
        f"{{{json.dumps(path)}, {json.dumps(', '.join(sorted(allowed[path])))}}},"
        for path in (*verbs, *plain)
    )


def _lua_pattern(template: str) -> str:
    """Return the Lua pattern of the paths that an HTTP rule's template takes."""
    parts = re.split(r"(\{[^}]*\})", template)
    found = [
        (".*" if "**" in part else "[^/]+")
        if part.startswith("{")
        else re.sub(r"([^\w/:])", r"%\1", part)
        for part in parts
    ]
    return f"^{''.join(found)}/?$"


def _marks(secret: str | None) -> list[Json]:
    """Return the headers by which a server knows the gateway, and the gateway's caller."""
    marks = {"x-assay-peer": "%DOWNSTREAM_REMOTE_ADDRESS%"}
    if secret is not None:
        marks["x-assay-gateway"] = secret
    return [
        {
            "header": {"key": key, "value": value},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }
        for key, value in marks.items()
    ]


def _duration(seconds: int) -> Json:
    return {"max_stream_duration": f"{seconds}s"}


def _access_log(path: str) -> Json:
    loggers = "type.googleapis.com/envoy.extensions.access_loggers"
    return {"@type": f"{loggers}.file.v3.FileAccessLog", "path": path}


def _transcoders(styles: Mapping[str, str], descriptors: str) -> list[Json]:
    """Return a transcoder for each JSON style; only the last refuses what it does not know."""
    groups = [
        (style, sorted(name for name, its in styles.items() if its == style))
        for style in ("camel", "snake")
    ]
    groups = [(style, services) for style, services in groups if services]
    return [
        _transcoder(style, services, descriptors, last=style == groups[-1][0])
        for style, services in groups
    ]


def _transcoder(style: str, services: list[str], descriptors: str, *, last: bool) -> Json:
    return {
        "name": f"transcode_{style}",
        "typed_config": {
            "@type": f"{_EXTENSION}.grpc_json_transcoder.v3.GrpcJsonTranscoder",
            "proto_descriptor": descriptors,
            "services": services,
            "print_options": {
                "preserve_proto_field_names": style == "snake",
                "always_print_primitive_fields": True,
            },
            "match_incoming_request_route": True,  # timeouts are those of the REST route
            "convert_grpc_status": True,
            "url_unescape_spec": "ALL_CHARACTERS",
            "query_param_unescape_plus": True,
            "case_insensitive_enum_parsing": True,
            "max_request_body_size": _STREAM_BUFFER,
            "max_response_body_size": _STREAM_BUFFER,
            "request_validation_options": {
                "reject_unknown_method": last,
            },
            # The server refuses them, in words that name the parameter that was meant.
            "ignore_unknown_query_parameters": True,
        },
    }


def _routes(rules: list[Json]) -> list[Json]:
    """Return Envoy's routes, specific before general: uploads, watches, reads, all else."""
    uploads = [_upload(rule) for rule in rules if rule["uploads"]]
    watches = [_watch(rule) for rule in rules if rule["watches"] and not rule["uploads"]]
    read = {
        "match": {"prefix": "/", "headers": [_method("GET")]},
        "route": {
            "cluster": "assay",
            "timeout": f"{_READ_SECONDS}s",
            "max_stream_duration": _duration(_READ_SECONDS * (1 + _READ_RETRIES["num_retries"])),
            "retry_policy": _READ_RETRIES,
        },
    }
    write = {
        "match": {"prefix": "/"},
        "route": {
            "cluster": "assay",
            "timeout": f"{_WRITE_SECONDS}s",
            "max_stream_duration": _duration(_BODY_SECONDS + _WRITE_SECONDS),
        },
    }
    return [_two_hosts(), _root(), _grpc_web(), *uploads, *watches, _head(read), read, write]


def _two_hosts() -> Json:
    """Return the route of requests with more than one Host header, which Envoy joins into one."""
    joined = {"name": ":authority", "string_match": {"contains": ","}}
    words = "More than one Host header was sent; one is allowed."
    return {
        "name": "two-hosts",
        "match": {"prefix": "/", "headers": [joined]},
        "direct_response": {"status": 400, "body": {"inline_string": words}},
    }


def _root() -> Json:
    """Return the route of `/`, which leads a browser to the page of the routes."""
    filters = ("transcode_camel", "transcode_snake")
    return {
        "match": {"path": "/", "headers": [_method("GET")]},
        "redirect": {"path_redirect": "/docs", "response_code": "FOUND"},
        "typed_per_filter_config": {name: _off() for name in filters},
    }


def _off() -> Json:
    return {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}


def _head(read: Json) -> Json:
    """Return the route of HEAD: that of a read, whose body the response filter drops."""
    return {
        "match": {"prefix": "/", "headers": [_method("HEAD")]},
        "route": read["route"],
        "response_headers_to_add": [{"header": {"key": "x-assay-head", "value": "1"}}],
        "typed_per_filter_config": _uncompressed(),
    }


def _grpc_web() -> Json:
    """Return the route of browser callers who speak gRPC: nothing that is made for REST applies."""
    rest_only = ("header_mutation", "buffer", "compressor")
    kind = {"name": "content-type", "string_match": {"prefix": "application/grpc-web"}}
    return {
        "name": "grpc-web",
        "match": {"prefix": "/", "headers": [_method("POST"), kind]},
        "route": {
            "cluster": "assay",
            # The caller's deadline is the only one, and the server keeps it: Envoy would answer a
            # grpc-web caller UNAVAILABLE instead of DEADLINE_EXCEEDED.
            "timeout": "0s",
            "idle_timeout": f"{_GRPC_QUIET_SECONDS}s",
        },
        # Instead of the filter, which takes the caller's deadline and binary metadata away too.
        "request_headers_to_remove": [
            "x-http-status",
            "x-error-body",
            "x-envoy-original-path",
            "x-envoy-original-method",
        ],
        "response_headers_to_remove": ["x-http-status", "x-error-body", "location"],
        "typed_per_filter_config": {f"envoy.filters.http.{name}": _off() for name in rest_only},
    }


def _upload(rule: Json) -> Json:
    return {
        "name": rule["rpc"],
        "match": _match(rule),
        "route": {
            "cluster": "assay",
            "timeout": f"{_UPLOAD_SECONDS}s",
            "idle_timeout": f"{_UPLOAD_SECONDS + _WRITE_SECONDS}s",
        },
        "typed_per_filter_config": {
            # The server counts the bytes of an upload; nothing holds them here.
            "envoy.filters.http.buffer": {
                "@type": f"{_EXTENSION}.buffer.v3.BufferPerRoute",
                "disabled": True,
            }
        },
    }


def _watch(rule: Json) -> Json:
    return {
        "name": rule["rpc"],
        "match": _match(rule),
        "route": {
            "cluster": "assay",
            "timeout": "0s",
            "idle_timeout": f"{_QUIET_SECONDS}s",
            "retry_policy": _READ_RETRIES,  # until the first event has come
        },
        # An event must leave at once, not when a window of the compressor is full.
        "typed_per_filter_config": _uncompressed(),
    }


def _uncompressed() -> Json:
    return {
        "envoy.filters.http.compressor": {
            "@type": f"{_EXTENSION}.compressor.v3.CompressorPerRoute",
            "disabled": True,
        }
    }


def _match(rule: Json) -> Json:
    return {
        "safe_regex": {"regex": path_regex(rule["path"])},
        "headers": [_method(rule["method"])],
    }


def path_regex(template: str) -> str:
    """Return the regular expression (RE2) of the paths that an HTTP rule's template takes."""
    parts = re.split(r"(\{[^}]*\})", template)
    found = [
        (".*" if "**" in part else "[^/]+") if part.startswith("{") else re.escape(part)
        for part in parts
    ]
    return "".join(found) + "/?"


def _method(name: str) -> Json:
    return {"name": ":method", "string_match": {"exact": name}}


def _cors(origins: tuple[str, ...]) -> Json:
    if not origins:
        return {}
    matches: list[Json] = [{"exact": origin} for origin in origins if origin != "*"]
    if "*" in origins:
        matches = [{"safe_regex": {"regex": ".*"}}]
    policy = {
        "@type": f"{_EXTENSION}.cors.v3.CorsPolicy",
        "allow_origin_string_match": matches,
        "allow_methods": "GET,HEAD,POST,PUT,PATCH,DELETE",
        "allow_headers": _ALLOWED,
        "expose_headers": _EXPOSED,
        "max_age": "600",
    }
    return {"typed_per_filter_config": {"envoy.filters.http.cors": policy}}


def _endpoint(upstream: str) -> Json:
    host, _, port = upstream.rpartition(":")
    address = {"address": host.strip("[]"), "port_value": int(port)}
    return {"endpoint": {"address": {"socket_address": address}}}

"""The composition root: settings become a server, a runner, or both in one process.

Start and stop have one order each, here and nowhere else.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from ipaddress import ip_address
from typing import TextIO

import grpc

from assay.features.registry import FEATURES
from assay.foreign.policies import POLICIES
from assay.kernel import memory
from assay.kernel.clock import Clock
from assay.kernel.feature import Feature, FindKey, hooks_of, kinds_of, preload_of
from assay.kernel.identity import Principal
from assay.kernel.ids import Ids
from assay.kernel.jobs.executors.process_pool import LocalPool
from assay.kernel.jobs.executors.reserved_pools import ReservedPools
from assay.kernel.jobs.garbage_collector import GarbageCollector
from assay.kernel.jobs.kind import ComputeSettings
from assay.kernel.jobs.runner import Runner
from assay.kernel.jobs.watch import Watches
from assay.kernel.kernel import Kernel, RunnerParts
from assay.kernel.rpc.auth import Authenticator
from assay.kernel.rpc.interceptors.concurrency import Places
from assay.kernel.rpc.interceptors.rate_limit import Rates
from assay.kernel.rpc.server import Server, ServerDependencies
from assay.kernel.rpc.storage_health import StorageHealth
from assay.kernel.rpc.tls import server_credentials
from assay.kernel.rpc.tokens import DEFAULT_AUDIENCE, TokenRules, TokenVerifier
from assay.kernel.rpc.watch_tokens import WatchTokens
from assay.kernel.sealing import Sealer
from assay.kernel.storage.blobs import BlobStore, open_blobs
from assay.kernel.storage.change_notifier import ChangeNotifier
from assay.kernel.storage.sql import SQLITE
from assay.kernel.storage.store import Store, open_store
from assay.kernel.storage.unit_of_work import StoreContext
from assay.kernel.threads import RunInThread
from assay.settings import Settings

TURN_SECONDS = 0.001  # for which a thread has the interpreter while others want it
BALANCER_NOTICE = 2.5  # seconds in which a gateway that asks every second sees a server leave


class Backend:
    """What a server and a runner of one process share: store, blobs and compute children."""

    def __init__(
        self,
        settings: Settings,
        *,
        upgrade: bool = False,
        features: Sequence[Feature] = FEATURES,
    ) -> None:
        """Open everything; with `upgrade` the schema is brought to this release's first."""
        memory.keep_small()
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        self.settings = settings
        self.features = features
        self.clock = Clock()
        self.ids = Ids()
        self.store: Store = open_store(
            settings.database,
            StoreContext(
                clock=self.clock,
                ids=self.ids,
                hooks=hooks_of(features),
                blob_size=lambda org, address: self.blobs.size(org, address),  # noqa: PLW0108  # opened below
                quota_bytes=settings.quota_bytes,
            ),
            upgrade=upgrade,
        )
        self.blobs: BlobStore = open_blobs(settings.blobs)
        self.pool = LocalPool(
            workers=settings.worker_count,
            memory_bytes=settings.compute_memory_bytes,
            preload=preload_of(features),
            clock=self.clock,
        )
        self.network = LocalPool(
            workers=settings.network_workers,
            memory_bytes=settings.compute_memory_bytes,
            least=0,
            name="network",
            clock=self.clock,
        )
        self.sealer = _sealer(settings)

    @property
    def compute_settings(self) -> ComputeSettings:
        """What tasks may know of the settings."""
        return ComputeSettings(
            memory_bytes=self.settings.compute_memory_bytes,
            sealer=self.sealer,
            allowed_networks=self.settings.remote_allow,
        )

    def close(self) -> None:
        """Stop the children, then let go of the store."""
        self.pool.close()
        self.network.close()
        self.store.close()


class ServerProcess:
    """A gRPC server on a backend. Lives on one event loop."""

    def __init__(self, backend: Backend, *, access_log: TextIO = sys.stderr) -> None:
        self._backend = backend
        self._threads = RunInThread()
        settings = backend.settings
        self._bodies = _body_processes(backend)
        kernel = Kernel(
            store=backend.store,
            blobs=backend.blobs,
            clock=backend.clock,
            ids=backend.ids,
            compute=backend.pool,
            network=backend.network,
            sealer=backend.sealer,
            compute_settings=backend.compute_settings,
            run_in_thread=self._threads,
            watches=_watches(backend, self._threads),
            limits=settings,
        )
        self._server = Server(
            ServerDependencies(
                handlers=[one for feature in backend.features for one in feature.services(kernel)],
                authenticator=self._authenticator(kernel),
                rates=_rates(settings),
                limits_storage_url=settings.limits_storage_url,
                places=Places(watches=settings.max_watches),
                gateway_secret=_gateway_secret(settings),
                keyless=_keyless(settings),
                clock=backend.clock,
                ids=backend.ids,
                access_log=access_log,
                run_in_thread=self._threads,
                body_processes=self._bodies,
                change_token=backend.store.changes.token,
                inline_reads=backend.store.engine_name == SQLITE,
            )
        )
        self._storage_health = _storage_health(backend, self._threads, self._server)

    def _authenticator(self, kernel: Kernel) -> Authenticator:
        backend = self._backend
        return Authenticator(
            find_key=_key_finder(backend.features, kernel),
            tokens=TokenVerifier(token_rules(backend.settings)),
            clock=backend.clock,
            watch_tokens=WatchTokens(backend.store.scope, backend.clock),
            run_in_thread=self._threads,
        )

    async def start(self) -> int:
        """Listen and serve; return the port."""
        settings = self._backend.settings
        # The first upload must not wait for children to import their modules.
        await self._threads(self._backend.pool.warm_up)
        address = f"{settings.grpc_host}:{settings.grpc_port}"
        port = await self._server.start(address, _credentials(settings))
        await self._storage_health.start()
        # Walking it after every few hundred calls cost a hot read a tenth of its CPU.
        gc.collect()
        memory.collect_seldom()
        # A call takes the interpreter again some ten times; a thread that computes has it by turns.
        sys.setswitchinterval(TURN_SECONDS)
        return port

    async def stop(self, *, notice: float = 0.0) -> None:
        """Report NOT_SERVING, take calls for `notice` seconds more, let them finish, stop."""
        drain = self._backend.settings.drain_seconds
        await self._storage_health.stop()
        await self._server.stop(notice=min(notice, drain), grace=drain)
        await asyncio.to_thread(self._bodies.close)
        self._threads.close()


class RunnerProcess:
    """A runner of jobs on a backend, on threads of its own."""

    def __init__(self, backend: Backend) -> None:
        self._reserved = ReservedPools(
            memory_bytes=backend.settings.compute_memory_bytes, clock=backend.clock
        )
        parts = RunnerParts(
            store=backend.store,
            blobs=backend.blobs,
            clock=backend.clock,
            ids=backend.ids,
            reserved=self._reserved,
            settings=backend.compute_settings,
            limits=backend.settings,
        )
        self._companions = [
            one for feature in backend.features for one in feature.companions(parts)
        ]
        self._runner = Runner(
            backend.store,
            blobs=backend.blobs,
            executor=backend.pool,
            network=backend.network,
            reserved=self._reserved,
            settings=backend.compute_settings,
            clock=backend.clock,
            kinds=kinds_of(backend.features),
            lease_seconds=backend.settings.lease_seconds,
        )
        self._collector = GarbageCollector(
            backend.store,
            backend.blobs,
            clock=backend.clock,
            event_age=timedelta(days=backend.settings.event_days),
        )

    def start(self) -> None:
        """Free what a dead process of this machine left, and begin to claim jobs."""
        self._runner.start()
        self._collector.start()
        for companion in self._companions:
            companion.start()

    def stop(self) -> None:
        """Give the leases back, so that another runner goes on at once."""
        self._runner.stop()
        self._collector.stop()
        for companion in self._companions:
            companion.stop()
        self._reserved.close()


def token_rules(settings: Settings) -> TokenRules:
    """Return which tokens a server accepts."""
    secret = settings.jwt_hs256_secret
    return TokenRules(
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience or DEFAULT_AUDIENCE,
        jwks_url=settings.jwt_jwks_url,
        jwks_file=settings.jwt_jwks_file,
        hs256_secret=secret.get_secret_value() if secret is not None else None,
        local_key=settings.development_key_path,
        organization_claim=settings.jwt_organization_claim,
        permission_claims=settings.jwt_permissions_claims,
        leeway=settings.jwt_leeway_seconds,
    )


def _body_processes(backend: Backend) -> LocalPool:
    return LocalPool(
        workers=1,
        memory_bytes=backend.settings.compute_memory_bytes,
        least=0,
        name="bodies",
        clock=backend.clock,
    )


def _rates(settings: Settings) -> Rates:
    return Rates(
        read=settings.rate_read_per_minute,
        write=settings.rate_write_per_minute,
        stream=settings.rate_stream_per_minute,
        chunk=settings.rate_chunk_per_minute,
        failed=settings.rate_failed_per_minute,
    )


def _sealer(settings: Settings) -> Sealer:
    key = settings.secrets_key
    return Sealer.of_folder(settings.data_dir) if key is None else Sealer.of(key.get_secret_value())


def _gateway_secret(settings: Settings) -> str | None:
    secret = settings.gateway_secret
    return None if secret is None else secret.get_secret_value()


def _keyless(settings: Settings) -> Principal | None:
    """Return who callers without a key are; ValueError where others than this machine's could be."""
    organization = settings.edge_organization
    if organization is None:
        return None
    if not _is_loopback(settings.grpc_host):
        raise ValueError(
            f"ASSAY_EDGE_ORGANIZATION lets callers in without a key, and the server would listen "
            f"on '{settings.grpc_host}'. Set ASSAY_GRPC_HOST to 127.0.0.1, or unset "
            "ASSAY_EDGE_ORGANIZATION."
        )
    policies = (one for one in POLICIES.values() if one.keyless)
    needed = frozenset(name for one in policies for name in one.permissions)
    return Principal(organization_id=organization, subject="edge", permissions=needed)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _credentials(settings: Settings) -> grpc.ServerCredentials | None:
    certificate, key = settings.grpc_tls_certificate, settings.grpc_tls_key
    if certificate is None and key is None and settings.grpc_tls_client_ca is None:
        return None
    if certificate is None or key is None:  # never in the clear because of a slip
        raise ValueError("A server with TLS needs both a certificate and its key.")
    return server_credentials(certificate, key, settings.grpc_tls_client_ca)


def _key_finder(features: Iterable[Feature], kernel: Kernel) -> FindKey:
    (find_key,) = (one.find_key for one in features if one.find_key is not None)
    return find_key(kernel)


def _storage_health(backend: Backend, threads: RunInThread, server: Server) -> StorageHealth:
    checks = (backend.store.check, backend.blobs.check)
    return StorageHealth(checks, threads, server.report)


def _watches(backend: Backend, threads: RunInThread) -> Watches:
    kinds = kinds_of(backend.features)
    return Watches(backend.store, _notifier(backend.store), threads, kinds=kinds)


def _notifier(store: Store) -> ChangeNotifier:
    def subscribe(hint: Callable[[], None]) -> object:
        return store.on_commit(lambda _: hint())

    return ChangeNotifier(store.changes.token, subscribe)

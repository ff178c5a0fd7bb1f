"""The composition root: settings become a server, a runner, or both in one process.

Start and stop have one order each, here and nowhere else.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import sys
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from importlib import metadata
from typing import TextIO, TypeVar

import grpc

from assay.compute import PoolCompute
from assay.domain.clock import SystemClock
from assay.domain.identity import ApiKey
from assay.domain.ids import SystemIds
from assay.domain.model import MAX_LABEL
from assay.jobs.executors.local import LocalPool
from assay.jobs.keeper import Keeper
from assay.jobs.kinds import KINDS, Kind
from assay.jobs.runner import Runner
from assay.metrics.chunk import MAX_LABELS
from assay.metrics.spec import SPEC_VERSION
from assay.rpc.auth import Authenticator
from assay.rpc.links.rate_limit import Rates
from assay.rpc.server import Parts, Server
from assay.rpc.services.benchmarks import (
    BenchmarkRunService,
    BenchmarkService,
    BenchmarkWatchService,
)
from assay.rpc.services.diagnostics import DiagnosticsService
from assay.rpc.services.evaluations import EvaluationRowsService, EvaluationService
from assay.rpc.services.extractions import ExtractionJsonService, ExtractionService
from assay.rpc.services.field_schemas import FieldSchemaJsonService, FieldSchemaService
from assay.rpc.services.ground_truth import GroundTruthService
from assay.rpc.services.ground_truth_json import GroundTruthJsonService
from assay.rpc.services.jobs import JobService, JobWatchService
from assay.rpc.services.keys import KeyService
from assay.rpc.services.models import ModelService, VersionService
from assay.rpc.services.performance import PerformanceService, PerformanceTableService
from assay.rpc.services.server_info import Facts, ServerService
from assay.rpc.tls import server_credentials
from assay.rpc.tokens import DEFAULT_AUDIENCE, TokenRules, TokenVerifier
from assay.settings import Settings
from assay.storage.blobs import BlobStore, open_blobs
from assay.storage.sql import SQLITE
from assay.storage.store import Store, open_store
from assay.usecases.benchmark_comparisons import BenchmarkComparisons
from assay.usecases.benchmark_results import BenchmarkReader
from assay.usecases.benchmark_watches import BenchmarkWatches
from assay.usecases.benchmarks import Benchmarks
from assay.usecases.comparisons import Comparisons
from assay.usecases.curves import Curves
from assay.usecases.details import DetailsReader
from assay.usecases.diagnostics import Diagnostics
from assay.usecases.evaluations import Evaluations
from assay.usecases.extractions import Extractions
from assay.usecases.field_schemas import DatasetSchemas, FieldSchemas
from assay.usecases.files import FileUploads
from assay.usecases.ground_truth import GroundTruth
from assay.usecases.imports import Imports
from assay.usecases.jobs import Jobs
from assay.usecases.keys import Keys, MadeKey
from assay.usecases.models import Models
from assay.usecases.paging import MAX_PAGE
from assay.usecases.performance import PerformanceReader
from assay.usecases.pulse import Pulse
from assay.usecases.rows import MAX_ROWS, ROWS_WAIT_SECONDS, RowUploads
from assay.usecases.uploads import CHUNKS_IN_FLIGHT, Uploads
from assay.usecases.versions import Versions
from assay.usecases.watches import Watches

R = TypeVar("R")

STORE_THREADS = 16  # store calls that may wait for the database at a time
BALANCER_NOTICE = 2.5  # seconds in which a gateway that asks every second sees a server leave
# What a compute child has in memory before its first task.
PRELOAD = ("assay.jobs.kinds", "assay.jobs.importing")


class Backend:
    """What a server and a runner of one process share: store, blobs and compute children."""

    def __init__(self, settings: Settings, *, upgrade: bool = False) -> None:
        """Open everything; with `upgrade` the schema is brought to this release's first."""
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        self.settings = settings
        self.clock = SystemClock()
        self.ids = SystemIds()
        self.store: Store = open_store(
            settings.database, clock=self.clock, ids=self.ids, upgrade=upgrade
        )
        self.blobs: BlobStore = open_blobs(settings.blobs)
        self.pool = LocalPool(
            workers=settings.worker_count,
            blobs_url=settings.blobs,
            memory_bytes=settings.compute_memory_bytes,
            preload=PRELOAD,
            clock=self.clock,
        )

    def bootstrap_key(self) -> MadeKey | None:
        """Make the admin key of an empty store; None where a key exists already."""
        secret = self.settings.bootstrap_key
        return Keys(self.store, self.ids, self.clock).bootstrap(
            self.settings.bootstrap_organization,
            secret.get_secret_value() if secret is not None else None,
        )

    def close(self) -> None:
        """Stop the children, then let go of the store."""
        self.pool.close()
        self.store.close()


class ServerProcess:
    """A gRPC server on a backend. Lives on one event loop."""

    def __init__(self, backend: Backend, *, access_log: TextIO = sys.stderr) -> None:
        self._backend = backend
        self._threads = ThreadPoolExecutor(STORE_THREADS, thread_name_prefix="assay-store")
        settings = backend.settings
        keys = Keys(backend.store, backend.ids, backend.clock)
        self._server = Server(
            Parts(
                handlers=self._handlers(keys),
                authenticator=Authenticator(
                    find_key=functools.partial(self._find_key, keys),
                    tokens=TokenVerifier(token_rules(settings)),
                    clock=backend.clock,
                ),
                rates=Rates(
                    read=settings.rate_read_per_minute,
                    write=settings.rate_write_per_minute,
                    stream=settings.rate_stream_per_minute,
                ),
                limits_storage_url=settings.limits_storage_url,
                clock=backend.clock,
                ids=backend.ids,
                access_log=access_log,
                blocking=self._threads,
                change_token=backend.store.changes.token,
                inline_reads=backend.store.engine_name == SQLITE,
            )
        )

    async def start(self) -> int:
        """Listen and serve; return the port."""
        settings = self._backend.settings
        # The first upload must not wait for children to import their modules.
        await self._offload(self._backend.pool.warm_up)
        address = f"{settings.grpc_host}:{settings.grpc_port}"
        port = await self._server.start(address, _credentials(settings))
        # What is loaded now stays for good: the collector need not walk it after every few
        # hundred calls, which cost a hot read a tenth of its CPU.
        gc.collect()
        gc.freeze()
        return port

    async def stop(self, *, notice: float = 0.0) -> None:
        """Report NOT_SERVING, take calls for `notice` seconds more, let them finish, stop."""
        drain = self._backend.settings.drain_seconds
        await self._server.stop(notice=min(notice, drain), grace=drain)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _handlers(self, keys: Keys) -> list[object]:
        backend, settings = self._backend, self._backend.settings
        store = backend.store
        watches = Watches(store, _pulse(store), self._offload)
        evaluations = Evaluations(
            store, backend.ids, backend.clock, max_attempts=settings.max_attempts
        )
        uploads = Uploads(
            store,
            backend.blobs,
            compute=PoolCompute(backend.pool),
            offload=self._offload,
            max_chunk_bytes=settings.max_chunk_bytes,
        )
        files = FileUploads(
            store,
            backend.blobs,
            evaluations=evaluations,
            watches=watches,
            offload=self._offload,
            max_file_bytes=settings.max_file_bytes,
        )
        performance = PerformanceReader(store)
        details = DetailsReader(performance, backend.blobs)
        return [
            *self._benchmarks(watches),
            DiagnosticsService(Curves(details), Diagnostics(details)),
            EvaluationRowsService(self._rows(evaluations, watches)),
            EvaluationService(evaluations, uploads, files),
            JobService(Jobs(store), watches),
            JobWatchService(watches),
            KeyService(keys),
            ModelService(Models(store)),
            PerformanceService(performance),
            PerformanceTableService(performance),
            ServerService(facts(settings)),
            VersionService(Versions(store), Comparisons(store, max_attempts=settings.max_attempts)),
            *self._quality(),
        ]

    def _quality(self) -> list[object]:
        """Return the handlers of extraction quality."""
        store, compute = self._backend.store, PoolCompute(self._backend.pool)
        imports = Imports(
            store,
            self._backend.blobs,
            stage=compute.stage,
            offload=self._offload,
            max_file_bytes=self._backend.settings.max_file_bytes,
        )
        schemas, truth, extractions = FieldSchemas(store), GroundTruth(store), Extractions(store)
        of_datasets = DatasetSchemas(store, guess=compute.guess, offload=self._offload)
        return [
            ExtractionJsonService(extractions),
            ExtractionService(extractions, imports),
            FieldSchemaJsonService(schemas),
            FieldSchemaService(schemas),
            GroundTruthJsonService(truth, of_datasets),
            GroundTruthService(truth, of_datasets, imports),
        ]

    def _benchmarks(self, watches: Watches) -> list[object]:
        backend = self._backend
        store, blobs = backend.store, backend.blobs
        benchmarks = Benchmarks(
            store,
            blobs,
            backend.ids,
            backend.clock,
            max_attempts=backend.settings.max_attempts,
        )
        reader = BenchmarkReader(store, blobs)
        comparisons = BenchmarkComparisons(
            store, compute=PoolCompute(backend.pool), offload=self._offload
        )
        followed = BenchmarkWatches(store, watches, self._offload)
        return [
            BenchmarkService(benchmarks, reader, comparisons, followed),
            BenchmarkRunService(benchmarks, reader, comparisons),
            BenchmarkWatchService(followed),
        ]

    def _rows(self, evaluations: Evaluations, watches: Watches) -> RowUploads:
        backend = self._backend
        return RowUploads(
            backend.store,
            files=FileUploads(
                backend.store,
                backend.blobs,
                evaluations=evaluations,
                watches=watches,
                offload=self._offload,
                max_file_bytes=backend.settings.max_file_bytes,
                wait_seconds=ROWS_WAIT_SECONDS,
            ),
            encode=PoolCompute(backend.pool).rows,
            offload=self._offload,
        )

    def _offload(self, function: Callable[[], R], /) -> Awaitable[R]:
        return asyncio.get_running_loop().run_in_executor(self._threads, function)

    async def _find_key(self, keys: Keys, prefix: str) -> ApiKey | None:
        return await self._offload(functools.partial(keys.find, prefix))


class RunnerProcess:
    """A runner of jobs on a backend, on threads of its own."""

    def __init__(self, backend: Backend, *, kinds: Mapping[str, Kind] = KINDS) -> None:
        self._runner = Runner(
            backend.store,
            executor=backend.pool,
            clock=backend.clock,
            kinds=kinds,
            lease_seconds=backend.settings.lease_seconds,
        )
        self._keeper = Keeper(
            backend.store,
            backend.blobs,
            clock=backend.clock,
            event_age=timedelta(days=backend.settings.event_days),
        )

    def start(self) -> None:
        """Free what a dead process of this machine left, and begin to claim jobs."""
        self._runner.start()
        self._keeper.start()

    def stop(self) -> None:
        """Give the leases back, so that another runner goes on at once."""
        self._runner.stop()
        self._keeper.stop()


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


def _credentials(settings: Settings) -> grpc.ServerCredentials | None:
    certificate, key = settings.grpc_tls_certificate, settings.grpc_tls_key
    if certificate is None and key is None and settings.grpc_tls_client_ca is None:
        return None
    if certificate is None or key is None:  # never in the clear because of a slip
        raise ValueError("A server with TLS needs both a certificate and its key.")
    return server_credentials(certificate, key, settings.grpc_tls_client_ca)


def facts(settings: Settings) -> Facts:
    """Return what a server tells of itself."""
    return Facts(
        version=metadata.version("assay"),
        metrics_version=str(SPEC_VERSION),
        chunk_bytes=settings.max_chunk_bytes,
        chunks_in_flight=CHUNKS_IN_FLIGHT,
        file_bytes=settings.max_file_bytes,
        body_bytes=settings.max_body_bytes,
        labels=MAX_LABELS,
        label_chars=MAX_LABEL,
        page_size=MAX_PAGE,
        typed_rows=MAX_ROWS,
    )


def _pulse(store: Store) -> Pulse:
    def subscribe(hint: Callable[[], None]) -> object:
        return store.on_commit(lambda _: hint())

    return Pulse(store.changes.token, subscribe)

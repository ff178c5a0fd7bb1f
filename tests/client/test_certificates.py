"""Files of TLS and addresses without it, as the commands that start a service see them."""

import os
import subprocess
import sys

import pytest
import typer

from assay.commands.certificates import require_usable
from assay.settings import Settings
from tests.support.certificates import Authority


@pytest.fixture
def files(tmp_path):
    """Good and bad files by name."""
    ca = Authority(tmp_path, "ca")
    good, other, locked = (
        ca.issue("good"),
        ca.issue("other"),
        ca.issue("locked", password=b"secret"),
    )
    text = tmp_path / "text.pem"
    text.write_text("no certificate")
    return {
        "ca": ca.file,
        "certificate": good.certificate,
        "key": good.key,
        "other_key": other.key,
        "locked_certificate": locked.certificate,
        "locked_key": locked.key,
        "text": text,
        "absent": tmp_path / "absent.pem",
    }


GRPC = {"grpc_tls_certificate": "certificate", "grpc_tls_key": "key"}
GATEWAY = {"gateway_tls_certificate": "certificate", "gateway_tls_key": "key"}
UPSTREAM = {"gateway_upstream_certificate": "certificate", "gateway_upstream_key": "key"}


@pytest.mark.parametrize(
    ("given", "named", "words"),
    [
        ({**GRPC, "grpc_tls_certificate": "absent"}, "GRPC_TLS_CERTIFICATE", "No such file"),
        ({**GRPC, "grpc_tls_certificate": "text"}, "GRPC_TLS_CERTIFICATE", "no certificate in PEM"),
        ({**GRPC, "grpc_tls_key": "absent"}, "GRPC_TLS_KEY", "No such file"),
        ({**GRPC, "grpc_tls_key": "text"}, "GRPC_TLS_KEY", "no key in PEM"),
        ({**GRPC, "grpc_tls_key": "other_key"}, "GRPC_TLS_KEY", "key of another certificate"),
        (
            {"grpc_tls_certificate": "locked_certificate", "grpc_tls_key": "locked_key"},
            "GRPC_TLS_KEY",
            "encrypted",
        ),
        ({"grpc_tls_certificate": "certificate"}, "GRPC_TLS_KEY", "is needed beside"),
        ({"grpc_tls_key": "key"}, "GRPC_TLS_CERTIFICATE", "is needed beside"),
        ({"grpc_tls_client_ca": "ca"}, "GRPC_TLS_CERTIFICATE", "is needed where"),
        ({**GRPC, "grpc_tls_client_ca": "text"}, "GRPC_TLS_CLIENT_CA", "no certificate in PEM"),
        ({**GRPC, "grpc_tls_client_ca": "ca"}, "GATEWAY_UPSTREAM_CERTIFICATE", "is needed where"),
        ({**GATEWAY, "gateway_tls_key": "other_key"}, "GATEWAY_TLS_KEY", "another certificate"),
        ({"gateway_upstream_ca": "absent"}, "GATEWAY_UPSTREAM_CA", "No such file"),
    ],
)
def test_a_wrong_file_is_named(files, capsys, given, named, words):
    """A file that TLS cannot use ends a start with 2, naming its variable and what is wrong."""
    settings = Settings(**{name: files[file] for name, file in given.items()})
    with pytest.raises(typer.Exit) as left:
        require_usable(settings, server=True, gateway=True)
    assert left.value.exit_code == 2
    told = " ".join(capsys.readouterr().err.split())
    assert f"ASSAY_{named}: " in told
    assert words in told


@pytest.mark.parametrize("more", [UPSTREAM, {"gateway_upstream_name": "ca"}])
def test_a_gateway_never_calls_servers_in_the_clear_by_a_slip(files, capsys, more):
    """A certificate or a name for the servers without their CA is refused by a gateway alone."""
    settings = Settings(
        **{
            name: files[file] if name != "gateway_upstream_name" else "x"
            for name, file in more.items()
        }
    )
    with pytest.raises(typer.Exit):
        require_usable(settings, server=False, gateway=True)
    assert "ASSAY_GATEWAY_UPSTREAM_CA: " in capsys.readouterr().err


def test_good_files_pass(files, caplog):
    """Good files pass, and nothing is warned of where all that listens has TLS."""
    given = {**GRPC, **GATEWAY, **UPSTREAM, "grpc_tls_client_ca": "ca", "gateway_upstream_ca": "ca"}
    settings = Settings(
        **{name: files[file] for name, file in given.items()},
        grpc_host="0.0.0.0",
        http_host="0.0.0.0",
    )
    require_usable(settings, server=True, gateway=True)
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("host", "warned"),
    [("127.0.0.1", 0), ("::1", 0), ("localhost", 0), ("0.0.0.0", 2), ("10.1.2.3", 2), ("::", 2)],
)
def test_listening_without_tls_beyond_this_machine_is_warned_of(caplog, host, warned):
    """Without TLS an address beyond this machine is warned of, with the variables to set."""
    require_usable(Settings(grpc_host=host, http_host=host), server=True, gateway=True)
    assert len(caplog.messages) == warned
    for text, prefix in zip(caplog.messages, ("GRPC_TLS", "GATEWAY_TLS"), strict=False):
        assert f"listens on {host} without TLS" in text
        assert f"ASSAY_{prefix}_CERTIFICATE" in text


def test_commands_look_at_their_own_files_only(files, tmp_path):
    """`serve` refuses a wrong file of the server at once; `migrate` needs none of them."""
    wrong = {"ASSAY_GRPC_TLS_CERTIFICATE": str(files["absent"]), "ASSAY_GRPC_TLS_KEY": "x"}
    codes = {}
    for name in ("serve", "up", "migrate"):
        done = subprocess.run(
            [sys.executable, "-m", "assay", name, "--data-dir", tmp_path / "data"],
            env={**os.environ, **wrong}, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        codes[name] = done.returncode
        assert ("ASSAY_GRPC_TLS_CERTIFICATE: " in done.stderr) is (name != "migrate")
    assert codes == {"serve": 2, "up": 2, "migrate": 0}

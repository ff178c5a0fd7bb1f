"""The environments in which programs of other makers run."""

from __future__ import annotations

import subprocess

from tools.environments import node_environment, python_environment


def test_the_lock_of_modzy_sdk_holds_all_that_it_imports():
    """Its REST client and its gRPC client can be imported."""
    python = python_environment("modzy_sdk")
    command = [str(python), "-c", "import modzy, modzy.edge"]
    assert subprocess.run(command, check=False).returncode == 0


def test_the_lock_of_the_npm_client_holds_all_that_it_requires():
    """It can be required by the Node.js of a wheel."""
    node, packages = node_environment("modzy_npm")
    script = "require('@modzy/modzy-sdk').ModzyClient.name"
    command = [str(node), "--print", script]
    done = subprocess.run(command, cwd=packages, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "ModzyClient"

"""Docker's own configuration may give proxies to containers, with passwords: only those with a network get them."""

from __future__ import annotations

import json
import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from openclaw.clock import SystemClock
from openclaw.containers.cli import Cli
from openclaw.containers.docker import DockerRuntime
from openclaw.containers.runtime import Network
from tests.support.specs import make_spec

PROXIES = {"httpProxy": "http://me:canary@192.0.2.1:3128", "httpsProxy": "http://me:canary@192.0.2.1:3128"}


@pytest.mark.parametrize("network", ["none", "bridge"])
def test_a_container_without_a_network_is_told_of_none(
    tmp_path: Path, engine: Cli, image: str, installation: str, network: Network
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"proxies": {"default": PROXIES}}))
    cli = Cli(engine.program, {**os.environ, "DOCKER_CONFIG": str(tmp_path)})
    with closing(DockerRuntime(cli, SystemClock(), installation, image)) as runtime:
        name = f"{installation}-{network}"
        spec = make_spec(tmp_path, name, runtime.container_uid, cid=name)
        runtime.start(replace(spec, network=network)).result(60)

        seen = engine.run(["inspect", "--format={{json .Config.Env}}", name]).stdout

        runtime.remove(name).result(60)
    assert "HOME=/tmp" in seen
    assert ("canary" in seen) is (network == "bridge")

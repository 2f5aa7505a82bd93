"""The doctor's look at the model: who answers, and whether its address can be reached. Asks the model nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from openclaw.cli.doctor.finding import Finding
from openclaw.config import Config
from openclaw.gateway.upstream import DEFAULT_URL

CONNECT_S: Final = 2.0
"""Seconds that a connection may take, for each of the host's addresses."""
_ADDRESSES: Final = 4
_PORTS: Final = {"http": 80, "https": 443}


def check(config: Config) -> Iterator[Finding]:
    """Who answers. A model is only connected with, as the gateway would be: a call would cost tokens."""
    name, env = "model", config.home / ".env"
    if config.engine == "offline":
        wanted = "AGENT_ENGINE=offline asks for it" if config.agent_engine == "offline" else "no credential is set"
        yield Finding.warn(
            name,
            f"the offline engine answers, by rules ({wanted}); no model was looked for",
            f'echo "ANTHROPIC_API_KEY=…" >> {env}, or ANTHROPIC_BASE_URL for a model of your own',
        )
        return
    url = config.anthropic_base_url or DEFAULT_URL
    way = "a key" if config.anthropic_api_key else "a token" if config.claude_code_oauth_token else "no key"
    if why := _unreachable(url):
        what = f"start the model there, or correct ANTHROPIC_BASE_URL in {env}" if config.anthropic_base_url else (
            "check this machine's network and name service, and that a firewall lets it out"
        )
        yield Finding.fail(name, f"{url} does not answer: {why}", what)
    else:
        yield Finding.ok(name, f"{url} takes connections, with {way}; the key and the model's name were not tried")


def _unreachable(url: str) -> str:
    """Why no connection can be made to where `url` leads; empty where one can."""
    parts = urlsplit(url)
    try:
        places = socket.getaddrinfo(parts.hostname, parts.port or _PORTS[parts.scheme], type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return f"its host's name is not known here ({getattr(error, 'strerror', None) or error})"
    why = ""
    for family, kind, protocol, _, address in places[:_ADDRESSES]:
        try:
            with socket.socket(family, kind, protocol) as sock:
                sock.settimeout(CONNECT_S)
                sock.connect(address)
                return ""
        except TimeoutError:
            why = f"no connection within {CONNECT_S:g} s"
        except OSError as error:
            why = error.strerror or str(error)
    return why

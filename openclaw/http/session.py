"""BareSession: a requests.Session that sends what it is given and nothing else.

No proxy, .netrc or bundle of certificates from the environment, no cookie kept or sent, no redirect followed or even
looked at (requests reads the whole body of one, however long), no retry. Its connections can be cut. Any thread may
use it; each call is its own.
"""

from __future__ import annotations

import ssl
from http.cookiejar import DefaultCookiePolicy
from typing import Final

import requests

from openclaw.errors import ConfigError
from openclaw.http.cut import CuttableAdapter

BROKEN: Final[type[Exception]] = requests.exceptions.BaseHTTPError  # type: ignore[attr-defined]  # of urllib3
"""What reading from the `raw` of a streamed response raises."""


class BareSession(requests.Session):
    """At most `kept` connections to a host stay open between calls; there may be more in use.

    Certificates are checked against those in the file `authorities`; where it is empty, against those of requests.
    """

    def __init__(self, kept: int = 1, authorities: str = "") -> None:
        super().__init__()
        self.trust_env = False
        self.verify = authorities or True
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("http://", "https://"):
            self.mount(scheme, CuttableAdapter(pool_maxsize=kept))

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None, whatever was answered."""


def check_authorities(path: str) -> None:
    """Raise ConfigError where the file that SSL_CERT_FILE names has no certificates. Empty: there is none to check."""
    if not path:
        return
    try:
        found = ssl.create_default_context(cafile=path).cert_store_stats()["x509"]
        why = "" if found else "there is no certificate in it"
    except ssl.SSLError:
        why = "it is no file of certificates (PEM)"
    except OSError as error:
        why = error.strerror or "it cannot be read"
    if why:
        raise ConfigError(f"SSL_CERT_FILE={path}: {why}")

"""Every setting: its name, default, meaning and check; read once at start from `.env` and the environment.

Pure functions; nothing here keeps state. Times are in milliseconds outside and in seconds inside.
`.env.example` is written from SETTINGS (`python -m openclaw.config`), and a test holds it there.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from openclaw.errors import ConfigError

CHECKOUT = Path(__file__).resolve().parent.parent
"""Where openclaw is installed from, the home unless another is set."""


class Setting(NamedTuple):
    """One environment variable. `parse` turns its text into the value or raises ValueError saying what it takes."""

    name: str
    default: str
    parse: Callable[[str], Any]
    about: str


def _flag(text: str) -> bool:
    if text.lower() in ("true", "1", "yes", "on"):
        return True
    if text.lower() in ("false", "0", "no", "off"):
        return False
    raise ValueError("true or false")


def _number(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if re.fullmatch(r"[0-9]{1,12}", text, re.ASCII) and low <= int(text) <= high:
            return int(text)
        raise ValueError(f"a whole number from {low} to {high}")

    return parse


def _seconds(low: int, high: int) -> Callable[[str], float]:
    whole = _number(low, high)

    def parse(text: str) -> float:
        try:
            return whole(text) / 1000
        except ValueError:
            raise ValueError(f"whole milliseconds from {low} to {high}") from None

    return parse


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text in words:
            return text
        raise ValueError(" or ".join(words))

    return parse


def _matching(pattern: str, rule: str) -> Callable[[str], str]:
    compiled = re.compile(pattern, re.ASCII)

    def parse(text: str) -> str:
        if compiled.fullmatch(text):
            return text
        raise ValueError(rule)

    return parse


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    raise ValueError("one line of printable characters")


def _file(text: str) -> str:
    """A file's path; whether it is there, and what it should be, is looked at where it is used."""
    try:
        return str(Path(_printable(text)).expanduser()) if text else ""
    except RuntimeError:
        raise ValueError("a path without the home of a user who is not known here") from None


def _key(text: str) -> str:
    if re.fullmatch(r"[!-~]{0,8192}", text, re.ASCII):
        return text
    raise ValueError("printable ASCII without spaces")


_API_PATH = re.compile(r"(?<=[^/:])/+v1(/+messages)?\Z")
"""What many a program wants at the end of such an address, and what is added here."""


def _url(text: str) -> str:
    """An address that paths are added to. A password in it would be shown with it."""
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if usable and re.fullmatch(r"[!-~]+", text, re.ASCII) and not any(mark in text for mark in "@?#\\"):
        return text.rstrip("/")
    raise ValueError("an http or https address such as http://localhost:11434, without user, query or #")


def _zone(text: str) -> str:
    """A zone's name, or the rule itself; as tzset(3) takes them, but paths, which containers do not have, are undone."""
    zone = text.removeprefix(":")
    if zone == "/etc/localtime":
        return ""
    zone = zone.removeprefix("/usr/share/zoneinfo/")
    if zone and not _POSIX_ZONE.fullmatch(zone):
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("a time zone such as Europe/Berlin") from None
    return zone


def _posix_zone() -> re.Pattern[str]:
    """`CET-1CEST,M3.5.0,M10.5.0/3`: a name and its offset, that of the summer, and when it begins and ends."""
    name, time = r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)", r"[+-]?[0-9]{1,3}(?::[0-9]{2}){0,2}"
    date = rf",(?:J?[0-9]{{1,3}}|M[0-9]{{1,2}}\.[1-5]\.[0-6])(?:/{time})?"
    return re.compile(rf"{name}{time}(?:{name}(?:{time})?(?:{date}{date})?)?", re.ASCII)


_POSIX_ZONE = _posix_zone()


def _address(text: str) -> str:
    if text == "localhost":
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("an IP address such as 127.0.0.1") from None


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip().lower() for name in text.split(",") if name.strip())
    if all(re.fullmatch(r"[a-z0-9.-]{1,253}", name) for name in names):
        return names
    raise ValueError("host names, separated by commas")


_DAY = 86_400_000

SETTINGS: tuple[Setting, ...] = (
    Setting("ENABLE_PERSISTENT_MAIN", "true", _flag, "Main's agent stays in one container; false starts one for each message"),
    Setting("PERSISTENT_HEALTH_CHECK_INTERVAL", "30000", _seconds(100, _DAY), "ms between health checks of that container"),
    Setting("PERSISTENT_REQUEST_TIMEOUT", "300000", _seconds(100, _DAY), "ms that a turn in it may take"),
    Setting("PERSISTENT_MAX_RESTARTS", "3", _number(0, 100), "restarts (after 1, 2, 4 s) before Main falls back to on-demand containers"),
    Setting("PERSISTENT_RETRY_AFTER", "600000", _seconds(0, _DAY), "ms in fallback before it is tried again; 0: only after a restart"),
    Setting("PERSISTENT_STABLE_AFTER", "600000", _seconds(0, _DAY), "ms of answered health checks that clear the crash counter"),
    Setting("MAX_CONCURRENT_CONTAINERS", "100", _number(1, 1000), "dedicated containers at once"),
    Setting("MAX_SUBAGENTS", "100", _number(0, 1000), "subagents at once"),
    Setting("SUBAGENT_STANDBY", "2", _number(0, 100), "containers kept warm for subagents"),
    Setting("SUBAGENT_TIMEOUT", "1800000", _seconds(100, _DAY), "ms that a turn in a dedicated container may take"),
    Setting("QUEUE_LIMIT", "10000", _number(1, 1_000_000), "messages accepted and not yet answered; beyond it 429"),
    Setting("DRAIN_TIMEOUT", "60000", _seconds(0, _DAY), "ms that a stop waits for turns that run"),
    Setting("OUTBOX_RETENTION_DAYS", "7", _number(1, 36500), "days that replies and failed files are kept"),
    Setting("CONTAINER_RUNTIME", "auto", _one_of("auto", "docker", "process"), "auto takes docker where an engine answers, else process (no isolation)"),
    Setting("CONTAINER_CLI", "docker", _matching(r"[A-Za-z0-9/._-]{1,200}", "a program's name or path"), "the engine's command line program"),
    Setting("CONTAINER_IMAGE", "openclaw-agent:latest", _matching(r"[a-z0-9][A-Za-z0-9/.:@_-]{0,254}", "an image's name"), "the agent's image; make image builds it"),
    Setting("CONTAINER_PREFIX", "openclaw", _matching(r"[a-z0-9][a-z0-9-]{0,31}", "up to 32 of a-z, 0-9, -"), "container names begin with it; a second installation on one engine needs its own"),
    Setting("ALLOW_UNSANDBOXED_TOOLS", "false", _flag, "in the process runtime: let agents run commands and write files on this machine"),
    Setting("AGENT_ENGINE", "auto", _one_of("auto", "messages", "offline"), "messages asks a model, offline answers by rules without one; auto asks a model where a credential or an address of one is set"),
    Setting("OFFLINE_LATENCY", "0", _seconds(0, 3_600_000), "ms that the offline engine waits before it answers, as a model would"),
    Setting("ANTHROPIC_API_KEY", "", _key, "key of the Messages API; it stays on the host"),
    Setting("CLAUDE_CODE_OAUTH_TOKEN", "", _key, "or a Claude subscription's token"),
    Setting("ANTHROPIC_BASE_URL", "", _url, "another address that speaks the Messages API"),
    Setting("SSL_CERT_FILE", "", _file, "certificates (PEM) by which those of the model's API and of callbacks are checked, where an authority of your own vouches for them; empty: those that requests brings"),
    Setting("ANTHROPIC_MODEL", "", _printable, "the model's name; empty: claude-sonnet-4-5"),
    Setting("OPENCLAW_MAX_TOKENS", "16000", _number(256, 1_000_000), "tokens that one answer of the model may have"),
    Setting("OPENCLAW_CONTEXT_TOKENS", "200000", _number(4096, 10_000_000), "tokens that the model's window holds; older turns are summarised before it is full"),
    Setting("ASSISTANT_NAME", "Claw", _printable, "what the assistant calls itself"),
    Setting("TZ", "", _zone, "time zone for the assistant; empty: the machine's"),
    Setting("OPENCLAW_HOME", "", _printable, "folder of .env, groups/, ipc/ and logs/, so not to be set here; empty: the checkout"),
    Setting("OPENCLAW_HOST", "127.0.0.1", _address, "address to listen on; other than loopback needs OPENCLAW_TOKEN"),
    Setting("OPENCLAW_PORT", "8765", _number(0, 65535), "port to listen on; 0 takes a free one"),
    Setting("OPENCLAW_TOKEN", "", _matching(r"[!-~]{0,512}", "printable ASCII without spaces"), "callers that bear it are let in (Authorization: Bearer …)"),
    Setting("OPENCLAW_ALLOWED_HOSTS", "", _names, "further host names by which the service may be called, separated by commas"),
    Setting("LOG_LEVEL", "INFO", _one_of("DEBUG", "INFO", "WARN", "ERROR"), "the least that is logged"),
    Setting("LOG_FORMAT", "text", _one_of("text", "json"), "one line of text or of JSON for each event"),
)


@dataclass(frozen=True, slots=True, repr=False)
class Config:
    """The settings, checked. Durations are seconds. It has no repr: it holds keys."""

    home: Path
    enable_persistent_main: bool
    persistent_health_check_interval: float
    persistent_request_timeout: float
    persistent_max_restarts: int
    persistent_retry_after: float
    persistent_stable_after: float
    max_concurrent_containers: int
    max_subagents: int
    subagent_standby: int
    subagent_timeout: float
    queue_limit: int
    drain_timeout: float
    outbox_retention_days: int
    container_runtime: str
    container_cli: str
    container_image: str
    container_prefix: str
    allow_unsandboxed_tools: bool
    agent_engine: str
    offline_latency: float
    anthropic_api_key: str
    claude_code_oauth_token: str
    anthropic_base_url: str
    ssl_cert_file: str
    anthropic_model: str
    openclaw_max_tokens: int
    openclaw_context_tokens: int
    assistant_name: str
    tz: str
    openclaw_host: str
    openclaw_port: int
    openclaw_token: str
    openclaw_allowed_hosts: tuple[str, ...]
    log_level: str
    log_format: str
    warnings: tuple[str, ...]
    """What was passed over, for whoever has a log."""

    @property
    def engine(self) -> str:
        """Who answers: "messages" or "offline"."""
        if self.agent_engine != "auto":
            return self.agent_engine
        model = self.anthropic_api_key or self.claude_code_oauth_token or self.anthropic_base_url
        return "messages" if model else "offline"


def load(environ: Mapping[str, str]) -> Config:
    """The configuration from `environ` over `.env` in OPENCLAW_HOME. Raises ConfigError naming the setting."""
    home = _home(environ.get("OPENCLAW_HOME") or str(CHECKOUT))
    file = _read_env_file(home / ".env")
    warnings = [warning for name in file if (warning := _doubt(name))]
    if "OPENCLAW_HOME" in file and "OPENCLAW_HOME" not in environ:
        warnings.append("OPENCLAW_HOME in .env is passed over: it says where .env is; set it in the environment")
    values = {**file, **environ}
    try:
        _zone(environ.get("TZ", ""))
    except ValueError as error:  # everybody's variable: it was hardly meant for us
        warnings.append(f"TZ={environ['TZ'][:80]!r} of the environment is passed over: it takes {error}")
        values["TZ"] = file.get("TZ", "")
    if values.get("AGENT_ENGINE", "").strip() == "claude-code":
        raise ConfigError("AGENT_ENGINE=claude-code is not in this version yet: set messages, which asks a model too")
    parsed: dict[str, Any] = {}
    for setting in SETTINGS:
        text = values.get(setting.name, setting.default).strip()
        if not text and setting.default:
            text = setting.default
        try:
            parsed[setting.name.lower()] = setting.parse(text)
        except ValueError as error:
            shown = "" if _is_secret(setting.name) or "@" in text else f", not {text[:80]!r}"
            raise ConfigError(f"{setting.name} takes {error}{shown}") from None
    del parsed["openclaw_home"]
    address = parsed["anthropic_base_url"]
    parsed["anthropic_base_url"] = base = _API_PATH.sub("", address)
    if base != address:
        warnings.append(f"ANTHROPIC_BASE_URL={address}: its end is left out, as the path of the API is added to {base}")
    warnings += _doubts_about_model(parsed)
    config = Config(home=home, warnings=tuple(warnings), **parsed)
    if not ipaddress.ip_address(config.openclaw_host).is_loopback and not config.openclaw_token:
        raise ConfigError(f"OPENCLAW_HOST={config.openclaw_host} can be reached from elsewhere: set OPENCLAW_TOKEN too")
    return config


def _doubts_about_model(parsed: Mapping[str, Any]) -> list[str]:
    """What to say of how the model is reached. Raises ConfigError where it cannot be."""
    key, token, address = (
        parsed[name] for name in ("anthropic_api_key", "claude_code_oauth_token", "anthropic_base_url")
    )
    if parsed["agent_engine"] == "messages" and not (key or token or address):
        raise ConfigError(
            "AGENT_ENGINE=messages needs ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN,"
            " or ANTHROPIC_BASE_URL for a model that asks for no key"
        )
    doubts = []
    if key and token:
        doubts.append("ANTHROPIC_API_KEY and CLAUDE_CODE_OAUTH_TOKEN are both set: the key is used, the token is not")
    if (key or token) and address.startswith("http:") and not _is_here(urlsplit(address).hostname or ""):
        doubts.append(f"ANTHROPIC_BASE_URL={address} is not encrypted: the key can be read on the way there")
    return doubts


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _home(text: str) -> Path:
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise ConfigError(f"OPENCLAW_HOME={text} is the home of a user who is not known here") from None


def _doubt(name: str) -> str:
    """What to say of a name in `.env` that is none of ours and looks like one, else nothing."""
    ours = [setting.name for setting in SETTINGS]
    if name in ours:
        return ""
    meant = difflib.get_close_matches(name, ours, 1, _ALIKE)
    if meant:
        return f".env: {name} is no setting and is passed over; did you mean {meant[0]}?"
    if name.startswith(_OUR_PREFIXES):
        return f".env: {name} is no setting and is passed over; .env.example has all that there are"
    return ""


_OUR_PREFIXES = ("OPENCLAW_", "PERSISTENT_", "SUBAGENT_")
_ALIKE = 0.8
"""How much of two names must agree: QUEUE_LIMITS and LOGLEVEL are slips, DOCKER_HOST is somebody else's."""


def parse_env(text: str) -> dict[str, str]:
    """The assignments in `.env` text: `NAME=value`, optional `export`, quotes, ` # comment`; the last one wins.

    Quotes are those around the whole value; one within it belongs to it.
    """
    values: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = _ASSIGNMENT.fullmatch(line)
        if match is None:
            raise ConfigError(f".env line {number} is not NAME=value")
        name, double, single, bare = match.groups()
        values[name] = double if double is not None else single if single is not None else bare or ""
    return values


_ASSIGNMENT = re.compile(
    r"""(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?:"([^"]*)"|'([^']*)'|((?!["'])(?:(?!\s\#).)*?))(?:\s+\#.*)?\s*""",
    re.VERBOSE,
)


def _read_env_file(path: Path) -> dict[str, str]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    try:
        return parse_env(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8") from None


def _is_secret(name: str) -> bool:
    return any(part in name for part in ("KEY", "TOKEN"))


def example() -> str:
    """The text of `.env.example`."""
    lines = [
        "# openclaw's settings, each with its default. Copy to .env and uncomment what you change.",
        "# Real environment variables win over this file. Times are in milliseconds.",
    ]
    for setting in SETTINGS:
        lines += ["", f"# {setting.about}", f"#{setting.name}={setting.default}"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(example())

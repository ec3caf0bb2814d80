"""Where the gateway is, and who calls: from the arguments of a client, and else from the environment."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from ccsp.errors import AuthenticationError

Token = str | Callable[[], str]
AsyncToken = str | Callable[[], str | Awaitable[str]]
#: As `ca_file`, and in CCSP_CA_FILE: the authorities that this machine trusts.
SYSTEM = "system"

_MAX_MESSAGE_BYTES = 16 * 1024 * 1024
_OPTIONS = (
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
    # A gateway that vanished without a word is noticed after 25 s.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    # gRPC gives a try to connect at least this long, and ends it then. TLS needs four round trips.
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # This package repeats calls itself, with the same request id.
    ("grpc.enable_retries", 0),
    # An http_proxy in the environment is for outside traffic, not for calls inside the installation.
    ("grpc.enable_http_proxy", 0),
)


@dataclass(frozen=True)
class Connection:
    """Where the gateway is, who calls, and how long to try. See `Client`."""

    target: str
    #: Not in the text of this object, which may get into a log.
    token: AsyncToken | None = field(repr=False)
    token_file: str | Path | None
    credentials: grpc.ChannelCredentials | None
    server_name: str | None
    connect_timeout: float
    patience: float

    def options(self) -> list[tuple[str, str | int]]:
        """The settings of a channel."""
        name = [("grpc.ssl_target_name_override", self.server_name)] if self.server_name else []
        return [*_OPTIONS, *name]

    def read_token_file(self) -> str:
        try:
            return Path(self.token_file or "").read_text("utf-8").strip()
        except OSError as error:
            raise AuthenticationError("TOKEN_MISSING", f"the token file cannot be read: {error}") from error


def connection(
    target: str | None,
    *,
    token: AsyncToken | None,
    token_file: str | Path | None,
    ca_file: str | Path | None,
    certificate_file: str | Path | None,
    key_file: str | Path | None,
    server_name: str | None,
    connect_timeout: float,
    patience: float,
    env: Mapping[str, str] = os.environ,
) -> Connection:
    """Raises ValueError if something is missing, or does not fit together."""
    if target is None:
        # It describes the gateway of CCSP_GATEWAY, and says nothing of another one.
        ca_file = ca_file or env.get("CCSP_CA_FILE") or None
        target = env.get("CCSP_GATEWAY")
    if not target:
        raise ValueError("give the target, or set CCSP_GATEWAY")
    if token is None and token_file is None:
        token, token_file = env.get("CCSP_TOKEN") or None, env.get("CCSP_TOKEN_FILE") or None
        if (token is None) == (token_file is None):
            raise ValueError("give either token or token_file, or set either CCSP_TOKEN or CCSP_TOKEN_FILE")
    if token is not None and token_file is not None:
        raise ValueError("give either token or token_file")
    if (certificate_file is None) != (key_file is None) or (certificate_file and ca_file is None):
        raise ValueError("certificate_file and key_file belong together, and they need ca_file")
    tls = None
    if ca_file is not None:
        own = [Path(file).read_bytes() if file else None for file in (key_file, certificate_file)]
        trusted = _system_authorities() if ca_file == SYSTEM else Path(ca_file).read_bytes()
        tls = grpc.ssl_channel_credentials(trusted, *own)
    return Connection(target, token, token_file, tls, server_name, connect_timeout, patience)


def sendable(token: str) -> str:
    """A message of gRPC about a value that cannot be sent would contain the token."""
    # It often comes from a file or a Secret, which ends in a line break.
    token = token.strip()
    if re.fullmatch(r"[\x21-\x7e]+", token):
        return token
    if token == "":
        raise AuthenticationError("TOKEN_MISSING", "the token is empty")
    raise AuthenticationError("TOKEN_INVALID", "the token has characters that are not allowed, such as a line break")


def _system_authorities() -> bytes:
    """What this machine trusts, in PEM. gRPC itself would take a list of its own, without those of an organisation."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        return Path(paths.cafile).read_bytes()
    # Debian has a folder only. OpenSSL finds a file by a hash of its name.
    files = Path(paths.capath).glob("*.[0-9]") if paths.capath else ()
    found = [file.read_text("utf-8") for file in sorted(files) if file.is_file()]
    # Windows has neither.
    known = ssl.create_default_context().get_ca_certs(binary_form=True) if not found else []
    found += [ssl.DER_cert_to_PEM_cert(each) for each in known]
    if not found:
        raise ValueError("this machine has no list of authorities (OpenSSL finds none): give ca_file")
    return "\n".join(found).encode()

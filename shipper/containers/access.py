"""The way to the API of Kubernetes: the service account of a pod, or a kubeconfig.

Sources: the Kubernetes documentation, "Accessing the API from a Pod" and on kubeconfig files.
"""

from __future__ import annotations

import base64
import binascii
import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from sawlog import tls
from sawlog.errors import InputError
from sawlog.secrets import remember

ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Which API is asked, and for what of it."""

    kube_config: str | None = None
    """A file; None: what ``KUBECONFIG`` names, or else the service account of the pod that this runs in."""
    node: str | None = None
    """Whose pods are of interest; None: those of the node that this runs on."""
    cluster_wide: bool = False
    namespace: str | None = None
    account: str = ACCOUNT
    """The folder of the service account."""


@dataclass(slots=True)
class ApiAccess:
    """Where the API is, and what opens it."""

    url: str
    authorities: tuple[str, ...] = ()
    verify: bool = True
    identity: tls.Identity | None = None
    token: str = field(default="", repr=False)
    token_file: str = ""
    """Read for each request: the kubelet renews it."""
    namespace: str = ""
    """The pod's own, in a cluster."""

    def context(self) -> ssl.SSLContext:
        """Make the context of its TLS.

        Raises:
            TlsError: a certificate or key cannot be used.
        """
        return tls.client(authorities=self.authorities, identity=self.identity, verify=self.verify)

    def headers(self) -> dict[str, str]:
        """Return what a request says of who asks.

        Raises:
            OSError: the token cannot be read.
        """
        token = Path(self.token_file).read_text(encoding="ascii").strip() if self.token_file else self.token
        return {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})


def access_of(settings: ApiSettings) -> ApiAccess | None:
    """Return the way to the API; None where none is named, and this does not run in a cluster.

    Raises:
        InputError: a kubeconfig is named and cannot be used.
    """
    named = settings.kube_config or os.environ.get("KUBECONFIG")
    if named:
        return _kubeconfig(Path(named).expanduser())
    host, port = (os.environ.get(f"KUBERNETES_SERVICE_{name}", "") for name in ("HOST", "PORT"))
    account = Path(settings.account)
    if not host or not (account / "token").exists():
        return None
    namespace = account / "namespace"
    return ApiAccess(
        f"https://{f'[{host}]' if ':' in host else host}:{port or 443}",
        (str(account / "ca.crt"),),
        token_file=str(account / "token"),
        namespace=namespace.read_text(encoding="utf-8").strip() if namespace.exists() else "",
    )


def _kubeconfig(path: Path) -> ApiAccess:
    try:
        tree = yaml.safe_load(path.read_bytes())
        context = _named(tree, "context", tree["current-context"])
        cluster = _named(tree, "cluster", context["cluster"])
        user = _named(tree, "user", context["user"]) if context.get("user") else {}
        if "exec" in user or "auth-provider" in user:
            raise InputError(
                f"{path}: its user asks another program for a token, which is not done; name a 'tokenFile'"
            )
        identity = None
        if certificate := _file_or_data(path, user, "client-certificate"):
            identity = tls.Identity(certificate, _file_or_data(path, user, "client-key") or None)
        authority = _file_or_data(path, cluster, "certificate-authority")
        token = user.get("token") or ""
        return ApiAccess(
            str(cluster["server"]).rstrip("/"),
            (authority,) if authority else (),
            not cluster.get("insecure-skip-tls-verify"),
            identity,
            remember(token, "token") if token else "",
            _beside(path, user["tokenFile"]) if user.get("tokenFile") else "",
        )
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError, binascii.Error) as error:
        what = f"it lacks {error}" if isinstance(error, KeyError) else str(error).partition("\n")[0]
        raise InputError(f"{path}: no kubeconfig that could be used: {what}") from None


def _named(tree: dict[str, Any], kind: str, name: str) -> dict[str, Any]:
    for one in tree[f"{kind}s"]:
        if one["name"] == name:
            found: dict[str, Any] = one[kind]
            return found
    raise ValueError(f"there is no {kind} '{name}'")


def _file_or_data(path: Path, section: dict[str, Any], name: str) -> str:
    """Return a file's path, or the PEM text that stands in its place."""
    data = section.get(f"{name}-data")
    if data:
        return base64.b64decode(data, validate=True).decode("ascii")
    return _beside(path, section[name]) if section.get(name) else ""


def _beside(path: Path, name: str) -> str:
    return str(path.parent / name)

"""Style sheets and scripts, held in memory and served under /assets/<service>/<name>?v=<hash>."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from pathlib import Path

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from core.errors import NotFound

# The address holds the content's hash, so what it names never changes; a year is the longest that caches honour.
_FOREVER = "public, max-age=31536000, immutable"
_CHECK_EACH_TIME = "no-cache"

HTMX = "htmx-2.min.js"
_HTMX_DISTRIBUTION = "django-htmx"
_HTMX_PATH = f"django_htmx/static/django_htmx/{HTMX}"

# By a file's ending. Not by the operating system's list, which differs from machine to machine and takes longer to read than they do.
_MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


class Asset(Struct, frozen=True):
    """One file."""

    content: bytes
    media_type: str
    version: str


class Assets:
    """The files of one service: the shared ones, htmx, and its own."""

    def __init__(self, service: str, files: Mapping[str, bytes]) -> None:
        self._service = service
        self._assets = {name: _asset(name, content) for name, content in files.items()}

    def address(self, name: str) -> str:
        """The path of `name` with its version. Raises NotFound for a file that is not there."""
        return f"/assets/{self._service}/{name}?v={self._find(name).version}"

    async def serve(self, request: Request) -> Response:
        """Answer `/assets/<service>/<name>`."""
        asset = self._find(request.path_params["name"])
        etag = f'"{asset.version}"'
        current = request.query_params.get("v") == asset.version
        headers = {"cache-control": _FOREVER if current else _CHECK_EACH_TIME, "etag": etag}
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return Response(asset.content, media_type=asset.media_type, headers=headers)

    def _find(self, name: str) -> Asset:
        asset = self._assets.get(name)
        if asset is None:
            raise NotFound("There is no such file.")
        return asset


def load_assets(service: str, package: str) -> Assets:
    """The shared files, htmx, and those in `<package>/assets/` where the package has such a folder."""
    files = {HTMX: htmx_script()}
    for folder in (resources.files("web") / "static", resources.files(package) / "assets"):
        files.update(_files_in(folder))
    return Assets(service, files)


def htmx_script() -> bytes:
    """htmx as the installed distribution django-htmx ships it. Django itself is not imported."""
    return Path(str(metadata.distribution(_HTMX_DISTRIBUTION).locate_file(_HTMX_PATH))).read_bytes()


def _files_in(folder: Traversable) -> dict[str, bytes]:
    if not folder.is_dir():
        return {}
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def _asset(name: str, content: bytes) -> Asset:
    ending = Path(name).suffix
    if ending not in _MEDIA_TYPES:
        raise ValueError(f"{name}: browsers are not told what {ending} is; add its media type to web.assets")
    return Asset(content, _MEDIA_TYPES[ending], hashlib.sha256(content).hexdigest()[:16])

"""Who answers which request, and who may ask."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote

from deepnoise_registry.hub.server import downloading, uploading
from deepnoise_registry.hub.server.answers import Answer, Refusal, Request, json_answer
from deepnoise_registry.hub.server.downloading import Shape
from deepnoise_registry.hub.server.faults import Faults
from deepnoise_registry.hub.server.store import Store


@dataclass
class Site:
    """A local Hub without its wire.

    Attributes:
        store: what it keeps.
        tokens: who may read what is private and write anything; where None, anybody writes, and any token reads.
        shape: how files are answered.
        page_size: items on a page of a list.
        faults: what is to go wrong.
    """

    store: Store
    tokens: frozenset[str] | None = None
    shape: Shape = "direct"
    page_size: int = 1000
    faults: Faults = field(default_factory=Faults)

    def answer(self, request: Request) -> Answer:
        """What a request gets, errors included."""
        try:
            return self._answer(request)
        except Refusal as refusal:
            return refusal.answer
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return Refusal(400, f"the request is malformed: {error}").answer

    def may_read(self, request: Request, repo: str) -> bool:
        """Whether a repository is public, or the request's token is known."""
        private = repo in self.store.names() and self.store.repository(repo).private
        return not private or self._knows(request)

    def _answer(self, request: Request) -> Answer:
        for method, pattern, answered in _ROUTES:
            match = re.fullmatch(pattern, request.path)
            if match and request.method in method.split("|"):
                named = {key: unquote(value or "") for key, value in match.groupdict().items()}
                self._require_right(request, named.get("repo"))
                return answered(self, request, named)
        raise Refusal(404, f"this local Hub does not answer {request.method} {request.path:.200}")

    def _require_right(self, request: Request, repo: str | None) -> None:
        if self.tokens is not None and request.token and request.token not in self.tokens:
            raise Refusal(401, "Invalid credentials in Authorization header")
        if repo and not self.may_read(request, repo):
            raise Refusal(401, "Repository not found, or it is private", "RepoNotFound")
        writes = request.method in {"PUT", "DELETE"} or re.search(_WRITES, request.path)
        if writes and self.tokens is not None and not request.token:
            raise Refusal(401, "Writing needs a token")

    def _knows(self, request: Request) -> bool:
        return request.token in self.tokens if self.tokens is not None else bool(request.token)


Route = Callable[[Site, Request, dict[str, str]], Answer]


def _at_revision(answer: Callable[[Store, Request, str, str], Answer]) -> Route:
    """The route of what asks for a repository at a revision alone."""
    return lambda site, request, named: answer(site.store, request, named["repo"], named["revision"])


_REPO, _REV, _PATH = r"(?P<repo>[^/]+/[^/]+)", r"(?P<revision>[^/]+)", r"(?P<path>.+)"
_MODEL = rf"/api/models/{_REPO}"
_WRITES = r"^/api/repos/create$|/(?:commit|tag|branch|preupload)/|/objects/batch$"


_ROUTES: tuple[tuple[str, str, Route], ...] = (
    ("GET", r"/api/whoami-v2", lambda site, request, named: downloading.whoami(request)),
    (
        "GET",
        r"/api/models",
        lambda site, request, named: downloading.models(
            site.store, request, site.page_size, lambda repo: site.may_read(request, repo)
        ),
    ),
    ("POST", r"/api/repos/create", lambda site, request, named: uploading.create(site.store, request)),
    ("POST", r"/api/validate-yaml", lambda site, request, named: uploading.validate_yaml(request)),
    (
        "GET",
        rf"{_MODEL}(?:/revision/{_REV})?",
        lambda site, request, named: json_answer(
            downloading.model_info(site.store, named["repo"], named["revision"] or "main")
        ),
    ),
    (
        "GET",
        rf"{_MODEL}/tree/{_REV}(?:/{_PATH})?",
        lambda site, request, named: downloading.tree(
            site.store, request, site.page_size, named["repo"], named["revision"], named["path"]
        ),
    ),
    (
        "POST",
        rf"{_MODEL}/paths-info/{_REV}",
        _at_revision(downloading.paths_info),
    ),
    ("GET", rf"{_MODEL}/refs", lambda site, request, named: downloading.references(site.store, named["repo"])),
    (
        "GET",
        rf"{_MODEL}/commits/{_REV}",
        lambda site, request, named: downloading.commits(
            site.store, request, site.page_size, named["repo"], named["revision"]
        ),
    ),
    (
        "POST",
        rf"{_MODEL}/preupload/{_REV}",
        _at_revision(uploading.preupload),
    ),
    (
        "POST",
        rf"{_MODEL}/commit/{_REV}",
        _at_revision(uploading.commit),
    ),
    (
        "POST",
        rf"{_MODEL}/tag/{_REV}",
        _at_revision(uploading.tag),
    ),
    (
        "POST",
        rf"{_MODEL}/branch/{_REV}",
        _at_revision(uploading.branch),
    ),
    (
        "DELETE",
        rf"{_MODEL}/(?P<kind>tag|branch)/{_REV}",
        lambda site, request, named: uploading.unrefer(
            site.store, named["repo"], named["revision"], named["kind"]
        ),
    ),
    (
        "POST",
        rf"/{_REPO}\.git/info/lfs/objects/batch",
        lambda site, request, named: uploading.lfs_batch(site.store, request, site.shape),
    ),
    (
        "PUT",
        r"/lfs/(?P<oid>[0-9a-f]{64})",
        lambda site, request, named: uploading.put_object(site.store, request, named["oid"]),
    ),
    (
        "GET|HEAD",
        r"/lfs/(?P<oid>[0-9a-f]{40}|[0-9a-f]{64})",
        lambda site, request, named: downloading.object_answer(site.store, request, named["oid"]),
    ),
    (
        "GET|HEAD",
        rf"/{_REPO}/resolve/{_REV}/{_PATH}",
        lambda site, request, named: downloading.file_answer(
            site.store, request, site.shape, named["repo"], named["revision"], named["path"]
        ),
    ),
    (
        "GET|HEAD",
        rf"/api/resolve-cache/models/{_REPO}/{_REV}/{_PATH}",
        lambda site, request, named: downloading.cached_file(
            site.store, request, named["repo"], named["revision"], named["path"]
        ),
    ),
)

"""What the local Hub answers to those who write."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from deepnoise_core.contracts.errors import InputError
from deepnoise_registry.hub.server.answers import Answer, Refusal, Request, json_answer, json_object
from deepnoise_registry.hub.server.downloading import Shape, front_matter, host_of_files
from deepnoise_registry.hub.server.store import Entry, Store, is_large
from deepnoise_registry.safe_names import safe_name

_SHA256 = re.compile(r"[0-9a-f]{64}")


def create(store: Store, request: Request) -> Answer:
    """Make a repository; one that is there already is answered with 409 and the same JSON."""
    asked = request.json()
    if asked.get("type", "model") != "model":
        raise Refusal(400, "this local Hub keeps models alone")
    name = str(asked.get("name", ""))
    repo = name if "/" in name else f"{asked.get('organization') or 'you'}/{name}"
    private = bool(asked.get("private")) or asked.get("visibility") == "private"
    fresh = store.create(repo, private=private)
    told = {"url": f"{request.endpoint}/{repo}", "name": repo, "id": repo}
    if fresh:
        return json_answer(told)
    message = "You already created this model repo"
    return json_answer({**told, "error": message}, 409, {"X-Error-Message": message})


def validate_yaml(request: Request) -> Answer:
    """Whether a card's front matter can be read."""
    content = str(request.json().get("content", ""))
    warnings = [] if front_matter(content) else [{"message": "empty or missing yaml metadata in repo card"}]
    return json_answer({"errors": [], "warnings": warnings})


def preupload(store: Store, request: Request, repo: str, revision: str) -> Answer:
    """How each file is to be sent, and what is there under its name."""
    _, files = store.resolved(repo, revision)
    told = []
    for one in request.json().get("files", []):
        path = _safe(str(one.get("path", "")))
        entry = files.files.get(path)
        told.append(
            {
                "path": path,
                "uploadMode": "lfs" if is_large(path, int(one.get("size", 0))) else "regular",
                "shouldIgnore": False,
                "oid": entry.oid if entry else None,
            }
        )
    return json_answer({"files": told})


def lfs_batch(store: Store, request: Request, shape: Shape) -> Answer:
    """Where large files are to be put, on another host by that shape; those that are there need no action."""
    told, place = [], host_of_files(request, shape)
    for one in request.json().get("objects", []):
        oid = str(one.get("oid", ""))
        if not _SHA256.fullmatch(oid):
            raise Refusal(422, f"{oid!r:.80} is no sha256")
        there = store.object(oid).is_file()
        upload = {"upload": {"href": f"{place}/lfs/{oid}"}}
        told.append({"oid": oid, "size": one.get("size", 0), **({} if there else {"actions": upload})})
    answer = json_answer({"transfer": "basic", "objects": told})
    return Answer(answer.status, {"Content-Type": "application/vnd.git-lfs+json"}, answer.body)


def put_object(store: Store, request: Request, oid: str) -> Answer:
    """Take the bytes of a large file."""
    store.put_lfs(request.body(), oid)
    return Answer()


def commit(store: Store, request: Request, repo: str, revision: str) -> Answer:
    """Write a commit from lines of JSON: a header, then files, large files and what is deleted."""
    title, changes = "commit", dict[str, Entry | None]()
    for line in filter(None, request.text().splitlines()):
        said = json_object(line)
        key, value = said.get("key"), said.get("value", {})
        match key:
            case "header":
                title = str(value.get("summary", title))
            case "file":
                changes[_safe(value["path"])] = store.put_git(_decoded(value))
            case "lfsFile":
                changes[_safe(value["path"])] = _uploaded(store, value)
            case "deletedFile":
                changes[value["path"]] = None
            case "deletedFolder":
                _, before = store.resolved(repo, revision)
                changes |= dict.fromkeys(path for path in before.files if path.startswith(value["path"]))
            case _:
                raise Refusal(400, f"a commit has no lines of kind {key!r:.40}")
    if request.first("create_pr") in {"1", "true"}:
        raise Refusal(400, "this local Hub takes no pull requests; commit to a branch")
    made = store.commit(repo, revision, changes, title)
    url = f"{request.endpoint}/{repo}/commit/{made}"
    return json_answer({"success": True, "commitOid": made, "commitUrl": url, "hookOutput": ""})


def tag(store: Store, request: Request, repo: str, revision: str) -> Answer:
    """Name a revision."""
    store.refer(repo, str(request.json().get("tag", "")), revision, tag=True)
    return json_answer({})


def branch(store: Store, request: Request, repo: str, name: str) -> Answer:
    """Begin a branch."""
    store.refer(repo, name, str(request.json().get("startingPoint") or "main"), tag=False)
    return json_answer({})


def unrefer(store: Store, repo: str, name: str, kind: str) -> Answer:
    """Remove a `tag` or a `branch`."""
    store.unrefer(repo, name, tag=kind == "tag")
    return json_answer({})


def _safe(path: str) -> str:
    try:
        return safe_name(path)
    except InputError as error:
        raise Refusal(400, str(error)) from error


def _decoded(value: dict[str, Any]) -> bytes:
    if value.get("encoding", "base64") != "base64":
        return str(value.get("content", "")).encode()
    try:
        return base64.b64decode(value.get("content", ""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal(400, f"{value['path']}: its content is no base64") from error


def _uploaded(store: Store, value: dict[str, Any]) -> Entry:
    oid = str(value.get("oid", ""))
    if not _SHA256.fullmatch(oid) or not store.object(oid).is_file():
        raise Refusal(400, f"{value['path']}: its bytes were not sent before the commit")
    size = store.object(oid).stat().st_size
    if size != value.get("size", size):
        raise Refusal(400, f"{value['path']}: has {size} bytes, not {value['size']}")
    return Entry(oid=oid, size=size, lfs=True)

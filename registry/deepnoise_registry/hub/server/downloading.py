"""What the local Hub answers to those who read."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import parse_qs, quote

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from deepnoise_registry.hub.server.answers import Answer, Refusal, Request, json_answer, page
from deepnoise_registry.hub.server.store import Commit, Entry, Store

Shape = Literal["direct", "weak", "relative", "host"]
"""How files are answered: at once, also with a weak ETag, behind a relative redirect, or one to another host."""


def file_answer(store: Store, request: Request, shape: Shape, repo: str, revision: str, path: str) -> Answer:
    """A file of a revision: the headers that the client needs, and the bytes or where they are.

    Raises:
        Refusal: there is no such file, or the range lies beyond it.
    """
    commit, entry = _entry(store, repo, revision, path)
    headers = {
        "X-Repo-Commit": commit,
        "X-Linked-Size": str(entry.size),
        "X-Linked-ETag": f'"{entry.oid}"',
        "ETag": f'W/"{entry.oid}"' if shape == "weak" else f'"{entry.oid}"',
    }
    if shape == "relative":
        place = f"/api/resolve-cache/models/{repo}/{commit}/{quote(path)}"
        return Answer(307, {**headers, "Location": place})
    if shape == "host":
        return Answer(302, {**headers, "Location": f"{host_of_files(request, shape)}/lfs/{entry.oid}"})
    return _bytes_answer(store, request, entry.oid, headers)


def host_of_files(request: Request, shape: Shape) -> str:
    """The address of the bytes of large files; the shape `host` calls this server by another name."""
    return request.endpoint.replace("127.0.0.1", "localhost") if shape == "host" else request.endpoint


def cached_file(store: Store, request: Request, repo: str, revision: str, path: str) -> Answer:
    """A file behind a relative redirect."""
    return file_answer(store, request, "direct", repo, revision, path)


def object_answer(store: Store, request: Request, oid: str) -> Answer:
    """The bytes of a hash, as a host for large files gives them.

    Raises:
        Refusal: they are not there.
    """
    if not store.object(oid).is_file():
        raise Refusal(404, "there are no such bytes")
    return _bytes_answer(store, request, oid, {"ETag": f'"{oid}"'})


def model_info(store: Store, repo: str, revision: str) -> dict[str, Any]:
    """What the Hub says of a repository at a revision."""
    commit, files = store.resolved(repo, revision)
    repository = store.repository(repo)
    card = _card(store, files)
    return {
        "_id": commit[:24],
        "id": repo,
        "modelId": repo,
        "author": repo.partition("/")[0],
        "sha": commit,
        "private": repository.private,
        "gated": False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "createdAt": repository.created,
        "lastModified": files.date,
        "tags": _tags(card),
        "library_name": card.get("library_name"),
        "pipeline_tag": card.get("pipeline_tag"),
        "cardData": card,
        "siblings": [
            {
                "rfilename": path,
                "size": entry.size,
                "blobId": entry.oid,
                **({"lfs": _lfs(entry)} if entry.lfs else {}),
            }
            for path, entry in sorted(files.files.items())
        ],
        "spaces": [],
    }


def models(store: Store, request: Request, size: int, seen: Callable[[str], bool]) -> Answer:
    """The repositories that fit filters, author and search."""
    wanted = {one for value in request.query.get("filter", []) for one in value.split(",")}
    author, words = request.first("author"), request.first("search").lower()
    found = []
    for name in filter(seen, store.names()):
        info = model_info(store, name, "main")
        if wanted <= {*info["tags"]} and author in {"", info["author"]} and words in name.lower():
            found.append(info)
    return page(request, found, size)


def tree(store: Store, request: Request, size: int, repo: str, revision: str, folder: str) -> Answer:
    """The files of a revision, of all folders below one where asked for."""
    commit, files = store.resolved(repo, revision)
    deep = request.first("recursive").lower() in {"true", "1"}
    start = f"{folder.strip('/')}/" if folder.strip("/") else ""
    listed: dict[str, dict[str, Any]] = {}
    for path, entry in sorted(files.files.items()):
        below = path.removeprefix(start)
        if path.startswith(start) and (deep or "/" not in below):
            listed[path] = _listed(path, entry)
        elif path.startswith(start):
            inner = f"{start}{below.partition('/')[0]}"
            listed[inner] = {"type": "directory", "path": inner, "size": 0, "oid": commit}
    if start and not listed:
        raise Refusal(404, f"{folder} does not exist", "EntryNotFound", {"X-Repo-Commit": commit})
    return page(request, list(listed.values()), size)


def paths_info(store: Store, request: Request, repo: str, revision: str) -> Answer:
    """The files of a list that there are."""
    _, files = store.resolved(repo, revision)
    if "form" in request.headers.get("content-type", ""):  # clients before 1.0
        asked = parse_qs(request.text()).get("paths", [])
    else:
        asked = request.json().get("paths", [])
    return json_answer([_listed(path, files.files[path]) for path in asked if path in files.files])


def references(store: Store, repo: str) -> Answer:
    """Branches and tags."""
    repository = store.repository(repo)

    def listed(kind: str, found: dict[str, str]) -> list[dict[str, str]]:
        return [{"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": to} for name, to in found.items()]

    return json_answer(
        {
            "branches": listed("heads", repository.branches),
            "tags": listed("tags", repository.tags),
            "converts": [],
            "pullRequests": [],
        }
    )


def commits(store: Store, request: Request, size: int, repo: str, revision: str) -> Answer:
    """The history of a revision."""
    told = [
        {"id": name, "title": one.title, "message": "", "date": one.date, "authors": [{"user": "you"}]}
        for name, one in store.history(repo, revision)
    ]
    return page(request, told, size)


def whoami(request: Request) -> Answer:
    """Whose token it is: everybody is `you` here."""
    if not request.token:
        raise Refusal(401, "Invalid username or password.")
    token = {"accessToken": {"displayName": "local", "role": "write"}}
    return json_answer({"type": "user", "id": "0", "name": "you", "fullname": "You", "orgs": [], "auth": token})


def _entry(store: Store, repo: str, revision: str, path: str) -> tuple[str, Entry]:
    commit, files = store.resolved(repo, revision)
    if path not in files.files:
        raise Refusal(404, f"{path} does not exist", "EntryNotFound", {"X-Repo-Commit": commit})
    return commit, files.files[path]


def _bytes_answer(store: Store, request: Request, oid: str, headers: dict[str, str]) -> Answer:
    file = store.object(oid)
    size = file.stat().st_size
    headers |= {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
    asked = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("range", ""))
    if not asked or not (asked[1] or asked[2]):
        return Answer(200, headers, file)
    start = int(asked[1]) if asked[1] else max(0, size - int(asked[2]))
    stop = min(size, int(asked[2]) + 1) if asked[1] and asked[2] else size
    if start >= stop:
        raise Refusal(416, "the range lies beyond the file", headers={"Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return Answer(206, headers, file, start, stop)


def _listed(path: str, entry: Entry) -> dict[str, Any]:
    lfs = {"lfs": _lfs(entry)} if entry.lfs else {}
    return {"type": "file", "path": path, "size": entry.size, "oid": entry.oid[:40], **lfs}


def _lfs(entry: Entry) -> dict[str, Any]:
    return {"oid": entry.oid, "sha256": entry.oid, "size": entry.size, "pointerSize": 135}


def _card(store: Store, files: Commit) -> dict[str, Any]:
    """The front matter of the README; empty where there is none that can be read."""
    if "README.md" not in files.files:
        return {}
    text = store.object(files.files["README.md"].oid).read_text(errors="replace")
    return front_matter(text)


def front_matter(text: str) -> dict[str, Any]:
    """The YAML between the first two lines `---` of a README; empty where it cannot be read."""
    match = re.match(r"---\r?\n(.*?)^---\s*$", text, re.DOTALL | re.MULTILINE)
    if not match:
        return {}
    try:
        read = YAML(typ="safe", pure=True).load(io.StringIO(match[1]))
    except YAMLError:
        return {}
    return dict(read) if isinstance(read, dict) else {}


def _tags(card: dict[str, Any]) -> list[str]:
    tags = [str(tag) for tag in card.get("tags") or []]
    tags += [str(card[key]) for key in ("library_name", "pipeline_tag") if card.get(key)]
    tags += [f"license:{card['license']}"] if card.get("license") else []
    return list(dict.fromkeys(tags))

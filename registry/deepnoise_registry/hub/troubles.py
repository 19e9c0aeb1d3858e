"""What went wrong with the Hub, in one line that says what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deepnoise_core.contracts.errors import HubError, InputError, OutputError
from deepnoise_core.data.files import plain_disk_errors
from deepnoise_registry.hub.settings import HubSettings

_PASSING = {408, 425, 429, 500, 502, 503, 504}
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR}
_LONGEST_WAIT = 60.0


class HubUnreachableError(HubError):
    """The Hub does not answer now; what is in the cache may do."""


class HubFileMissingError(HubError):
    """A repository lacks a file, or the cache does where nobody may be asked."""

    def __init__(self, message: str, file: str) -> None:
        super().__init__(message)
        self.file = file


@dataclass(frozen=True)
class Trouble:
    """A fault of a request.

    Attributes:
        summary: what happened.
        passing: whether it may be gone after a while.
        status: of the answer; 0 without one.
        code: `X-Error-Code` of the answer.
        wait: seconds that the server asks to wait; None where it does not.
    """

    summary: str
    passing: bool = False
    status: int = 0
    code: str = ""
    wait: float | None = None


def client_errors() -> tuple[type[BaseException], ...]:
    """What calls of the client raise, whichever HTTP library is below it; uploads hide it in a RuntimeError."""
    from huggingface_hub.errors import HfHubHTTPError

    return (OSError, ValueError, RuntimeError, *HfHubHTTPError.__bases__)


def trouble_of(error: BaseException, settings: HubSettings) -> Trouble:
    """What an error of the client comes from."""
    causes = list(_causes(error))
    response = next((found for one in causes if (found := getattr(one, "response", None)) is not None), None)
    if response is not None:
        return _answered(response.status_code, response.headers)
    names = {type(one).__name__ for one in causes}
    if settings.offline or "OfflineModeIsEnabled" in names:
        return Trouble("offline, and not in the cache")
    if "FileMetadataError" in names:
        return Trouble("answers as no Hub does; is it the right address?")
    if any("Consistency check failed" in str(one) for one in causes):
        return Trouble("the download broke off", passing=True)
    if any(isinstance(one, PermissionError) for one in causes):
        return Trouble("permission denied")
    return Trouble(f"cannot be reached ({type(causes[-1]).__name__})", passing=True)


def hub_error(
    error: BaseException, trouble: Trouble, settings: HubSettings, what: str, file: str = ""
) -> InputError:
    """The error that a user is told of.

    Args:
        error: of the client.
        trouble: what it comes from.
        settings: of the Hub.
        what: the reference.
        file: the file that was asked for, where one was.
    """
    if disk := disk_error(error, settings):
        return disk
    place = settings.place
    match trouble:
        case Trouble(code="GatedRepo"):
            return HubError(f"{what}: is gated; ask for access on its page at {place}, then set HF_TOKEN")
        case Trouble(code="RevisionNotFound"):
            return HubError(f"{what}: there is no such branch, tag or commit at {place}")
        case Trouble(code="EntryNotFound"):
            return HubFileMissingError(
                f"{what}: {file}: there is no such file at {place}, so this is no model that deepnoise can read, "
                "or a damaged one",
                file,
            )
        case Trouble(code="RepoNotFound") | Trouble(status=404):
            return HubError(
                f"{what}: there is no such repository at {place}, or it is private; "
                "check its name, and set HF_TOKEN where it is private"
            )
        case Trouble(status=401):
            return HubError(f"{what}: {place} knows no such token; set HF_TOKEN to one that it gave you")
        case Trouble(status=403):
            return HubError(f"{what}: {place} forbids it; your token (HF_TOKEN) lacks the right")
        case Trouble(status=409):
            return HubError(f"{what}: {place} has something else there (409), perhaps of this moment; try again")
        case Trouble(status=413):
            return HubError(f"{what}: {place} takes nothing so large (413); ask those who run it for its limits")
        case Trouble(passing=True):
            return HubUnreachableError(f"{what}: {place}: {trouble.summary}; try again later")
    if settings.offline:
        return HubFileMissingError(
            f"{what}: {file} is not in the cache {settings.cache}, and the Hub may not be asked (offline); "
            "pull it once online, or give a folder that somebody pulled",
            file,
        )
    return HubError(f"{what}: {place}: {trouble.summary}")


def disk_error(error: BaseException, settings: HubSettings) -> OutputError | None:
    """The fault of the disk with the cache that an error comes from; None where it comes from elsewhere."""
    for one in _causes(error):
        if isinstance(one, OSError) and one.errno in _DISK:
            try:
                with plain_disk_errors(settings.cache):
                    raise one
            except OutputError as told:
                return OutputError(f"{told}; or set HF_HOME to another folder")
    return None


def _answered(status: int, headers: Mapping[str, Any]) -> Trouble:
    code, wait = headers.get("X-Error-Code", ""), headers.get("Retry-After", "")
    summary = {429: "too many requests (429)", 503: "not available now (503)"}.get(status, f"answered {status}")
    seconds = min(_LONGEST_WAIT, float(wait)) if wait.isdigit() else None
    return Trouble(summary, status in _PASSING, status, code, seconds)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error, then what it was raised from, down to the first."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__

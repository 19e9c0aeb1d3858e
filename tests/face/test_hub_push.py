"""Pushing to a local Hub by the real client: what arrives, and what every refusal and change is told as."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deepnoise.listing import catalogue
from deepnoise.zoo import builtin_bundle
from deepnoise_core.contracts.errors import InputError
from deepnoise_registry import verification
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.hub import publishing
from deepnoise_registry.hub.client import fetch
from deepnoise_registry.hub.publishing import Pushed, push_bundle
from deepnoise_registry.hub.server.faults import Fault
from deepnoise_registry.hub.server.local import LocalHub

# The client passes files to its HTTP library in a way that is going out.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

FILE = "/{repo_id}/resolve/{revision}/{filename}"
TOKEN = "hf_" + "zyxwvutsrqponmlkjihgfedcba"
Verify = Callable[[Path, Catalogue], verification.Verification]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    """A local Hub, and the client as it is in a process that was started with its address."""
    from huggingface_hub import constants, hf_api

    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # the client's pauses
    with LocalHub(tmp_path / "store") as served:
        monkeypatch.setenv("HF_ENDPOINT", served.endpoint)
        monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
        monkeypatch.setattr(constants, "ENDPOINT", served.endpoint)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", served.endpoint + FILE)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(hf_api.api, "endpoint", served.endpoint)
        yield served


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A copy of the bundle that comes along, which may be changed."""
    return Path(shutil.copytree(builtin_bundle("builtin:tiny"), tmp_path / "bundle"))


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spares the verification, which comes before all that these tests look at."""
    monkeypatch.setattr(publishing, "_require_verified", lambda *_: None)


def pushed(bundle: Path, repo: str = "org/name", **options: Any) -> Pushed:
    return push_bundle(bundle, repo, catalogue(), licence="mit", **options)


def refusal(bundle: Path, repo: str = "org/name", **options: Any) -> str:
    """The one line that a push is refused with; no token is in it."""
    with pytest.raises(InputError) as raised:
        pushed(bundle, repo, **options)
    told = str(raised.value)
    assert "\n" not in told
    assert TOKEN not in told
    return told


def commits(hub: LocalHub, repo: str = "org/name") -> int:
    return len(hub.store.history(repo, "main"))


def renamed(bundle: Path, name: str = "other") -> None:
    """Let the manifest tell another name, so that it is another bundle."""
    path = bundle / "manifest.json"
    path.write_text(path.read_text().replace('"tiny"', f'"{name}"'))


def test_what_was_pushed_is_pulled_byte_by_byte(hub: LocalHub, bundle: Path, tmp_path: Path) -> None:
    done = pushed(bundle, tag="v1")
    assert (done.changed, commits(hub)) == (True, 2)
    copy = fetch("org/name@v1", to=tmp_path / "copy")
    assert {one.name: one.read_bytes() for one in copy.iterdir()} == {
        one.name: one.read_bytes() for one in bundle.iterdir() if one.name != "README.md"
    }
    again = pushed(bundle, tag="v1")
    assert (again.changed, again.commit, commits(hub)) == (False, done.commit, 2)
    assert [pushed(bundle, "org/plain").changed for _ in range(2)] == [True, False]


REFUSALS: dict[str, tuple[Fault, str]] = {
    "token_that_nobody_knows": (Fault("status", path="create", status=401), "knows no such token; set HF_TOKEN"),
    "no_right_to_create": (Fault("status", path="create", status=403), "your token (HF_TOKEN) lacks the right"),
    "no_such_organisation": (
        Fault("status", path="create", status=404),
        "lets you make no such repository; check its name and HF_TOKEN",
    ),
    "right_to_read_alone": (Fault("status", path="/preupload/", status=403), "lacks the right"),
    "token_that_ran_out": (Fault("status", path="/commit/", status=401), "knows no such token; set HF_TOKEN"),
    "somebody_else_commits": (Fault("status", path="/commit/", status=409), "something else there (409)"),
    "tag_made_meanwhile": (Fault("status", path="/tag/", status=409), "something else there (409)"),
    "large_file_too_large": (Fault("status", path="/lfs/", method="PUT", status=413), "nothing so large (413)"),
    "commit_too_large": (Fault("status", path="/commit/", status=413), "nothing so large (413)"),
    "too_many_requests": (Fault("status", path="create", status=429), "too many requests (429); try again later"),
    "not_available": (
        Fault("status", path="/preupload/", status=503),
        "not available now (503); try again later",
    ),
    "not_available_for_commits": (Fault("status", path="/commit/", status=503), "not available now (503)"),
    "broken_server": (Fault("status", path="batch", status=500), "answered 500; try again later"),
    "hangs_up_at_once": (Fault("drop", path="create"), "cannot be reached"),
    "hangs_up_at_the_weights": (Fault("drop", path="/lfs/", method="PUT"), "cannot be reached"),
    "hangs_up_at_the_commit": (Fault("drop", path="/commit/"), "cannot be reached"),
    "another_kind_of_server": (Fault("status", path="create", status=418), "answered 418"),
}


@pytest.mark.usefixtures("verified")
@pytest.mark.parametrize("case", REFUSALS)
def test_refused_push_is_told_and_can_be_repeated(hub: LocalHub, bundle: Path, case: str) -> None:
    fault, told = REFUSALS[case]
    hub.faults.add(fault)
    message = refusal(bundle, tag="v1")
    assert message.startswith("org/name: ")
    assert told in message
    hub.faults.clear()
    hung_up = case == "hangs_up_at_the_commit"  # which happened, though nobody was told
    assert "org/name" not in hub.store.names() or commits(hub) == 1 + (hung_up or "tag" in case)
    pushed(bundle, tag="v1")
    assert commits(hub) == 2
    assert hub.store.resolved("org/name", "v1") == hub.store.resolved("org/name", "main")


@pytest.mark.usefixtures("verified")
def test_server_that_goes_away_in_the_middle_is_told(hub: LocalHub, bundle: Path) -> None:
    def stop(**_: Any) -> Any:
        hub.stop()
        return answered(**_)

    import huggingface_hub

    answered = huggingface_hub.upload_folder
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(huggingface_hub, "upload_folder", stop)
        assert "cannot be reached" in refusal(bundle)
    assert commits(hub) == 1


@pytest.mark.usefixtures("verified")
def test_taken_tag_is_told_before_anything_is_sent(hub: LocalHub, bundle: Path) -> None:
    pushed(bundle, tag="v1")
    renamed(bundle)
    hub.requests.clear()
    told = refusal(bundle, tag="v1")
    assert told.startswith("org/name: the tag v1 is at commit ")
    assert told.endswith("already, which is another bundle; name another")
    assert commits(hub) == 2
    assert not [one for one in hub.requests if one.method == "PUT" or "/commit/" in one.path]
    pushed(bundle, tag="v2")
    assert commits(hub) == 3
    hub.store.publish("org/other", {"README.md": b"# text"}, tag="v1")
    assert "which is another bundle" in refusal(bundle, "org/other", tag="v1")


@pytest.mark.usefixtures("verified")
def test_private_is_private_or_refused(hub: LocalHub, bundle: Path) -> None:
    pushed(bundle, "org/secret", private=True)
    assert hub.store.repository("org/secret").private
    pushed(bundle, "org/secret", private=True)
    pushed(bundle, "org/open")
    told = refusal(bundle, "org/open", private=True)
    assert "is there and public, and --private is for a repository that a push makes" in told
    hub.site.tokens = frozenset({"hf_of_somebody_else"})
    assert "knows no such token; set HF_TOKEN" in refusal(bundle, "org/secret")


@pytest.mark.usefixtures("verified")
def test_push_without_a_token_is_told(hub: LocalHub, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setenv("HF_TOKEN_PATH", str(bundle / "none"))
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(bundle / "none"))
    hub.site.tokens = frozenset({TOKEN})
    assert "knows no such token; set HF_TOKEN" in refusal(bundle)


@pytest.mark.usefixtures("verified")
def test_token_stays_with_the_hub(hub: LocalHub, bundle: Path) -> None:
    hub.site.shape = "host"
    pushed(bundle, token=TOKEN)
    elsewhere = [one for one in hub.requests if one.host.startswith("localhost")]
    assert [one.method for one in elsewhere] == ["PUT"] * 2
    assert not any(one.authorized for one in elsewhere)
    assert not [
        file for file in hub.store.folder.rglob("*") if file.is_file() and TOKEN.encode() in file.read_bytes()
    ]


@pytest.mark.parametrize("name", ["model.safetensors", "manifest.json", "recipe.yaml"])
@pytest.mark.parametrize("how", ["changed", "gone"])
def test_file_that_changes_after_verification_is_not_sent(
    hub: LocalHub, bundle: Path, monkeypatch: pytest.MonkeyPatch, name: str, how: str
) -> None:
    verify: Verify = verification.verify_bundle

    def spoil(path: Path, catalogue: Catalogue) -> verification.Verification:
        found = verify(path, catalogue)
        raw = (path / name).read_bytes()
        if how == "gone" and name != "manifest.json":
            (path / name).unlink()
        elif name == "manifest.json":
            renamed(path)
        else:
            (path / name).write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
        return found

    monkeypatch.setattr(verification, "verify_bundle", spoil)
    told = refusal(bundle)
    assert told.startswith(f"{bundle}: ")
    assert f"{name!r} changed after the bundle was verified, so nothing was sent" in told
    assert hub.requests == []


def test_damaged_bundle_is_not_sent(hub: LocalHub, bundle: Path) -> None:
    path = bundle / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    told = refusal(bundle)
    assert "does not verify, so it is not pushed: file model.safetensors: differs from the manifest" in told
    assert hub.requests == []

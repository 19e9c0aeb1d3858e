"""Signals are held back once, and put where they were afterwards; those that are ignored stay ignored."""

import signal
import threading
from collections.abc import Iterator

import pytest

from deepnoise_core.engine.interruption import asking_signals, end_by, ended_in_order, interruption

ENDS = {
    signal.SIGINT: (KeyboardInterrupt, ()),
    signal.SIGTERM: (SystemExit, (143,)),
    signal.SIGHUP: (SystemExit, (129,)),
    signal.SIGUSR1: (SystemExit, (128 + signal.SIGUSR1,)),
}
GENTLE = (signal.SIGHUP, signal.SIGUSR1)


@pytest.fixture(params=GENTLE)
def ignored(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    """A signal that is ignored, as SIGHUP is under nohup."""
    before = signal.signal(request.param, signal.SIG_IGN)
    yield request.param
    signal.signal(request.param, before)


@pytest.mark.parametrize(("number", "ends"), ENDS.items())
def test_the_first_signal_waits_for_the_end_of_a_step(
    number: signal.Signals, ends: tuple[type[BaseException], tuple[int, ...]]
) -> None:
    before = signal.getsignal(number)
    with interruption() as asked:
        signal.raise_signal(number)
        assert asked.signal is number
        with pytest.raises(ends[0]) as raised:
            end_by(number)
    assert raised.value.args == ends[1]
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("first", ENDS)
def test_a_ctrl_c_that_is_the_second_acts_at_once(first: signal.Signals) -> None:
    with interruption() as asked:
        signal.raise_signal(first)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert asked.signal is first


@pytest.mark.parametrize("first", ENDS)
def test_a_terminal_that_tells_of_its_end_twice_costs_nothing(first: signal.Signals) -> None:
    with interruption() as asked:
        signal.raise_signal(first)
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)
        assert asked.signal is first


def test_a_signal_that_is_ignored_stays_so(ignored: signal.Signals) -> None:
    with ended_in_order(), interruption() as asked:
        signal.raise_signal(ignored)
        assert asked.signal is None
        assert signal.getsignal(ignored) is signal.SIG_IGN
    assert signal.getsignal(ignored) is signal.SIG_IGN


@pytest.mark.parametrize("number", [one for one in ENDS if one is not signal.SIGINT])
def test_a_signal_that_nothing_holds_back_ends_in_order(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as raised, ended_in_order():
        signal.raise_signal(number)
    assert raised.value.args == ENDS[number][1]
    assert signal.getsignal(number) is before


def test_a_system_without_some_signals_holds_the_others_back(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(asking_signals()) == set(ENDS)
    monkeypatch.setattr(signal, "Signals", [signal.SIGINT, signal.SIGTERM])
    assert asking_signals() == (signal.SIGINT, signal.SIGTERM)


def test_another_thread_holds_nothing_back() -> None:
    before, found = signal.getsignal(signal.SIGINT), []

    def work() -> None:
        with interruption() as asked:
            found.append((asked.signal, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(None, before)]

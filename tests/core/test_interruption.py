"""Signals are held back once, and put where they were afterwards."""

import signal
import threading

import pytest

from deepnoise_core.engine.interruption import end_by, interruption


@pytest.mark.parametrize(("number", "ends"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_the_first_signal_waits_for_the_end_of_a_step(number: signal.Signals, ends: type[BaseException]) -> None:
    before = signal.getsignal(number)
    with interruption() as asked:
        signal.raise_signal(number)
        assert asked.signal is number
        assert signal.getsignal(number) is before
        with pytest.raises(ends) as raised:
            end_by(number)
    assert signal.getsignal(number) is before
    if number is signal.SIGTERM:
        assert raised.value.args == (143,)


def test_the_second_ctrl_c_acts_at_once() -> None:
    with interruption():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_another_thread_holds_nothing_back() -> None:
    before, found = signal.getsignal(signal.SIGINT), []

    def work() -> None:
        with interruption() as asked:
            found.append((asked.signal, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(None, before)]

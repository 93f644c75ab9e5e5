import os
import signal

import pytest

from mmtadp.utils.errors import RunError
from mmtadp.utils.resumable import Interrupted, defer_signals, exit_code


def test_the_first_signal_is_noted_and_the_second_ends():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), defer_signals() as asked:
        os.kill(os.getpid(), signal.SIGTERM)
        assert asked == [signal.SIGTERM]
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    'error, code, message',
    [
        (None, 0, ''),
        (RunError('name another'), 2, 'error: name another'),
        (Interrupted(1200, signal.SIGTERM), 143, 'after step 1,200, which is saved'),
        (KeyboardInterrupt(), 130, 'The same command continues'),
    ],
)
def test_exit_codes(capsys, error, code, message):
    def run():
        if error is not None:
            raise error

    assert exit_code(run, overwrite=False) == code
    assert message in capsys.readouterr().err


def test_the_continuation_must_not_overwrite(capsys):
    def run():
        raise Interrupted(1, signal.SIGINT)

    assert exit_code(run, overwrite=True) == 130
    assert 'The same command without --overwrite continues' in capsys.readouterr().err

import os
import signal

import pytest

from mmtadp.utils.resumable import defer_signals


def test_the_first_signal_is_noted_and_the_second_ends():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), defer_signals() as asked:
        os.kill(os.getpid(), signal.SIGTERM)
        assert asked == [signal.SIGTERM]
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is before

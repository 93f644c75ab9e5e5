"""Keep many strings in two flat buffers."""

from array import array
from collections.abc import Iterable, Sequence


class PackedStrings(Sequence):
    """An immutable sequence of strings, held as one UTF-8 buffer and its offsets.

    A list of strings is one Python object per string, and reading any of them writes its
    reference count, so that a forked dataloader worker ends up with its own copy of the pages.
    Here the pages that hold the text are never written to, whoever reads them, and a pickle is
    two memory copies. (mmengine's datasets serialise their ``data_list`` for the same reason.)

    Args:
        strings (Iterable[str]): The strings, in order.
    """

    __slots__ = ('_ends', '_text')

    def __init__(self, strings: Iterable[str]):
        encoded = [string.encode() for string in strings]
        self._text = b''.join(encoded)
        self._ends = array('q', [0])  # _ends[i + 1] is where string i ends
        for string in encoded:
            self._ends.append(self._ends[-1] + len(string))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> str:
        if not 0 <= index < len(self):
            raise IndexError(f'string index {index} is out of range (0 to {len(self) - 1})')
        return self._text[self._ends[index] : self._ends[index + 1]].decode()

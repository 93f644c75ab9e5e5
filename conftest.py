"""Settings and fixtures of all tests: few threads, no network, no display, plain configs."""

import os
import signal
import sys
import tempfile

# Before torch is imported. Tiny models gain nothing from a second thread, and become much slower
# where the cores are busy.
os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ.setdefault('TOKENIZERS_PARALLELISM', 'false')
os.environ.setdefault('MPLBACKEND', 'Agg')
os.environ['HF_HUB_OFFLINE'] = '1'

from collections.abc import Callable, Iterator  # noqa: E402
from pathlib import Path  # noqa: E402

# Tests, and processes that they start, import `tests` and `projects`. With the repository itself
# on the path, its mmtadp would hide an installed one. A package of the onedl set installs `tests`,
# too.
_PATH = tempfile.TemporaryDirectory()
for _name in ('tests', 'projects'):
    Path(_PATH.name, _name).symlink_to(Path(__file__).resolve().parent / _name)
sys.path.insert(0, _PATH.name)

import hypothesis  # noqa: E402
import pytest  # noqa: E402
from accelerate.state import AcceleratorState  # noqa: E402
from mmengine.utils import ManagerMixin  # noqa: E402

from mmtadp.captions.nouns import find_nouns, load_tagger  # noqa: E402
from tests.utils import unformatted_dumps  # noqa: E402, F401
from tests.utils.paths import REPOSITORY  # noqa: E402
from tests.utils.tiny_model import save_pipeline, tiny_diffusion_model  # noqa: E402
from tests.utils.tiny_tagger import write_tagger  # noqa: E402

# The same few hundred examples in each run; --hypothesis-profile=long draws 10,000 others.
_FUZZ = dict(database=None, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
hypothesis.settings.register_profile('suite', max_examples=300, derandomize=True, **_FUZZ)
hypothesis.settings.register_profile('long', max_examples=10_000, **_FUZZ)
hypothesis.settings.load_profile('suite')


@pytest.fixture
def forget_accelerate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Reset accelerate, which keeps its settings for the whole process."""
    # Training leaves it set, and accelerate would take this process for one of several.
    monkeypatch.delenv('LOCAL_RANK', raising=False)
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(autouse=True)
def restore_signals() -> Iterator[None]:
    """Undo what a tool that ran in this process does on SIGTERM and SIGINT.

    Processes that are forked later would inherit it. One that is between two steps of Python when
    the signal comes would then not end, as the workers of a pool must.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope='session')
def path_of_tests() -> str:
    """Return a folder for a process's path, with the packages `tests` and `projects`."""
    return _PATH.name


@pytest.fixture(scope='session')
def repository() -> Path:
    """Return the repository's folder."""
    return REPOSITORY


@pytest.fixture(scope='session')
def shared() -> Path:
    """Return the folder of real data next to the repository, which a clone does not have."""
    folder = REPOSITORY.parent / 'shared'
    if not (folder / 'camvid').is_dir():
        pytest.skip(f'no real data: {folder} does not exist')
    return folder


@pytest.fixture(scope='session', autouse=True)
def cache_folder(tmp_path_factory) -> Path:
    """Return the cache folder of class embeddings, apart from the user's own."""
    folder = tmp_path_factory.mktemp('cache')
    os.environ['MMTADP_CACHE'] = str(folder)
    return folder


@pytest.fixture(scope='session')
def tiny_pipeline(tmp_path_factory) -> Path:
    """Return a diffusers folder with seeded weights; read it, do not change it."""
    return save_pipeline(tiny_diffusion_model(), tmp_path_factory.mktemp('pipeline') / 'tiny')


@pytest.fixture(scope='session')
def tinysd() -> Path:
    """Return the diffusers folder of TinySD's weights; read it, do not change it."""
    return REPOSITORY / 'projects' / 'shapescenes' / 'weights' / 'diffusion'


@pytest.fixture(autouse=True)
def forget_runs() -> Iterator[Callable[[], None]]:
    """Reset what mmengine keeps for the whole process: default scope, logs, visualizers.

    Otherwise a test that builds a runner changes later tests: a visualizer of the same name, for
    example, draws into the folder of the first. A test with several runs calls it in between.
    """
    yield _forget_runs
    _forget_runs()


def _forget_runs() -> None:
    classes = [ManagerMixin]
    while classes:
        cls = classes.pop()
        classes += cls.__subclasses__()
        cls._instance_dict.clear()


@pytest.fixture(scope='session')
def tiny_images(tmp_path_factory) -> Path:
    """Return a few small images with masks and captions in ADE20K's layout."""
    from tests.utils.tiny_runs import write_images

    return write_images(tmp_path_factory.mktemp('images'))


@pytest.fixture
def use_nltk_data(monkeypatch) -> Iterator[Callable[[Path], None]]:
    """Make a folder the only one with NLTK's data."""
    nltk = pytest.importorskip('nltk')

    def use(folder: Path) -> None:
        monkeypatch.setattr(nltk.data, 'path', [str(folder)])
        load_tagger.cache_clear()
        find_nouns.cache_clear()

    yield use
    load_tagger.cache_clear()
    find_nouns.cache_clear()


@pytest.fixture
def tiny_tagger(tmp_path, use_nltk_data) -> None:
    """Use the tagger of ``tests/utils/tiny_tagger.py`` instead of NLTK's."""
    use_nltk_data(write_tagger(tmp_path / 'nltk_data'))

"""What makes mmengine work the same in both sets of mm packages.

``import mmtadp`` calls the three functions that change settings of mmengine or torch.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pickle import UnpicklingError

import numpy as np
import torch
from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.logging import HistoryBuffer

FORCE_WEIGHTS_ONLY = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'


def register_config_packages() -> None:
    """Make ``mmtadp::``, ``mmseg::`` and ``mmdet::`` resolve in ``_base_``.

    mmengine maps the prefix to a distribution and looks for ``.mim/configs`` in its folder. It
    does not know mmtadp, and the onedl set has other distribution names. Where no such
    distribution is installed, it falls back to the folder of the module of that name.
    """
    # A module, not the distribution 'mmtadp': for that name upstream's mmengine looks in
    # site-packages only, which holds nothing after an editable install.
    MODULE2PACKAGE['mmtadp'] = 'mmtadp.version'
    for module in ('mmseg', 'mmdet'):
        try:
            metadata.distribution(MODULE2PACKAGE[module])
        except metadata.PackageNotFoundError:
            MODULE2PACKAGE[module] = module


def keep_default_scope() -> None:
    """Make what is inherited through ``mmtadp::`` build in the config's own ``default_scope``.

    mmengine marks everything inherited through ``package::`` with that package's scope. The
    configs of mmtadp are configs of mmseg and mmdet, whose modules it would then look for in
    mmtadp's registries. There is no setting for this, so the function that tells the scope of a
    base is wrapped.
    """
    get_cfg_path = Config._get_cfg_path

    def without_our_scope(cfg_path: str, filename: str) -> tuple[str, str | None]:
        path, scope = get_cfg_path(cfg_path, filename)
        return path, None if scope == 'mmtadp' else scope

    Config._get_cfg_path = staticmethod(without_our_scope)


def register_checkpoint_classes() -> None:
    """Allow ``torch.load(..., weights_only=True)`` to read what mmengine writes.

    In addition to tensors and plain containers, a checkpoint of mmengine's runner holds the log
    history (``HistoryBuffer``, with numpy arrays of values and counts) and the best scores (numpy
    scalars). Upstream's mmengine loads without allowing them, so torch >= 2.6 refuses its own
    checkpoints.
    """
    multiarray = np._core.multiarray
    allowed = {
        'mmengine.logging.history_buffer.HistoryBuffer': HistoryBuffer,
        'builtins.getattr': _method_of_history_buffer,
        'numpy.ndarray': np.ndarray,
        'numpy.dtype': np.dtype,
    }
    # As numpy 2 names them, and as numpy 1 did.
    for module in ('numpy._core.multiarray', 'numpy.core.multiarray'):
        allowed[f'{module}._reconstruct'] = multiarray._reconstruct
        allowed[f'{module}.scalar'] = multiarray.scalar
    for name in ('float32', 'float64', 'int64'):
        dtype = type(np.dtype(name))
        allowed[f'{dtype.__module__}.{dtype.__qualname__}'] = dtype
    # With their names: the onedl set's mmengine allows the bare classes for each load, and
    # afterwards disallows them again, whoever has allowed them.
    torch.serialization.add_safe_globals([(value, name) for name, value in allowed.items()])


def _method_of_history_buffer(owner: type, name: str) -> Callable:
    """Stands in for ``getattr``, with which a ``HistoryBuffer`` pickles its own methods.

    ``getattr`` itself would hand a checkpoint the insides of everything it may name.

    Raises:
        UnpicklingError: If anything else is asked for.
    """
    if owner is not HistoryBuffer or name.startswith('_'):
        raise UnpicklingError(f'a checkpoint may not read the attribute {name!r} of {owner!r}')
    return getattr(owner, name)


@contextmanager
def safe_checkpoint_loading() -> Iterator[None]:
    """Inside, ``torch.load`` never unpickles arbitrary objects, whoever calls it.

    The onedl set's mmengine first tries ``weights_only=True``, and when that refuses a file, loads
    it with ``weights_only=False`` all the same. torch has a switch that overrules the argument;
    it is set here for a time rather than at import, so that other code in the process keeps its
    own choice.
    """
    before = os.environ.get(FORCE_WEIGHTS_ONLY)
    os.environ[FORCE_WEIGHTS_ONLY] = '1'
    try:
        yield
    finally:
        if before is None:
            del os.environ[FORCE_WEIGHTS_ONLY]
        else:
            os.environ[FORCE_WEIGHTS_ONLY] = before

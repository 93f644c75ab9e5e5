"""What makes configs work the same in both sets of mm packages; ``import mmtadp`` calls it."""

from importlib import metadata

from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE


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

"""Which runs make the table, in the order in which they matter."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

SEEDS = (0, 1, 2)
LABELLED = (25, 50, 200, 400)
"""Numbers of labelled scenes of the learning curve, in addition to that of the configs."""

BLURS = (1, 2, 3)
"""Standard deviations, in pixels, of the Gaussian that blurs test images."""

NULL, CAPTIONS, ORACLE = 'null_shapescenes', 'tadp_shapescenes', 'oracle_shapescenes'
PROMPTS = (NULL, CAPTIONS, ORACLE)
SCRATCH = 'tadp_scratch_shapescenes'
NO_LATENT_SCALING = 'tadp_no_latent_scaling_shapescenes'
TEXTS = (
    NULL,
    'average_eos_shapescenes',
    'class_embeddings_shapescenes',
    'class_names_shapescenes',
    'tadp_short_shapescenes',
    CAPTIONS,
    'tadp_nouns_shapescenes',
    'tadp_ta_shapescenes',
    ORACLE,
)
"""All kinds of prompts, from the least to the most informative about the image."""

LEVELS = (50, 75, 100)
"""Precision and recall of oracle prompts, in percent."""

DEPTH = ('null_shapescenes_depth', 'tadp_shapescenes_depth')
DETECTION = (
    'null_shapescenes_detection',
    'tadp_shapescenes_detection',
    'oracle_shapescenes_detection',
)
TARGETS = ('night', 'watercolor')
MODIFIERS = ('null_modifier', 'simple', 'textual_inversion', 'dreambooth', 'nearby', 'unrelated')


def oracle_config(precision: int, recall: int) -> str:
    """Return the config of an oracle prompt with this precision and recall, in percent."""
    if precision == recall == LEVELS[-1]:
        return ORACLE
    return f'oracle_p{precision}_r{recall}_shapescenes'


def cross_domain_config(modifier: str, target: str) -> str:
    """Return the config that trains by day and tests on a target domain, with a modifier."""
    return f'tadp_{modifier}_shapescenes_day2{target}'


@dataclass(frozen=True)
class Variant:
    """What the plan and the report need to know about a config.

    Attributes:
        label (str): Name in tables and plots.
        text (str): Source of the prompts: ``none``, ``classes``, ``oracle``, or the kind of the
            caption file: ``long``, ``short`` or ``nouns``.
        task (str): ``segmentation``, ``depth`` or ``detection``.
        target (str): Domain of the test images.
        modifier (str, optional): Domain modifier, one of :data:`MODIFIERS`.
    """

    label: str
    text: str = 'long'
    task: str = 'segmentation'
    target: str = 'day'
    modifier: str | None = None


_DEPTH, _DETECTION = (dict(task=task) for task in ('depth', 'detection'))
VARIANTS = {
    NULL: Variant('null text', 'none'),
    'average_eos_shapescenes': Variant('average EOS', 'classes'),
    'class_embeddings_shapescenes': Variant('class embeddings', 'classes'),
    'class_names_shapescenes': Variant('class names', 'classes'),
    'tadp_short_shapescenes': Variant('captions, short', 'short'),
    CAPTIONS: Variant('captions, long'),
    'tadp_nouns_shapescenes': Variant('nouns of captions', 'nouns'),
    'tadp_ta_shapescenes': Variant('captions, text adapter'),
    SCRATCH: Variant('captions, U-Net from scratch'),
    NO_LATENT_SCALING: Variant('captions, no latent scaling'),
    'null_shapescenes_depth': Variant('depth: null text', 'none', **_DEPTH),
    'tadp_shapescenes_depth': Variant('depth: captions', **_DEPTH),
    'null_shapescenes_detection': Variant('detection: null text', 'none', **_DETECTION),
    'tadp_shapescenes_detection': Variant('detection: captions', **_DETECTION),
    'oracle_shapescenes_detection': Variant(
        'detection: oracle (from ground truth)', 'oracle', **_DETECTION
    ),
    **{
        oracle_config(p, r): Variant(
            f'oracle, precision {p / 100:.2f}, recall {r / 100:.2f}', 'oracle'
        )
        for p in LEVELS
        for r in LEVELS
    },
    ORACLE: Variant('oracle (from ground truth)', 'oracle'),
    **{
        cross_domain_config(modifier, target): Variant(
            f'day to {target}: {modifier.replace("_", " ")}', target=target, modifier=modifier
        )
        for target in TARGETS
        for modifier in MODIFIERS
    },
}
"""All configs of the table."""


@dataclass(frozen=True)
class Run:
    """One training and its test, or one more test of a trained model.

    Attributes:
        config (str): Stem of a config in ``projects/shapescenes/configs``.
        seed (int): Seed of the initial head and of the training.
        labelled (int, optional): Number of labelled scenes; None keeps the config's number.
        blur (int): Standard deviation, in pixels, of the Gaussian that blurs the test images. A
            run with blur trains nothing: it tests the model of :attr:`trained`.
    """

    config: str
    seed: int
    labelled: int | None = None
    blur: int = 0

    @property
    def key(self) -> str:
        """Unique name, which is also the name of the run's folder."""
        labelled = '' if self.labelled is None else f'-{self.labelled}_labelled'
        blur = f'-blur{self.blur}' if self.blur else ''
        return f'{self.config}{labelled}{blur}-seed{self.seed}'

    @property
    def trained(self) -> 'Run':
        """The run that trains the tested model; for most runs, the run itself."""
        return replace(self, blur=0)

    @property
    def variant(self) -> Variant:
        """Entry of :data:`VARIANTS`."""
        return VARIANTS[self.config]


def full_plan(seeds: Sequence[int] = SEEDS) -> list[Run]:
    """Return all runs, the most important first.

    Args:
        seeds (Sequence[int]): Seeds of the table. The learning curve and the blurred tests have
            the first seed only.

    Returns:
        list[Run]: Each run once.
    """
    first, *others = seeds
    single_domain = (NULL, CAPTIONS, ORACLE, SCRATCH, NO_LATENT_SCALING, *TEXTS)
    cross_domain = [cross_domain_config(m, target) for target in TARGETS for m in MODIFIERS]
    grid = [oracle_config(precision, recall) for precision in LEVELS for recall in LEVELS]
    rest = (*DEPTH, *DETECTION, *cross_domain, *grid)
    runs = [Run(config, first) for config in single_domain]
    runs += [Run(config, first, labelled) for labelled in LABELLED for config in PROMPTS]
    runs += [Run(config, first, blur=blur) for blur in BLURS for config in PROMPTS]
    runs += [Run(config, first) for config in rest]
    runs += [Run(config, seed) for seed in others for config in single_domain]
    runs += [Run(config, seed) for seed in others for config in rest]
    return list(dict.fromkeys(runs))


def quick_plan() -> list[Run]:
    """Return the runs that take less than 20 minutes on two cores."""
    return [Run(config, SEEDS[0]) for config in (*PROMPTS, SCRATCH)]

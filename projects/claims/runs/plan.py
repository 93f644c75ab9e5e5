"""Which runs make the table, in the order in which they matter."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SEEDS = (0, 1, 2)
LABELLED = (25, 50, 200, 400)
"""Numbers of labelled scenes of the learning curve, besides that of the configs."""

BLURS = (1, 2, 3)
"""Standard deviations in pixels of the Gaussian that test images are blurred with."""

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
"""All kinds of text, from that which says least of the image to that which says most."""

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
    """The config of an oracle prompt with this precision and recall, in percent."""
    if precision == recall == LEVELS[-1]:
        return ORACLE
    return f'oracle_p{precision}_r{recall}_shapescenes'


def cross_domain_config(modifier: str, target: str) -> str:
    """The config that trains by day and tests on a target, with a modifier."""
    return f'tadp_{modifier}_shapescenes_day2{target}'


@dataclass(frozen=True)
class Run:
    """One training and its test, or one more test of a trained model.

    Attributes:
        config (str): Stem of a config in ``projects/shapescenes/configs``.
        seed (int): Of the initial head and of all draws.
        labelled (int, optional): Labelled scenes; None leaves the config's own number.
        blur (int): Test images are blurred with a Gaussian of this standard deviation in pixels;
            such a run trains nothing of its own but tests the model of :attr:`trained`.
    """

    config: str
    seed: int
    labelled: int | None = None
    blur: int = 0

    @property
    def key(self) -> str:
        """What the run is called: unique, and fit for a folder's name."""
        labelled = '' if self.labelled is None else f'-{self.labelled}_labelled'
        blur = f'-blur{self.blur}' if self.blur else ''
        return f'{self.config}{labelled}{blur}-seed{self.seed}'

    @property
    def trained(self) -> 'Run':
        """The run whose model is tested; most test their own."""
        return Run(self.config, self.seed, self.labelled) if self.blur else self

    @property
    def task(self) -> str:
        """``segmentation``, ``depth`` or ``detection``."""
        last = self.config.rsplit('_', 1)[-1]
        return last if last in ('depth', 'detection') else 'segmentation'

    @property
    def target(self) -> str:
        """The domain that is tested on."""
        return self.config.rpartition('_day2')[2] if '_day2' in self.config else 'day'


def full_plan(seeds: Sequence[int] = SEEDS) -> list[Run]:
    """All runs, those that matter most first.

    Args:
        seeds (Sequence[int]): Those of the whole table; the learning curve and the blurred tests
            have the first only.

    Returns:
        list[Run]: Each once.
    """
    first, *others = seeds
    single_domain = (NULL, CAPTIONS, ORACLE, SCRATCH, NO_LATENT_SCALING, *TEXTS)
    rest = (*DEPTH, *DETECTION, *_cross_domain(), *_grid())
    runs = [Run(config, first) for config in single_domain]
    runs += [Run(config, first, labelled) for labelled in LABELLED for config in PROMPTS]
    runs += [Run(config, first, blur=blur) for blur in BLURS for config in PROMPTS]
    runs += [Run(config, first) for config in rest]
    runs += [Run(config, seed) for seed in others for config in single_domain]
    runs += [Run(config, seed) for seed in others for config in rest]
    return list(dict.fromkeys(runs))


def quick_plan() -> list[Run]:
    """What fits in 20 minutes on two cores."""
    return [Run(config, SEEDS[0]) for config in (*PROMPTS, SCRATCH)]


def _grid() -> Iterator[str]:
    for precision in LEVELS:
        for recall in LEVELS:
            yield oracle_config(precision, recall)


def _cross_domain() -> Iterator[str]:
    for target in TARGETS:
        for modifier in MODIFIERS:
            yield cross_domain_config(modifier, target)

"""The paper's claims, and the settings that test them here.

Sentences and figures are quoted from "Text-image Alignment for Diffusion-based Perception", CVPR
2024, with its supplement (Tab. S1, S2).
"""

from dataclasses import dataclass

from projects.claims.runs.run_plan import (
    CAPTIONS,
    MODIFIERS,
    NO_LATENT_SCALING,
    NULL,
    ORACLE,
    SCRATCH,
    TARGETS,
    cross_domain_config,
    oracle_config,
)


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper, and the two settings that test it here.

    Attributes:
        item (int): Group of the table.
        about (str): The comparison in a few words.
        sentence (str): The paper's sentence, literally.
        place (str): Section of the sentence.
        reported (str): The paper's figures and their table; empty if it gives none.
        better (str): Config that is claimed to be better.
        worse (str): Config of the comparison.
        expects_gain (bool): False for a claim that the two do not differ.
    """

    item: int
    about: str
    sentence: str
    place: str
    reported: str
    better: str
    worse: str
    expects_gain: bool = True


ITEMS = {
    1: 'Pretraining',
    2: 'Latent scaling',
    3: 'Prompts',
    4: 'Precision and recall of the oracle',
    5: 'Other tasks',
    6: 'Other domains',
}

_CAPTIONS_HELP = (
    'We find that these text captions improve performance in all datasets and tasks (Tabs. 1, 2, '
    '3).'
)
_EMBEDDINGS = (
    'We find that C_ClassNames improves performance by 1.0 mIoU, but C_ClassEmbs reduces '
    'performance by 0.3 mIoU (see Tab. 1).'
)
_RECALL = (
    'We find that both precision and recall have an effect, but recall is significantly more '
    'important.'
)

_SINGLE_DOMAIN = (
    Claim(
        1,
        'pretrained U-Net against the same U-Net from scratch',
        'Recently, a few works have shown diffusion pre-trained backbones have a strong prior for '
        'scene understanding',
        'Sec. 1',
        '',
        CAPTIONS,
        SCRATCH,
    ),
    Claim(
        2,
        'latent scaling on against off (here with captions, in the paper with average EOS)',
        'We find that latent scaling improves performance using C_avg for segmentation and depth '
        'estimation (Fig. 3).',
        'Sec. 4.1',
        'VOC2012 mIoU 83.06 against 82.34 (Tab. 1)',
        CAPTIONS,
        NO_LATENT_SCALING,
    ),
    Claim(
        3,
        'captions against null text',
        'We find that automatically generated captions can improve text-image alignment and '
        'significantly enhance a model’s cross-attention maps, leading to better perceptual '
        'performance.',
        'Abstract',
        'ADE20K, 4k steps, mIoU 50.2 against 41.5 (Tab. S1)',
        CAPTIONS,
        NULL,
    ),
    Claim(
        3,
        'captions against average EOS',
        _CAPTIONS_HELP,
        'Sec. 4.2',
        'VOC2012 mIoU 87.11 against 83.06 (Tab. 1)',
        CAPTIONS,
        'average_eos_shapescenes',
    ),
    Claim(
        3,
        'class names against average EOS',
        _EMBEDDINGS,
        'Sec. 4.2',
        'VOC2012 mIoU 84.08 against 83.06 (Tab. 1)',
        'class_names_shapescenes',
        'average_eos_shapescenes',
    ),
    Claim(
        3,
        'average EOS against class embeddings',
        _EMBEDDINGS,
        'Sec. 4.2',
        'VOC2012 mIoU 83.06 against 82.72 (Tab. 1)',
        'average_eos_shapescenes',
        'class_embeddings_shapescenes',
    ),
    Claim(
        3,
        'long against short captions',
        'We try a minimum token number of 0, 20, and 40 tokens (denoted as C_TADP-N) and find '
        'small but consistent gains with longer captions',
        'Sec. 4.2',
        'VOC2012 mIoU 87.11 against 86.36 (Tab. 1)',
        CAPTIONS,
        'tadp_short_shapescenes',
    ),
    Claim(
        3,
        'no difference: nouns only, whole captions',
        'In the C_TADP(NO)-20 nouns-only caption setting, we achieve 86.4% mIoU, similar to 86.2% '
        'mIoU with C_TADP-20 (Tab. 1), suggesting nouns are sufficient.',
        'Sec. 4.2',
        'VOC2012 mIoU 86.35 against 86.19 (Tab. 1)',
        'tadp_nouns_shapescenes',
        CAPTIONS,
        expects_gain=False,
    ),
    Claim(
        3,
        'no difference: with and without text adapter',
        'We also explore adding a text-adapter (TA) to TADP, but find no significant gain.',
        'Sec. 4.2',
        'ADE20K, 4k steps, mIoU 49.9 against 50.2 (Tab. S1)',
        'tadp_ta_shapescenes',
        CAPTIONS,
        expects_gain=False,
    ),
    Claim(
        3,
        'oracle against captions',
        'We find a large improvement in performance in segmentation, achieving 89% mIoU on Pascal '
        'and 72.2% mIoU on ADE20K.',
        'Sec. 4.2',
        'VOC2012 mIoU 89.85 against 87.11 (Tab. 1)',
        ORACLE,
        CAPTIONS,
    ),
    Claim(
        4,
        'recall 1.00 against 0.50, at precision 1.00',
        _RECALL,
        'Sec. 4.2',
        'ADE20K, 4k steps, mIoU 63.29 against 50.20 (Tab. S2)',
        ORACLE,
        oracle_config(100, 50),
    ),
    Claim(
        4,
        'precision 1.00 against 0.50, at recall 1.00',
        _RECALL,
        'Sec. 4.2',
        'ADE20K, 4k steps, mIoU 63.29 against 55.22 (Tab. S2)',
        ORACLE,
        oracle_config(50, 100),
    ),
    Claim(
        4,
        'lacking precision (0.50) against lacking recall (0.50)',
        _RECALL,
        'Sec. 4.2',
        'ADE20K, 4k steps, mIoU 55.22 against 50.20 (Tab. S2)',
        oracle_config(50, 100),
        oracle_config(100, 50),
    ),
    Claim(
        5,
        'depth (RMSE, lower is better): captions against null text (in the paper: against average '
        'EOS)',
        _CAPTIONS_HELP,
        'Sec. 4.2',
        'NYUv2 RMSE 0.225 against 0.235 (Tab. 3)',
        'tadp_shapescenes_depth',
        'null_shapescenes_depth',
    ),
    Claim(
        5,
        'detection (COCO AP): captions against null text (in the paper: other domains only)',
        _CAPTIONS_HELP,
        'Sec. 4.2',
        '',
        'tadp_shapescenes_detection',
        'null_shapescenes_detection',
    ),
    Claim(
        5,
        'detection (COCO AP): oracle against captions (in the paper: segmentation only)',
        'While this is not a realistic setting, it serves as an approximate upper bound on '
        'performance for our method on the segmentation task.',
        'Sec. 4.2',
        '',
        'oracle_shapescenes_detection',
        'tadp_shapescenes_detection',
    ),
)

_OFF_TARGET = 'We find these off-target domains reduce performance on all datasets.'
_MODIFIER_SENTENCES = {
    'simple': (
        'We find that good target domain alignment can help with cross-domain performance for '
        'some domains, and misalignment leads to worse performance.',
        'Sec. 5',
    ),
    'textual_inversion': (
        'We find that, on average, Textual Inversion captions perform the best, achieving 51.1 '
        'average mIoU and 38.2 average AP.',
        'Sec. 4.3',
    ),
    'dreambooth': (
        'For these cases, we show that model personalization through Textual Inversion or '
        'Dreambooth can bridge the gap without requiring labeled data.',
        'Sec. 5',
    ),
    'nearby': (_OFF_TARGET, 'Sec. 4.3'),
    'unrelated': (_OFF_TARGET, 'Sec. 4.3'),
}
# Nighttime Driving mIoU (Tab. 4) and Watercolor2k AP (Tab. 5), the counterparts of our targets.
_MODIFIER_FIGURES = {
    'night': dict(zip(MODIFIERS, (57.5, 56.9, 60.8, 60.4, 56.9, 55.1))),
    'watercolor': dict(zip(MODIFIERS, (42.1, 43.5, 43.2, 43.2, 42.0, 42.2))),
}
_MODIFIER_TABLES = {
    'night': 'Cityscapes to Nighttime Driving, mIoU {} against {} (Tab. 4)',
    'watercolor': 'VOC to Watercolor2k, AP {} against {} (Tab. 5)',
}
_OFF = ('nearby', 'unrelated')


def _cross_domain(target: str, modifier: str) -> Claim:
    sentence, place = _MODIFIER_SENTENCES[modifier]
    pair = ('null_modifier', modifier) if modifier in _OFF else (modifier, 'null_modifier')
    better, worse = (cross_domain_config(name, target) for name in pair)
    names = [name.replace('_', ' ') for name in pair]
    figures = (_MODIFIER_FIGURES[target][name] for name in pair)
    return Claim(
        6,
        f'day to {target}: {names[0]} against {names[1]}',
        sentence,
        place,
        _MODIFIER_TABLES[target].format(*figures),
        better,
        worse,
    )


CLAIMS = _SINGLE_DOMAIN + tuple(
    _cross_domain(target, modifier)
    for target in TARGETS
    for modifier in MODIFIERS
    if modifier != 'null_modifier'
)
"""All claims, by item."""

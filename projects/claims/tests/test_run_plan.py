from mmengine.config import Config

from projects.claims.report.paper import CLAIMS, ITEMS
from projects.claims.runs.run_plan import (
    CAPTIONS,
    NULL,
    ORACLE,
    VARIANTS,
    Run,
    cross_domain_config,
    full_plan,
    oracle_config,
    quick_plan,
)


def test_all_configs_of_the_family_are_run(repository):
    family = {path.stem for path in (repository / 'projects/shapescenes/configs').glob('*.py')}
    planned = {run.config for run in full_plan()}
    assert planned == family and len(family) == 36
    assert planned == set(VARIANTS)
    assert {c.better for c in CLAIMS} | {c.worse for c in CLAIMS} <= planned
    assert {claim.item for claim in CLAIMS} == set(ITEMS)


def test_what_matters_most_comes_first():
    plan = full_plan()
    keys = [run.key for run in plan]
    assert len(set(keys)) == len(keys) == 36 * 3 + 12 + 9
    first = {(run.config, run.labelled, run.blur) for run in plan if run.seed == 0}
    assert [run.seed for run in plan[: len(first)]] == [0] * len(first)
    order = [
        Run(NULL, 0),
        Run(NULL, 0, 25),
        Run(NULL, 0, blur=1),
        Run('null_shapescenes_depth', 0),
        Run(cross_domain_config('null_modifier', 'night'), 0),
        Run(oracle_config(50, 50), 0),
        Run(ORACLE, 1),
        Run(oracle_config(50, 50), 1),
    ]
    places = [plan.index(run) for run in order]
    assert places == sorted(places)
    assert set(quick_plan()) <= set(plan[:5]) and len(quick_plan()) == 4
    assert len(full_plan([0])) == len(first)


def test_run():
    run = Run(CAPTIONS, 2, labelled=50, blur=3)
    assert run.key == 'tadp_shapescenes-50_labelled-blur3-seed2'
    assert run.trained == Run(CAPTIONS, 2, labelled=50) and Run(CAPTIONS, 2).trained.blur == 0


def test_variants_are_what_the_configs_are(repository):
    for config, variant in VARIANTS.items():
        cfg = Config.fromfile(repository / 'projects/shapescenes/configs' / f'{config}.py')
        types = {'EncoderDecoder': 'segmentation', 'DepthEstimator': 'depth'}
        assert variant.task == types.get(cfg.model.type, 'detection')
        assert cfg.test_dataloader.dataset.data_root.endswith(f'/{variant.target}')
        transforms = {t.type: t for t in cfg.test_dataloader.dataset.pipeline}
        assert ('mmtadp.OracleCaptionTransform' in transforms) == (variant.text == 'oracle')
        source = transforms.get('mmtadp.CaptionLoadTransform')
        assert (source is not None) == (variant.text in ('long', 'short', 'nouns'))
        if source is not None:
            kind = variant.text if variant.target == 'day' else 'clean'
            assert source.ann_file.endswith(f'/{variant.target}/captions_{kind}.json')
        is_modified = variant.modifier not in (None, 'null_modifier')
        assert ('mmtadp.DomainModifier' in transforms) == is_modified

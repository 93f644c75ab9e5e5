from projects.claims.report.paper import CLAIMS, ITEMS
from projects.claims.runs.labels import LABELS
from projects.claims.runs.run_plan import (
    CAPTIONS,
    NULL,
    ORACLE,
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
    assert planned == set(LABELS)
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
    assert [Run(c, 0).task for c in ('null_shapescenes', 'null_shapescenes_depth')] == [
        'segmentation',
        'depth',
    ]
    assert Run('null_shapescenes_detection', 0).task == 'detection'
    assert Run(cross_domain_config('simple', 'night'), 0).target == 'night'
    assert Run(CAPTIONS, 0).target == 'day' and oracle_config(100, 100) == ORACLE

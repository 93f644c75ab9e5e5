"""Raw results that nothing was trained for."""

from projects.claims.report.statistics import METRICS
from projects.claims.runs.confusion import SIZES
from projects.claims.runs.run_plan import Run

CLASSES = ['background', 'star', 'gear', 'tree', 'lamp']


def make_row(
    config: str, seed: int, value: float, labelled: int | None = None, blur: int = 0
) -> dict:
    """A row whose figure is ``value``: mIoU, RMSE, or COCO AP of 0 to 1."""
    run = Run(config, seed, labelled, blur)
    name, _ = METRICS[run.variant.task]
    row = dict(
        key=run.key,
        config=config,
        seed=seed,
        labelled=labelled,
        blur=blur,
        fingerprint='0' * 16,
        task=run.variant.task,
        iterations=400,
        batch_size=8,
        training_scenes=labelled or 100,
        test_scenes=300,
        classes=CLASSES,
        metrics={name: value},
        minutes=dict(train=2.0, test=1.0),
        device='CPU',
        cores=2,
        threads=1,
        versions=dict(torch='2.0'),
        finished='2026-01-01T00:00:00Z',
    )
    if run.variant.task == 'segmentation':
        right = round(10 * value)
        row['confusion'] = {
            size: [
                [900, 0, 0, 0, 0],
                [9, right, 30 + scale, 2, 0],
                [9, 40, right + scale, 1, 0],
                [9, 5, 0, right, 1],
                [9, 60, 20, 3, right],
            ]
            for scale, size in enumerate(SIZES)
        }
    return row


def make_rows() -> dict[str, dict]:
    """Rows by key, in which some claims hold, some do not, and some are not measured."""
    found = [
        *(make_row('null_shapescenes', seed, 9.0 + seed) for seed in range(3)),
        *(make_row('tadp_shapescenes', seed, v) for seed, v in enumerate((19.0, 22.0, 22.0))),
        *(make_row('oracle_shapescenes', seed, v) for seed, v in enumerate((20.0, 22.0))),
        # The opposite of what is claimed.
        *(make_row('tadp_scratch_shapescenes', seed, 30.0) for seed in range(3)),
        make_row('tadp_short_shapescenes', 0, 15.0),
        make_row('tadp_nouns_shapescenes', 0, 18.5),
        make_row('oracle_p50_r100_shapescenes', 0, 19.0),
        *(make_row(f'{name}_shapescenes', 0, v, 25) for name, v in (('null', 4.0), ('tadp', 5.0))),
        *(
            make_row(f'{name}_shapescenes', 0, v, blur=1)
            for name, v in (('null', 8.0), ('tadp', 12.0), ('oracle', 14.0))
        ),
        make_row('null_shapescenes_depth', 0, 0.6),
        make_row('tadp_shapescenes_depth', 0, 0.5),
        make_row('oracle_shapescenes_detection', 0, 0.25),
        make_row('tadp_null_modifier_shapescenes_day2night', 0, 7.0),
        make_row('tadp_simple_shapescenes_day2night', 0, 8.0),
    ]
    return {row['key']: row for row in sorted(found, key=lambda row: row['key'])}

import math

import pytest

from projects.claims.report.statistics import Cell, Results, verdict
from projects.claims.tests.synthetic import make_row, make_rows


@pytest.mark.parametrize(
    ('values', 'reference', 'expects_gain', 'expected'),
    (
        ((), 1.0, True, 'not measured yet'),
        ((2.0, 3.0, 4.0), 9.0, True, 'shown'),
        ((-2.0, -3.0, -4.0), 0.0, True, 'opposite'),
        ((-1.0, 3.0, 1.0), 0.0, True, 'not shown'),
        ((1.0,), 0.7, True, 'shown (one seed)'),
        ((1.0,), 0.8, True, 'not shown (one seed)'),
        ((-1.0,), math.nan, True, 'opposite (one seed)'),
        ((-1.0, 1.0, 0.5), 0.0, False, 'shown'),
        ((2.0, 3.0, 4.0), 9.0, False, 'not shown'),
    ),
)
def test_verdict(values, reference, expects_gain, expected):
    assert verdict(Cell(dict(enumerate(values))), reference, expects_gain) == expected


def test_cell():
    cell = Cell({0: 1.0, 1: 2.0, 2: 6.0})
    assert cell.mean == 3 and cell.spread == pytest.approx(math.sqrt(7))
    assert cell.text() == '3.0 ± 2.6 (3 seeds)'
    assert Cell({0: 0.1234}).text(3) == '0.123 (one seed)' and Cell({}).text() == '–'
    assert Cell({0: -0.04}).text() == '0.0 (one seed)'


def test_gains_are_taken_within_seeds():
    results = Results(make_rows())
    gain = results.gain('tadp_shapescenes', 'null_shapescenes')
    assert gain.values == pytest.approx({0: 10, 1: 12, 2: 11})
    assert results.gain('oracle_shapescenes', 'null_shapescenes').values.keys() == {0, 1}
    # Less error is a gain.
    depth = results.gain('tadp_shapescenes_depth', 'null_shapescenes_depth')
    assert depth.values == pytest.approx({0: 0.1})
    assert results.cell('oracle_shapescenes_detection').values == pytest.approx({0: 25})
    assert results.cell('tadp_shapescenes', labelled=25).values == {0: 5}


def test_reference_spread():
    results = Results(make_rows())
    # Of null text 1, captions 2, oracle 2 ** 0.5, scratch 0.
    assert results.reference_spread('segmentation') == pytest.approx(math.sqrt(2))
    assert math.isnan(results.reference_spread('depth'))
    one = make_row('null_shapescenes', 0, 5.0)
    assert math.isnan(Results({one['key']: one}).reference_spread('segmentation'))

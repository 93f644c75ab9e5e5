import numpy as np
import pytest
import torch

from mmtadp.utils.arguments import (
    ArgumentError,
    check_bool,
    check_choice,
    check_dict,
    check_int,
    check_number,
    check_text,
    closest,
)


@pytest.mark.parametrize(
    'check, value',
    [
        (check_bool, False),
        (lambda n, v: check_int(n, v, 0, 3), 3),
        (check_int, np.int64(2)),
        (check_int, -5),
        (check_number, 0.5),
        (lambda n, v: check_number(n, v, 0), 0),
        (check_text, 'a'),
        (lambda n, v: check_choice(n, v, (None, 'x')), None),
        (lambda n, v: check_dict(n, v, ['a']), dict(a=1)),
        (check_dict, dict(anything=1)),
    ],
)
def test_good_values_come_back(check, value):
    assert check('argument', value) == value


@pytest.mark.parametrize(
    'check, value, message',
    [
        (check_bool, 'no', r"argument must be True or False, got 'no' \(str\)"),
        (check_bool, 1, r'got 1 \(int\)'),
        (check_bool, None, 'got None'),
        (check_bool, np.bool_(True), 'bool'),
        (lambda n, v: check_int(n, v, 0, 999), 1.5, r'integer from 0 to 999, got 1.5 \(float\)'),
        (check_int, True, r'got True \(bool\)'),
        (check_int, np.bool_(True), 'bool'),
        (check_int, torch.tensor(True), r'got tensor\(True\)'),
        (check_int, '3', r"got '3' \(str\)"),
        (lambda n, v: check_int(n, v, 1), 0, 'integer of 1 or more, got 0'),
        (lambda n, v: check_int(n, v, maximum=1), 2, 'integer up to 1, got 2'),
        (check_number, float('nan'), 'must be a number, got nan'),
        (check_number, True, 'got True'),
        (lambda n, v: check_number(n, v, 0, 1), 25, 'from 0 to 1, got 25'),
        (check_text, '', "must be text, got ''"),
        (check_text, 3, 'got 3'),
        (
            lambda n, v: check_choice(n, v, ('mode', 'sample')),
            'modes',
            r"one of 'mode', 'sample'; got 'modes' \(str\). Did you mean 'mode'\?",
        ),
        (lambda n, v: check_choice(n, v, (1, 2)), True, 'got True'),
        (check_dict, '{}', r"must be a dict, got '{}' \(str\).*argument.KEY=VALUE"),
        (check_dict, 'x' * 500, r'xxx\.\.\. \(str\)'),
        (
            lambda n, v: check_dict(n, v, ['gamma']),
            dict(gama=1),
            "no key 'gama'; its keys are gamma. Did you mean 'gamma'",
        ),
    ],
)
def test_bad_values_are_named(check, value, message):
    with pytest.raises(ArgumentError, match=message):
        check('argument', value)


def test_closest_ignores_case_and_says_nothing_where_nothing_is_close():
    assert closest('nulltext', ['NullTextPrompt', 'CaptionPrompt']).endswith("'NullTextPrompt'?")
    assert closest('zzz', ['NullTextPrompt']) == ''

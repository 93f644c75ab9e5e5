import pytest
from mmengine.registry import TRANSFORMS as ROOT_TRANSFORMS

from mmtadp.datasets import SetDomain
from mmtadp.registry import TRANSFORMS


def test_registered_in_both_scopes():
    for registry, name in (
        (TRANSFORMS, 'SetDomain'),
        (ROOT_TRANSFORMS, 'SetDomain'),
        (ROOT_TRANSFORMS, 'mmtadp.SetDomain'),
    ):
        assert type(registry.build(dict(type=name, domain='night'))) is SetDomain


def test_domain_is_set():
    transform = SetDomain('night')
    assert transform(dict(img_path='a.png')) == dict(img_path='a.png', domain='night')
    assert repr(transform) == "SetDomain(domain='night')"


@pytest.mark.parametrize('domain', ['', 'mean', None, 3])
def test_bad_domains(domain):
    with pytest.raises(ValueError, match=f'domain={domain!r}: expected a name'):
        SetDomain(domain)

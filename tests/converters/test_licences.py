"""What a licence allows is told by the id that it begins with."""

from __future__ import annotations

import pytest

from converters.licences import allowed, licence_id, terms
from unimc import InputError


@pytest.mark.parametrize(
    ("licence", "name", "kind"),
    [
        ("CC BY-SA 4.0", "CC BY-SA 4.0", "open"),
        ("MIT; the data set's own", "MIT", "open"),
        ("CC BY-NC 4.0 (see the authors' page)", "CC BY-NC 4.0", "non-commercial"),
        ("research only; 仅供学术研究", "research only", "non-commercial"),
        ("not stated; the mirroring repository is MIT", "not stated", "not-stated"),
        ("somebody's own words", "somebody's own words", "not-stated"),
        ("", "", "not-stated"),
    ],
)
def test_the_terms_of_a_licence(licence: str, name: str, kind: str) -> None:
    assert (licence_id(licence), terms(licence)) == (name, kind)
    assert allowed(licence, [kind])


def test_licences_are_wanted_by_terms_ids_or_patterns() -> None:
    assert allowed("CC BY 4.0; x", ["CC BY*"])
    assert allowed("CC BY-SA 4.0", ["MIT", "CC BY-SA 4.0"])
    assert not allowed("CC BY-NC 4.0", ["open", "CC BY 4.0"])
    assert not allowed("MIT", [])
    with pytest.raises(InputError, match=r"nothing is called 'CC BZ\*'"):
        allowed("MIT", ["CC BZ*"])

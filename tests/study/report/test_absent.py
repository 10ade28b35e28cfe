"""What a profile does not hold is said with the profile that does: looked up, so that the line cannot be wrong."""

from samo.study.report import absent
from tests.study.report.test_published import ROOT


def test_a_dataset_is_found_in_the_profiles_that_have_it():
    assert absent.line(ROOT, "Office-Home", absent.has_dataset("officehome")) == (
        "Not in this profile: Office-Home. `samo profile mini` or `samo profile paper` has it."
    )
    assert "`samo profile laptop`" in absent.line(ROOT, "digits", absent.has_dataset("multimnist"))


def test_what_no_profile_has_is_not_promised():
    said = absent.line(ROOT, "X", absent.has_sharpness("no-such-preset"))
    assert said == "Not in this profile: X. No ready-made profile has it: a line in params.yaml brings it."


def test_sharpness_analyses_and_varied_fields_are_looked_up():
    assert "samo profile paper" in absent.line(ROOT, "F-MTL", absent.has_sharpness("lsam", "fmtl"))
    assert "No ready-made" in absent.line(ROOT, "F-STL", absent.has_sharpness("fmtl", "no-such", separate=True))
    assert "samo profile laptop" in absent.line(ROOT, "probe", absent.has_analysis("probe"))
    assert "samo profile paper" in absent.line(ROOT, "mu", absent.varies("mu"))
    assert "smoke" not in absent.line(ROOT, "alpha", absent.varies("alpha"))

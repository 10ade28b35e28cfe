"""LaTeX of the notebook as MathML: what is a formula becomes one, what is not stays."""

from samo.study.notebooks.mathml import to_mathml


def test_formulas_become_mathml_in_one_line_so_that_markdown_leaves_them_alone():
    shown = to_mathml("A mix $v_i = \\alpha g_0$ of both.\n\n$$\\frac{a_1}{b^*}\n+ c_2$$\n")
    assert shown.count("<math") == 2
    assert 'display="inline"' in shown
    assert 'display="block"' in shown
    assert "<mfrac>" in shown
    assert "$" not in shown
    assert "\\alpha" not in shown
    assert shown.count("\n") == 3
    for words in ("It costs 5$ or $ 6.", "Price: \\$5 and \\$6.", "no formula"):
        assert to_mathml(words) == words

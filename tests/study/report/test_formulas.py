"""LaTeX of the notebook as MathML: what is a formula becomes one, what is not stays."""

from samo.study.report.formulas import to_mathml


def test_inline_and_display_formulas_become_mathml():
    shown = to_mathml("A mix $v_i = \\alpha g_0$ of both.\n\n$$\\frac{a}{b}$$\n")
    assert shown.count("<math") == 2
    assert 'display="inline"' in shown
    assert 'display="block"' in shown
    assert "<mfrac>" in shown
    assert "$" not in shown
    assert "\\alpha" not in shown


def test_money_and_escaped_dollars_are_no_formulas():
    for words in ("It costs 5$ or $ 6.", "Price: \\$5 and \\$6.", "no formula"):
        assert to_mathml(words) == words


def test_a_formula_is_one_line_so_that_markdown_leaves_it_alone():
    assert "\n" not in to_mathml("$$a_1\n+ b^*\n+ c_2$$")

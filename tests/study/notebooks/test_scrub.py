"""What an executed notebook loses of chance and noise, and what it keeps."""

from pathlib import Path

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from samo.study.notebooks.notebook import scrub, title

ROOT = Path("/somewhere/project")
WARNING = "/else/python3.11/site-packages/torch/nn/functional.py:1075: UserWarning: not deterministic\n  return f(x)\n"


def scrubbed(*outputs):
    notebook = new_notebook(cells=[new_code_cell("1", outputs=list(outputs))])
    return scrub(notebook, ROOT).cells[0].outputs


def said(text):
    return new_output("stream", name="stderr", text=text)


def test_a_warning_is_kept_once_without_this_machines_folders():
    mine = f"{ROOT}/src/samo/made.py:3: UserWarning: mine\n"
    (only,) = scrubbed(said(WARNING), said(mine + WARNING), said(WARNING))
    assert only.name == "stderr"
    assert only.text == (
        "torch/nn/functional.py:1075: UserWarning: not deterministic\n  return f(x)\n  (3 times)\n"
        "src/samo/made.py:3: UserWarning: mine\n"
    )


def test_pieces_of_a_stream_become_one_wherever_they_came():
    table = new_output("display_data", data={"text/plain": "table"})
    printed = [new_output("stream", name="stdout", text=text) for text in ("a\n", "b\n")]
    expected = scrubbed(said(WARNING), *printed, table)
    assert [o.output_type for o in expected] == ["stream", "stream", "display_data"]
    assert expected[1].text == "a\nb\n"
    assert scrubbed(printed[0], table, said(WARNING), printed[1]) == expected


def test_what_no_reader_needs_goes():
    noise = "USDT:2026-01-02 03:04:05 7:7 Profiler.cpp:52] profiler_start\n"
    assert scrubbed(said(noise * 3)) == []
    (bar,) = scrubbed(said(" 10%\r 50%\r100%\n"))
    assert bar.text == "100%\n"
    (stamped,) = scrubbed(said("[W1123 05:24:26.123456 file.cpp:64] no device\n"))
    assert stamped.text == "[W file.cpp:64] no device\n"


def test_random_names_are_the_same_each_time():
    def styled(name, address):
        html = f'<style>#T_{name}_row0_col0 {{}}</style><table id="T_{name}"><td id="T_{name}_row0_col0">T_total</td>'
        return scrubbed(new_output("execute_result", data={"text/html": html, "text/plain": f"<Styler at {address}>"}))

    assert styled("0a1b2", "0x7f00aa") == styled("99fee", "0x7f1234")
    (one,) = styled("0a1b2", "0x7f00aa")
    assert 'id="T_0-0"' in one.data["text/html"]
    assert one.data["text/plain"] == "<Styler>"


def test_the_heading_says_what_it_was_run_for():
    def heading(first, words):
        return title(new_notebook(cells=[new_markdown_cell(first)]), words).cells[0].source

    assert heading("# Train one cell\n\nText.", "digits / samo-ls") == "# Train one cell: digits / samo-ls\n\nText."
    assert heading("# Tables", "") == "# Tables"
    assert heading("No heading", "digits") == "No heading"

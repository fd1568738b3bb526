"""Small tables of results: aligned text in a terminal, a table of its own on a page."""

import re
from html import escape

NUMBER = re.compile(r"[-+±]?[\d.,]+(\s?(±|to)\s?[\d.,]+)?(\s?[%a-zA-Zµ/]{0,6})")


class Table:
    """A table that a cell ends with: Jupyter shows it as HTML, a terminal as aligned text.

    header: names of the columns. rows: as many texts each, formatted by the caller. Columns of
    numbers stand at the right, others at the left. Raises ValueError for a row that does not fit,
    and for a column without a name: whoever hears a table read aloud needs all of them.
    """

    def __init__(self, header, rows):
        self.header, self.rows = [str(name) for name in header], []
        if not self.header or not all(name.strip() for name in self.header):
            raise ValueError(f"a table needs a name for each column, found {self.header}")
        for row in rows:
            row = [str(value) for value in row]
            if len(row) != len(self.header):
                raise ValueError(f"a row of {len(self.header)} texts is needed, found {row}")
            self.rows.append(row)

    def _sides(self):
        """ "right" for each column of numbers, "left" for the others."""
        columns = zip(*self.rows, strict=True) if self.rows else ((),) * len(self.header)
        return ["right" if any(column) and all(NUMBER.fullmatch(v) for v in column if v) else "left"
                for column in columns]  # fmt: skip

    def __repr__(self):
        lines = [self.header, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        sides = [{"left": "<", "right": ">"}[side] for side in self._sides()]
        return "\n".join(
            "  ".join(f"{v:{s}{w}}" for v, s, w in zip(line, sides, widths, strict=True)).rstrip()
            for line in lines
        )

    def _repr_html_(self):
        sides = self._sides()

        def row(values, tag):
            cells = (f'<{tag} style="text-align: {side}">{escape(value)}</{tag.split()[0]}>'
                     for value, side in zip(values, sides, strict=True))  # fmt: skip
            return f"<tr>{''.join(cells)}</tr>"

        body = "\n".join(row(values, "td") for values in self.rows)
        head = row(self.header, 'th scope="col"')
        return f'<table class="results"><thead>{head}</thead><tbody>\n{body}\n</tbody></table>'

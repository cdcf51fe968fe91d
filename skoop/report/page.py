"""A page of text: wrapped to a width, with hanging indents, and colour that carries no meaning."""

from __future__ import annotations

from io import StringIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from skoop.report.options import RenderOptions, clean


class Page:
    """Collects lines. Text from outside is made safe here, and never read as markup."""

    def __init__(self, options: RenderOptions) -> None:
        self._out = StringIO()
        self._console = Console(
            file=self._out,
            width=max(options.width, 40),
            force_terminal=options.color,
            color_system="standard" if options.color else None,
            no_color=not options.color,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
        )

    def heading(self, text: str) -> None:
        """An empty line and a title."""
        self.gap()
        self.line(text, style="bold")

    def gap(self) -> None:
        """An empty line."""
        self._console.print()

    def line(
        self, text: str, *, label: str = "", hang: str = "", indent: int = 0, style: str = ""
    ) -> None:
        """Wrapped text after a label; further lines stand under its first word, or after `hang`.

        A line break in `text` is shown as \\n, so that no name can begin a line of its own.
        """
        lead = " " * indent + label
        room = max(self._console.width - len(lead), 20)
        for wrapped in Text(clean(text), style=style).wrap(self._console, room, overflow="fold"):
            wrapped.rstrip()
            self._write(Text(lead) + wrapped)
            lead = " " * indent + hang if hang else " " * len(lead)

    def unwrapped(self, text: str) -> None:
        """One line, however long."""
        self._write(Text(clean(text)))

    def quote(self, text: str, *, label: str, indent: int, style: str = "") -> None:
        """A tool's output after a label: its line breaks stay, and each line has the label."""
        for part in text.splitlines() or [""]:
            self.line(part, label=label, indent=indent, style=style)

    def command(self, text: str, *, indent: int) -> None:
        """A command as it stands: not wrapped, so that it can be copied."""
        self._write(Text(" " * indent + clean(text.strip()), style="cyan"))

    def table(self, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
        """Columns that share the width; long cells wrap."""
        grid = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
        for column in columns:
            grid.add_column(column, overflow="fold")
        for row in rows:
            grid.add_row(*(Text(clean(cell)) for cell in row))
        with self._console.capture() as capture:
            self._console.print(grid, width=self._console.width - 2)
        for row_text in capture.get().splitlines():
            self._out.write("  " + row_text.rstrip() + "\n")

    def text(self) -> str:
        """The page so far."""
        return self._out.getvalue()

    def _write(self, text: Text) -> None:
        self._console.print(text, no_wrap=True, overflow="ignore", crop=False, soft_wrap=True)

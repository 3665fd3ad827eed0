"""The result of a comparison for Python: records that show themselves as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

from colorquant.errors import OptionError
from colorquant.report import notebook
from colorquant.report.comparison_table import comparison_table


class ComparisonTable(Sequence[dict[str, Any]]):
    """The records of a comparison, one per combination, as ``compare --json`` prints them.

    ``left_out`` has a line for each combination that is not possible.
    """

    def __init__(self, rows: Sequence[dict[str, Any]], left_out: Sequence[str] = ()) -> None:
        self._rows = list(rows)
        self.left_out = tuple(left_out)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | Sequence[dict[str, Any]]:
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def to_pandas(self) -> Any:
        """The records as a pandas DataFrame. Raises OptionError where pandas is not installed."""
        try:
            import pandas
        except ImportError as error:
            raise OptionError("to_pandas() needs pandas, which is not installed: pip install pandas") from error
        return pandas.DataFrame(self._rows)

    def __repr__(self) -> str:
        return f"<ComparisonTable: {len(self)} {'record' if len(self) == 1 else 'records'}>"

    def __str__(self) -> str:
        return comparison_table(self._rows)[0].plain()

    def _repr_html_(self) -> str:
        """The records as a table, the best of each column in bold, as a notebook shows them."""
        return notebook.table_html(comparison_table(self._rows)[0])

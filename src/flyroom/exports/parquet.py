"""Tables as Parquet files."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as error:
    raise ImportError(
        "Parquet files need a package that is not installed: `pip install 'flyroom[tables]'`. "
        "A file that ends in .csv does not."
    ) from error


def write_parquet(parts: Iterable[pd.DataFrame], path: Path) -> int:
    """Writes the parts of a table, one after the other; says how many rows there were.

    Args:
        parts: tables with the same columns, as `run_tables` and `curve_tables` give them.
        path: the file.
    """
    writer, rows = None, 0
    try:
        for part in parts:
            schema = writer.schema if writer else None
            found = pa.Table.from_pandas(part, schema, preserve_index=False)
            writer = writer or pq.ParquetWriter(path, found.schema)
            writer.write_table(found)
            rows += found.num_rows
    finally:
        if writer:
            writer.close()
    return rows

"""Runs for other people's tools: tables, TensorBoard, Weights & Biases.

They are copies to look at; the store stays what is trained into and read from.
"""

from .tables import (
    curve_table as curve_table,
    curve_tables as curve_tables,
    run_table as run_table,
    run_tables as run_tables,
    write_csv as write_csv,
)

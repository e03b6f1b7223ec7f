"""File formats that can be imported. One file in this folder and one line in FORMATS make a new one."""

from apps.data.formats.csv import CsvReader
from apps.data.formats.jsonl import JsonReader
from apps.data.formats.lines import Reader

FORMATS: dict[str, type[Reader]] = {"csv": CsvReader, "jsonl": JsonReader}


def format_of(file_name: str) -> str:
    """The format that a file name's suffix stands for; CSV when it stands for none."""
    known = (name for name, each in FORMATS.items() if file_name.lower().endswith(each.suffixes))
    return next(known, "csv")

"""The names of the file formats that are read."""

CSV = "csv"
JSON_LINES = "json_lines"
PARQUET = "parquet"
ARROW_STREAM = "arrow_stream"
ARROW_FILE = "arrow_file"

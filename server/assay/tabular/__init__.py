"""The only reader and writer of Arrow, Parquet, CSV and JSON Lines; runs in compute children alone."""

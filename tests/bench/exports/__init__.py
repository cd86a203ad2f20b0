"""How soon a report is a file: seconds from its document to the file's bytes, the process that makes it included.

The alternative is the same maker in the measuring process, which is what no isolation would save; for "python-docx alone" it is the same
report through that library's own paragraphs and tables. The bound is what the product asks: a second for 100 calls. `cpu` is the
processor time of the process that made the file, so that it holds whoever else uses the cores. Memory is the largest resident set of
that process, beside what an instance has.
"""

from bench.exports.rows import run

__all__ = ["run"]

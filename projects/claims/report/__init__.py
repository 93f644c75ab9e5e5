"""The page of the results: statistics, verdicts, tables and plots."""

"""Surveys: instruments, intake of answers, administrative returns, and indicators held against thresholds."""

"""Test error against seconds: every learner at several budgets, each with the same rows, judged on the same test rows."""

"""Documents under ``docs/`` whose programs and figures are run."""

"""Bad days at full length: whole simulated networks, each judged by figures.

``python -m kadtwisted.testing.campaigns NAME`` runs one, prints its figures as they come in, and
exits non-zero if one of them is missed.  What each is about stands at the top of its file.
"""

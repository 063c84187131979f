"""Bad days at full length: whole simulated networks, judged by figures.

``python -m kadtwisted.testing.campaigns NAME`` runs a campaign, prints its figures as they come,
and exits non-zero if one of them is missed.  The top of each file says what its campaign is about.
"""

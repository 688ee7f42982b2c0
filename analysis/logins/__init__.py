"""Question 1: was anybody attacking the login, when, from where, and how sure are we?"""

from analysis.logins.cost import rehearse
from analysis.logins.detect import detect
from analysis.logins.review import review

__all__ = ["detect", "rehearse", "review"]

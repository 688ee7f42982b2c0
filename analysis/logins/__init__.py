"""Question 1: was anybody attacking the login, when, from where, and how sure are we?"""

"""Question 2: which metric and label grows, until when, and what may go?"""

"""Which learning rate, and which schedule, should I use on my model and my data?"""

__version__ = "0.1.0"

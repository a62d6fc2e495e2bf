"""Which learning rate scores best, and what tuning leaves open: a smooth curve through noisy scores.

`rate_curve` chooses the rate. It rests on `rate_means` (scores without the effects of seeds), `rate_walls`
(the shapes of curves) and `rate_deviation` (how far the true curve may lie from them). `calibration` measures
by simulation whether what it states is true.
"""

"""Which learning rate scores best, and what tuning leaves open: a smooth curve through noisy scores.

`rate_curve` finds the best rate of one schedule. It rests on `rate_means` (scores without the effects of
seeds), `rate_walls` (the shapes of curves), `rate_deviation` (how far the true curve may lie from them) and
`rate_draws` (curves drawn from what is left open). `common_peaks` chooses the rates of all schedules of a
study together. `calibration` measures by simulation whether all that is stated is true.
"""

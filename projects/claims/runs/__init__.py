"""The runs of the table: plan, data, configs, processes and results.

:mod:`.registered` has the hook and the metric that the configs of the runs name.
"""

"""Jobs: a durable queue of clips, and workers that mask them, each clip in a process of its own.

``states`` says which moves a job may make, ``queue`` keeps the jobs, ``worker`` takes them and looks after the
processes, ``child`` is such a process. The page, the command line and the workers meet in the queue's file alone.
"""

"""What training minimises: losses that return one value per item, and penalties on gaps between groups.

An objective is a module here. It imports torch and knows nothing of records, metrics or its
siblings; reduction, penalty and weight are put together in ``training``.
"""

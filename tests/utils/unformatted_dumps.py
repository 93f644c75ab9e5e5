"""Has mmengine write configs as they are, without formatting them; to be imported.

A run writes its config several times, and formatting it takes longer than a tiny run. The tests
import this, and so do the configs of runs in processes of their own, by ``custom_imports``.
"""

import mmengine.config.config
import yapf.yapflib.yapf_api

# mmengine imports it at the top of its module, or when it is used, by its version.
for module in (mmengine.config.config, yapf.yapflib.yapf_api):
    module.FormatCode = lambda text, **options: (text, True)

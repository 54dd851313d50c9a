"""The page: a server on this machine, behind one guard, that shows the library in a browser.

``server`` puts it together, ``security`` lets requests in or not, ``clip_routes`` and ``job_routes`` answer the viewer,
``page`` and ``panels`` are what Gradio draws.
"""

from workbench.ui.gradio_stubs import write_none

write_none()

"""Face Privacy Workbench: hide every face of a recording, exactly, offline."""

"""HTTP served by uvicorn inside a process that runs more than that."""

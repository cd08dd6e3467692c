"""Every socket, file and subprocess; one technology per folder. Only composition roots import this room."""

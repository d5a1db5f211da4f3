std = "lua54"
max_line_length = 110
exclude_files = { "node_modules", "build*", "**/node_modules" }

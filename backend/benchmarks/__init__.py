"""From a click to the reply, over HTTP, against a real server process: `squeezesam bench --suite http`."""

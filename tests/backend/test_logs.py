"""What a request leaves in the log."""

import logging


def test_a_line_break_in_the_address_forges_no_log_line(client, caplog):
    caplog.set_level(logging.INFO)
    client().get("/a%0aFORGED")
    assert not any("\n" in message for message in caplog.messages if "FORGED" in message)


def test_log_lines_carry_the_request_id(client, caplog):
    caplog.set_level(logging.INFO)
    client().get("/health")
    assert any("GET /health -> 200" in message for message in caplog.messages)

"""Basic authentication over HTTP."""

import pytest

from backend.auth import basic_authorization


@pytest.mark.parametrize(
    "path", ["/setup", "/predict", "/webhook", "/versions", "/status", "/status.json", "/metrics", "/openapi.json"]
)
@pytest.mark.parametrize(
    "header",
    [None, "Basic", "Basic !!!", "Bearer abc", basic_authorization("us", "wrong"), basic_authorization("us", "")],
    ids=["none", "empty", "not-base64", "bearer", "wrong", "no-password"],
)
def test_authentication_covers_everything_but_health(client, path, header):
    app = client(basic_auth_user="us", basic_auth_password="pässword")
    headers = {} if header is None else {"Authorization": header}
    refused = app.get(path, headers=headers)
    assert refused.status_code == 401
    assert "x-request-id" in refused.headers
    assert app.get("/health", headers=headers).status_code == 200


def test_the_right_password_is_let_in(client):
    app = client(basic_auth_user="us", basic_auth_password="pässword")
    assert app.get("/versions", headers={"Authorization": basic_authorization("us", "pässword")}).status_code == 200

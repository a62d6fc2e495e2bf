"""The page on loopback: what it serves, and to whom."""

import http.client
import json
import threading

import pytest

from stepsize.errors import StudyError
from stepsize.live_page.server import PageServer


def echo(message, send):
    send({"kind": "progress", "share": 0.5})
    send({"kind": "echo", "message": message})


@pytest.fixture
def server():
    with PageServer(echo, "a <title>") as opened:
        threading.Thread(target=opened.serve_forever, args=(0.01,), daemon=True).start()
        yield opened
        opened.shutdown()


def request(server, method, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    usual = {"Host": f"127.0.0.1:{server.server_port}"}
    connection.request(
        method, path, body, {**usual, **{name.replace("_", "-"): text for name, text in headers.items()}}
    )
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response, text


def test_the_page_and_its_module_are_served(server):
    response, page = request(server, "GET", "/")
    assert response.status == 200
    assert "a &lt;title&gt;" in page
    assert server.token in page
    assert "default-src 'none'" in response.getheader("Content-Security-Policy")
    response, module = request(server, "GET", "/explore.js")
    assert response.getheader("Content-Type") == "text/javascript; charset=utf-8"
    assert "export default {render};" in module
    assert request(server, "GET", "/../secret")[0].status == 404


def test_a_message_is_answered_line_by_line(server):
    body = json.dumps({"kind": "open"})
    response, text = request(server, "POST", "/ask", body, X_Stepsize_Token=server.token)
    assert response.status == 200
    lines = [json.loads(line) for line in text.splitlines()]
    assert lines == [{"kind": "progress", "share": 0.5}, {"kind": "echo", "message": {"kind": "open"}}]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},  # after a change of its DNS, a site's name leads here
        {"Host": "evil.example:80"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Host": ""},
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/explore.js"), ("POST", "/ask")])
def test_another_site_gets_nothing(server, headers, method, path):
    response, text = request(server, method, path, "{}", X_Stepsize_Token=server.token, **headers)
    assert response.status == 403
    assert server.token not in text


@pytest.mark.parametrize("token", ["", "guess"])
def test_a_message_without_the_token_is_refused(server, token):
    response, text = request(server, "POST", "/ask", '{"kind": "open"}', X_Stepsize_Token=token)
    assert (response.status, "echo" in text) == (400, False)


@pytest.mark.parametrize("body", ["", "[1]", "not JSON", "[" * 100_000, '{"a": ' * 5_000])
def test_what_is_not_a_message_is_refused(server, body):
    assert request(server, "POST", "/ask", body, X_Stepsize_Token=server.token)[0].status == 400


def test_the_page_itself_may_come_by_its_other_name(server):
    host = f"localhost:{server.server_port}"
    assert request(server, "GET", "/", Host=host, Origin=f"http://{host}")[0].status == 200


def test_it_listens_on_loopback_only(server):
    assert server.server_address[0] == "127.0.0.1"


def test_a_port_that_is_taken_is_an_error_of_the_user(server):
    with pytest.raises(
        StudyError, match=f"port={server.server_port} cannot be used: .*; choose another port"
    ):
        PageServer(echo, "", server.server_port)
    with pytest.raises(StudyError, match="port=99999 cannot be used"):
        PageServer(echo, "", 99999)

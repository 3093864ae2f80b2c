"""A captive portal, and what a browser does with it: programs that tests start where they need them."""

from __future__ import annotations

# Arguments: the router’s address, and the command that lets a guest out once the form has come. Every name is this
# router and every page leads to the form, which a browser that runs its script sends by itself.
PORTAL = """
import http.server, socket, subprocess, sys, threading
router = sys.argv[1]
class Portal(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.headers["Host"] == "portail.hotel.test":
            self.answer(200, b"<form method=post action=/login><input name=chambre value=12></form>"
                             b"<script>document.forms[0].submit()</script>")
        else:
            self.answer(302, b"", "http://portail.hotel.test/login")
    def do_POST(self):
        form = self.rfile.read(int(self.headers["Content-Length"]))
        if (self.headers["Host"], self.path, form) != ("portail.hotel.test", "/login", b"chambre=12"):
            return self.answer(404, b"")  # browsers send other things, to other places
        subprocess.run([word.replace("GUEST", self.client_address[0]) for word in sys.argv[2:]], check=True)
        self.answer(200, b"Bienvenue")
    def answer(self, status, body, place=None):
        self.send_response(status)
        if place: self.send_header("Location", place)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *_): pass
def names():
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); own.bind((router, 53))
    while True:
        asked, who = own.recvfrom(512)
        four = asked[-4:-2] == b"\\0\\1"
        answer = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x05\\0\\4" + socket.inet_aton(router) if four else b""
        head = asked[:2] + b"\\x81\\x80\\0\\1\\0" + bytes([four]) + b"\\0\\0\\0\\0"
        own.sendto(head + asked[12:] + answer, who)
threading.Thread(target=names, daemon=True).start()
server = http.server.ThreadingHTTPServer((router, 80), Portal)
print("ready", flush=True); server.serve_forever()
"""
# What a browser does behind the relay: the page, its form.
LOG_IN = """
import sys, urllib.request
proxy = urllib.request.ProxyHandler({"http": f"http://127.0.0.1:{sys.argv[1]}"})
browser = urllib.request.build_opener(proxy)
page = browser.open("http://example.org/", timeout=10)
assert page.url == "http://portail.hotel.test/login", page.url
print(browser.open(page.url, b"chambre=12", timeout=10).read().decode())
"""

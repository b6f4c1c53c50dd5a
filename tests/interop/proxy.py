"""A reverse proxy before Synapse, run by the Python of its virtual environment: proxy.py PORT [--no-features].

It answers by a name of its own, and keeps clients from what is for servers. With --no-features it also hides by which
unstable features one can tell Synapse; the busy of MSC3026 stays. Prints its own port."""

import sys

from twisted.internet import reactor
from twisted.web.http import HTTPFactory
from twisted.web.proxy import ProxyClient, ProxyClientFactory, ReverseProxy, ReverseProxyRequest

OWN_NAME = b"a-proxy/1.2"
HIDDEN = b"/_matrix/federation/", b"/_matrix/key/"
FEATURE = b"io.element.e2ee_forced"
NO_FEATURE = b"io.example.e2ee_forced"  # as long: the length was told before


class Answer(ProxyClient):
    def handleHeader(self, key, value):
        super().handleHeader(key, OWN_NAME if key.lower() == b"server" else value)

    def handleResponsePart(self, buffer):
        if "--no-features" in sys.argv:
            buffer = buffer.replace(FEATURE, NO_FEATURE)
        super().handleResponsePart(buffer)


class AnswerFactory(ProxyClientFactory):
    protocol = Answer


class Question(ReverseProxyRequest):
    def process(self):
        if self.uri.startswith(HIDDEN):
            self.setResponseCode(404)
            self.setHeader(b"Server", OWN_NAME)
            self.setHeader(b"Content-Type", b"text/html")
            self.write(b"<html><body>404 Not Found</body></html>")
            self.finish()
            return
        headers = self.getAllHeaders()
        upstream = AnswerFactory(self.method, self.uri, self.clientproto, headers, self.content.read(), self)
        connector = self.reactor.connectTCP("127.0.0.1", int(sys.argv[1]), upstream)
        # Whoever goes away in the middle of a poll has ended it for Synapse too.
        self.notifyFinish().addErrback(lambda failure: connector.disconnect())


class Channel(ReverseProxy):
    requestFactory = Question


factory = HTTPFactory()
factory.protocol = Channel
print(reactor.listenTCP(0, factory, interface="127.0.0.1").getHost().port, flush=True)
reactor.run()

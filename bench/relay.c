/* See relay.h. */
#include "relay.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "figures.h"
#include "util/clock.h"

#define PAIRS_MAX 64

/* What the last request of a connection asks: HTTP/1.1, one after the other. */
enum asked {
        ASKED_ELSE,
        ASKED_POLL,
        ASKED_READ,
        ASKED_WRITE,
};

struct pair {
        int near, far; /* of busyd, of the homeserver */
        SSL *tls;      /* of `near`; NULL: plain */
        enum asked asked;
};

struct relay {
        pthread_t thread;
        SSL_CTX *tls;
        int listener, stop;
        int notes[2]; /* what passed: a pipe, so that nobody waits for the thread */
        uint16_t server_port;
        char url[64];
        struct pair pairs[PAIRS_MAX];
        size_t n;
        atomic_ullong up, down;
        atomic_uint connections;
};

static struct sockaddr_in loopback(uint16_t port) {
        return (struct sockaddr_in){ .sin_family = AF_INET,
                                     .sin_port = htons(port),
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static ssize_t take(struct pair *p, bool up, char *buf, size_t size) {
        if (up && p->tls)
                return SSL_read(p->tls, buf, (int) size);
        return recv(up ? p->near : p->far, buf, size, 0);
}

static ssize_t give(struct pair *p, bool up, const char *data, size_t n) {
        if (!up && p->tls)
                return SSL_write(p->tls, data, (int) n);
        return send(up ? p->far : p->near, data, n, MSG_NOSIGNAL);
}

/* A relay that holds back the end of an answer until the beginning has been acknowledged, which TLS has it send in
 * pieces, would be what is measured: 40 ms. */
static void send_at_once(int fd) {
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
}

/* What is said first is waited for: on loopback it comes at once. */
static SSL *accept_tls(const struct relay *r, int fd) {
        SSL *tls = r->tls ? SSL_new(r->tls) : NULL;

        if (!tls)
                return NULL;
        if (SSL_set_fd(tls, fd) == 1 && SSL_accept(tls) == 1)
                return tls;
        SSL_free(tls);
        return NULL;
}

static void take_connection(struct relay *r) {
        struct sockaddr_in server = loopback(r->server_port);
        int near = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC),
            far = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (near >= 0 && far >= 0 && r->n < PAIRS_MAX &&
            connect(far, (struct sockaddr *) &server, sizeof(server)) == 0) {
                SSL *tls;

                send_at_once(near);
                send_at_once(far);
                tls = accept_tls(r, near);

                if (tls || !r->tls) {
                        r->pairs[r->n++] = (struct pair){ .near = near, .far = far, .tls = tls };
                        r->connections++;
                        return;
                }
        }
        close(near);
        close(far);
}

/* Whoever is not interested leaves the pipe full. */
static void note(struct relay *r, enum passing what) {
        struct passed p = { .what = what, .at = clock_now() };

        (void) !write(r->notes[1], &p, sizeof(p));
}

/* The line of a request is in the first bytes of a piece; a body that comes in a piece of its own has none. */
static void note_request(struct relay *r, struct pair *p, const char *data, size_t n) {
        const char *end = memchr(data, '\r', n);
        SCOPED(free) char *line = end ? strndup(data, (size_t) (end - data)) : NULL;
        bool is_get, is_put, of_presence;

        if (!line || !strstr(line, " HTTP/1."))
                return;
        is_get = strncmp(line, "GET ", 4) == 0;
        is_put = strncmp(line, "PUT ", 4) == 0;
        of_presence = strstr(line, "/presence/");
        p->asked = ASKED_ELSE;
        if (is_get && strstr(line, "/sync?"))
                p->asked = ASKED_POLL;
        else if (is_get && of_presence)
                p->asked = ASKED_READ;
        else if (is_put && of_presence)
                p->asked = ASKED_WRITE;
        if (p->asked == ASKED_READ)
                note(r, PASSING_READ);
        else if (p->asked == ASKED_WRITE)
                note(r, PASSING_WRITE);
}

static void note_answer(struct relay *r, const struct pair *p) {
        static const enum passing of[] = {
                [ASKED_POLL] = PASSING_POLL_ANSWER,
                [ASKED_READ] = PASSING_READ_ANSWER,
                [ASKED_WRITE] = PASSING_WRITE_ANSWER,
        };

        if (p->asked != ASKED_ELSE)
                note(r, of[p->asked]);
}

/* False: that side has closed. */
static bool pass(struct relay *r, struct pair *p, bool up) {
        char buf[65536];
        ssize_t n = take(p, up, buf, sizeof(buf));

        if (n <= 0)
                return false;
        if (up)
                note_request(r, p, buf, (size_t) n);
        else
                note_answer(r, p);
        *(up ? &r->up : &r->down) += (unsigned long long) n;
        for (ssize_t sent = 0, k; sent < n; sent += k) {
                k = give(p, up, buf + sent, (size_t) (n - sent));
                if (k <= 0)
                        return false;
        }
        return true;
}

static void close_pair(struct relay *r, size_t i) {
        SSL_free(r->pairs[i].tls);
        close(r->pairs[i].near);
        close(r->pairs[i].far);
        r->pairs[i] = r->pairs[--r->n];
}

/* Backwards, since closing moves the last one into the gap. */
static void serve(struct relay *r, const struct pollfd *fds) {
        for (size_t i = r->n; i-- > 0;) {
                struct pair *p = &r->pairs[i];
                bool open = true;

                if (fds[2 * i].revents)
                        do
                                open = pass(r, p, /* up= */ true);
                        while (open && p->tls && SSL_pending(p->tls) > 0);
                if (open && fds[2 * i + 1].revents)
                        open = pass(r, p, /* up= */ false);
                if (!open)
                        close_pair(r, i);
        }
}

static void *run(void *userdata) {
        struct relay *r = userdata;
        sigset_t broken_pipe;

        sigemptyset(&broken_pipe);
        sigaddset(&broken_pipe, SIGPIPE);
        (void) pthread_sigmask(SIG_BLOCK, &broken_pipe, NULL);
        for (;;) {
                struct pollfd fds[2 * PAIRS_MAX + 2];
                size_t n = 0;

                for (size_t i = 0; i < r->n; i++) {
                        fds[n++] = (struct pollfd){ .fd = r->pairs[i].near, .events = POLLIN };
                        fds[n++] = (struct pollfd){ .fd = r->pairs[i].far, .events = POLLIN };
                }
                fds[n] = (struct pollfd){ .fd = r->listener, .events = POLLIN };
                fds[n + 1] = (struct pollfd){ .fd = r->stop, .events = POLLIN };
                if (poll(fds, n + 2, -1) < 0)
                        continue;
                if (fds[n + 1].revents)
                        return NULL;
                serve(r, fds);
                if (fds[n].revents)
                        take_connection(r);
        }
}

static SSL_CTX *tls_new(const char *dir) {
        SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
        char key[512], certificate[512];

        (void) snprintf(key, sizeof(key), "%s/key.pem", dir);
        (void) snprintf(certificate, sizeof(certificate), "%s/certificate.pem", dir);
        if (!tls || SSL_CTX_use_certificate_chain_file(tls, certificate) != 1 ||
            SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1)
                abort();
        return tls;
}

struct relay *relay_new(const char *url, const char *tls_dir) {
        struct relay *r = calloc(1, sizeof(*r));
        struct sockaddr_in own = loopback(0);
        socklen_t length = sizeof(own);

        if (!r)
                abort();
        r->server_port = (uint16_t) strtoul(strrchr(url, ':') + 1, NULL, 10);
        r->stop = eventfd(0, EFD_CLOEXEC);
        r->tls = tls_dir ? tls_new(tls_dir) : NULL;
        if (pipe2(r->notes, O_CLOEXEC | O_NONBLOCK) < 0)
                abort();
        r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (bind(r->listener, (struct sockaddr *) &own, sizeof(own)) < 0 || listen(r->listener, PAIRS_MAX) < 0 ||
            getsockname(r->listener, (struct sockaddr *) &own, &length) < 0 ||
            pthread_create(&r->thread, NULL, run, r) != 0)
                abort();
        (void) snprintf(r->url, sizeof(r->url), "%s://127.0.0.1:%u", tls_dir ? "https" : "http", ntohs(own.sin_port));
        return r;
}

struct relay *relay_free(struct relay *r) {
        if (!r)
                return NULL;
        (void) eventfd_write(r->stop, 1);
        pthread_join(r->thread, NULL);
        while (r->n > 0)
                close_pair(r, r->n - 1);
        close(r->listener);
        close(r->stop);
        close(r->notes[0]);
        close(r->notes[1]);
        SSL_CTX_free(r->tls);
        free(r);
        return NULL;
}

const char *relay_url(const struct relay *r) {
        return r->url;
}

int relay_fd(const struct relay *r) {
        return r->notes[0];
}

bool relay_take(struct relay *r, struct passed *ret) {
        return read(r->notes[0], ret, sizeof(*ret)) == sizeof(*ret);
}

struct relayed relay_count(struct relay *r) {
        return (struct relayed){ .up = r->up, .down = r->down, .connections = r->connections };
}

void relay_report(const char *part, const struct relayed *from, const struct relayed *to) {
        report(part, "bytes sent", (double) (to->up - from->up), "B", "payload of TCP, counted by a relay");
        report(part, "bytes received", (double) (to->down - from->down), "B", NULL);
        report(part, "new connections", to->connections - from->connections, "", NULL);
}

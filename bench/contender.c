/* See contender.h. */
#include "contender.h"

#include <stdio.h>

#include "state/session.h"

#define POLLS_ON                                                                                                      \
        (struct hs_match) {                                                                                           \
                .path = "*/sync", .query = "since="                                                                   \
        }

const char *contender_name(enum contender_kind kind) {
        static const char *const names[CONTENDER_KINDS] = { "floor", "peer", "busyd", "busyd before" };

        return names[kind];
}

bool contender_is_there(enum contender_kind kind) {
        if (kind == CONTENDER_BEFORE)
                return getenv("BUSYD_BENCH_BEFORE");
        return kind != CONTENDER_PEER || getenv("BUSYD_BENCH_PEER");
}

void contender_session(struct world *w, const struct relay *relay) {
        SCOPED(free) char *token = hs_login(w->hs, w->device);
        SCOPED(free) char *state_dir = strdup(world_path(w, "state/busyd"));
        const struct session session = { .homeserver = (char *) relay_url(relay),
                                         .user_id = (char *) HS_USER,
                                         .device_id = (char *) w->device,
                                         .access_token = token };

        cr_assert_eq(session_save(state_dir, ACCOUNT, &session), 0);
}

/* Address, user, token, and the certificate, if there is one: what the others read. */
static void put_lines(struct contender *c, const char *certificate) {
        SCOPED(free) char *token = hs_login(c->world->hs, c->world->device), *text = NULL;

        cr_assert_geq(asprintf(&text, "%s\n%s\n%s\n%s\n", relay_url(c->relay), HS_USER, token, certificate), 0);
        file_put(world_path(c->world, "session"), text);
}

static void put_config(struct contender *c, const char *config, const char *certificate) {
        SCOPED(free) char *text = NULL;

        cr_assert_geq(asprintf(&text, "%s%s%s\n", config, certificate[0] ? "ca-file = " : "", certificate), 0);
        world_config(c->world, text);
}

void contender_certificate(struct world *w) {
        SCOPED(free)
        char *key = strdup(world_path(w, "key.pem")), *certificate = strdup(world_path(w, "certificate.pem"));
        SCOPED_RUN r = world_run(w, NULL,
                                 (const char *const[]){ "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                                                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                                                        "-subj", "/CN=localhost", "-addext",
                                                        "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key,
                                                        "-out", certificate, NULL });

        cr_assert_eq(r.code, 0, "openssl could not make a certificate: %s", r.err);
}

void contender_init(struct contender *c, enum contender_kind kind, const char *busyd_config, bool tls) {
        SCOPED(free) char *certificate = NULL;

        *c = (struct contender){ .kind = kind, .world = world_new(&(struct world_options){ .no_session = true }) };
        if (tls)
                contender_certificate(c->world);
        certificate = strdup(tls ? world_path(c->world, "certificate.pem") : "");
        c->relay = relay_new(hs_url(c->world->hs), tls ? world_path(c->world, "%s", "") : NULL);
        if (kind == CONTENDER_BEFORE)
                c->world->program = getenv("BUSYD_BENCH_BEFORE");
        if (contender_is_busyd(kind)) {
                contender_session(c->world, c->relay);
                put_config(c, busyd_config, certificate);
        } else
                put_lines(c, certificate);
}

void contender_done(struct contender *c) {
        contender_stop(c);
        relay_free(c->relay);
        world_end(c->world);
}

void contender_start(struct contender *c) {
        SCOPED(free) char *session = strdup(world_path(c->world, "session"));
        size_t mark = hs_n_requests(c->world->hs);

        switch (c->kind) {
        case CONTENDER_BUSYD:
        case CONTENDER_BEFORE:
                world_start(c->world);
                c->pid = c->world->busyd;
                break;
        case CONTENDER_FLOOR:
                c->pid = world_program(c->world, (const char *const[]){ BENCH_FLOOR, session, NULL }, -1, "log");
                break;
        case CONTENDER_PEER:
                c->pid = world_program(
                        c->world,
                        (const char *const[]){ getenv("BUSYD_BENCH_PEER"), BENCH_FOLDER "/peer.py", session, NULL },
                        -1, "log");
                break;
        case CONTENDER_KINDS:
                abort();
        }
        check(c->world, hs_wait_request(c->world->hs, POLLS_ON, mark, patience(), NULL), "the %s does not poll: %s",
              contender_name(c->kind), file_text(world_path(c->world, "log")));
}

void contender_stop(struct contender *c) {
        if (c->pid == 0)
                return;
        if (contender_is_busyd(c->kind))
                check(c->world, world_stop(c->world) == 0, "busyd does not end well");
        else
                process_kill(c->pid);
        c->pid = 0;
}

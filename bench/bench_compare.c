/* busyd beside the floor and a peer: the same job, at the same time on the same machine. Each has a scripted
 * homeserver of its own; what is said to it is said to each in turn. */
#include "contender.h"
#include "core/account-settings.h"
#include "figures.h"
#include "state/session.h"
#include "usage.h"
#include "util/clock.h"

#define CALLS   200
#define MINUTES 10
#define STARTS  40

/* Calls of which nothing is left, so many in one answer: the scripted homeserver gives 32 others than its own. */
#define MANY_CALLS     10000U
#define CALLS_A_ANSWER 500U

/* busyd writes at most four times a minute for one account: that is two calls. */
#define CALLS_A_START 2

#define NO_DELAYS                                                                                                     \
        "[busyd]\nstart-delay = 0s\nhint-delay = 0s\nend-grace = 0s\nhint-end-grace = 0s\n"                           \
        "[account " ACCOUNT "]\npoll-pause = 0s\n"
#define AS_SHIPPED "[busyd]\nstart-delay = 0s\nend-grace = 0s\n[account " ACCOUNT "]\n"
/* The two writes that the others make, and no more. */
#define PRESENCE_ALONE AS_SHIPPED "profile-call = no\n"

/* As short as a call ever rings before somebody answers. */
#define RINGS (300 * USEC_PER_MSEC)

/* The start is no part of idling. */
#define SETTLE (20 * USEC_PER_SEC)

#define EVENT_BYTES 400U

/* From a position on. */
#define HS_POLL_ON                                                                                                    \
        (struct hs_match) {                                                                                           \
                .path = "*/sync", .query = "since="                                                                   \
        }

/* The peer takes minutes over what it does not want. */
#define BIG_PATIENCE_MSEC 1200000

struct field {
        struct contender all[CONTENDER_KINDS];
};

#define EACH(f, c)                                                                                                    \
        for (struct contender *c = (f)->all; c < (f)->all + CONTENDER_KINDS; c++)                                     \
                if (c->world)

static void field_init(struct field *f, const char *config, bool tls) {
        *f = (struct field){ 0 };
        for (enum contender_kind kind = 0; kind < CONTENDER_KINDS; kind++) {
                if (contender_is_there(kind))
                        contender_init(&f->all[kind], kind, config, tls);
                else if (kind == CONTENDER_PEER)
                        progress("compare: there is no %s; see scripts/setup bench", contender_name(kind));
        }
}

static void field_done(struct field *f) {
        EACH(f, c)
        contender_done(c);
}

/* One of the parts, for that one. */
static const char *part_of(const char *what, const struct contender *c) {
        static char part[128];

        (void) snprintf(part, sizeof(part), "%s: %s", what, contender_name(c->kind));
        return part;
}

/* ---- a call ---- */

static void drain(struct relay *r) {
        struct passed passed;

        while (relay_take(r, &passed))
                ;
}

/* From the last piece of an answer of /sync to the first byte of the write after it. */
static void add_reaction(struct contender *c, struct samples *samples) {
        struct passed passed;
        usec_t answered = 0;

        while (relay_take(c->relay, &passed)) {
                if (passed.what == PASSING_POLL_ANSWER)
                        answered = passed.at;
                if (passed.what == PASSING_WRITE && answered > 0) {
                        samples_add(samples, passed.at - answered);
                        return;
                }
        }
        progress("compare: what the %s did was not seen", contender_name(c->kind));
}

static void begin_call(struct contender *c, const char *call, usec_t rings, struct samples *samples) {
        const struct hs_match put = { .method = "PUT", .path = "*/presence/*", .body = HS_BUSY };
        struct world *w = c->world;
        size_t mark;

        call_invite(w, ROOM, call);
        check(w, hs_wait_seen(w->hs, patience()), "the invitation is not taken in");
        let_pass(rings);
        drain(c->relay);
        mark = hs_n_requests(w->hs);
        call_answer(w, ROOM, call);
        check(w, hs_wait_answered(w->hs, put, mark, patience(), NULL), "no PUT of the %s", contender_name(c->kind));
        if (samples)
                add_reaction(c, samples);
        if (contender_is_busyd(c->kind))
                expect_claim(w, "held");
}

static void end_call(struct contender *c, const char *call) {
        struct world *w = c->world;
        size_t mark = hs_n_requests(w->hs);

        call_hangup(w, ROOM, call);
        check(w, hs_wait_answered(w->hs, HS_PRESENCE_PUT, mark, patience(), NULL), "the %s does not give back",
              contender_name(c->kind));
        if (contender_is_busyd(c->kind))
                expect_claim(w, "free");
        check(w, hs_wait_seen(w->hs, patience()), "the end is not taken in");
}

static void calls_in_turn(struct field *f, unsigned n, usec_t rings, struct samples *begun) {
        for (unsigned i = 0; i < n; i++) {
                char call[32];

                (void) snprintf(call, sizeof(call), "call%u", i);
                EACH(f, c) {
                        if (i % CALLS_A_START == 0)
                                contender_start(c);
                        begin_call(c, call, rings, &begun[c->kind]);
                        end_call(c, call);
                        if (i % CALLS_A_START == CALLS_A_START - 1)
                                contender_stop(c);
                }
        }
}

static void latency(unsigned calls, usec_t rings, const char *what, const char *note) {
        struct samples begun[CONTENDER_KINDS];
        struct field f;

        for (unsigned i = 0; i < CONTENDER_KINDS; i++)
                samples_init(&begun[i], calls);
        field_init(&f, NO_DELAYS, /* tls= */ false);
        calls_in_turn(&f, calls, rings, begun);
        EACH(&f, c)
        samples_report(&begun[c->kind], part_of(what, c), note);
        field_done(&f);
        for (unsigned i = 0; i < CONTENDER_KINDS; i++)
                samples_done(&begun[i]);
}

Test(compare, latency) {
        latency(option("CALLS", CALLS), RINGS, "Last byte of the answer of /sync -> first byte of the write",
                "in turns, after ringing for 300 ms; seen by a relay on loopback before a scripted server; started "
                "anew "
                "after two calls");
}

/* busyd finds out what was there before, and puts it on disk, while a call rings: here it has no time to. */
Test(compare, latency_without_ringing) {
        latency(option("CALLS", CALLS), 0, "The same, answered at once", "as soon as the invitation is taken in");
}

/* ---- a start ---- */

static void starts_in_turn(struct field *f, unsigned n, struct samples *took, struct samples *cpu) {
        for (unsigned i = 0; i < n; i++)
                EACH(f, c) {
                        usec_t at = clock_now();

                        contender_start(c);
                        samples_add(&took[c->kind], clock_now() - at);
                        samples_add(&cpu[c->kind], usage_of(c->pid).cpu);
                        contender_stop(c);
                }
}

static void starts(const char *what, bool tls) {
        unsigned n = option("STARTS", STARTS);
        struct samples took[CONTENDER_KINDS], cpu[CONTENDER_KINDS];
        struct field f;
        char of_cpu[64];

        for (unsigned i = 0; i < CONTENDER_KINDS; i++) {
                samples_init(&took[i], n);
                samples_init(&cpu[i], n);
        }
        (void) snprintf(of_cpu, sizeof(of_cpu), "%s, CPU time", what);
        field_init(&f, NO_DELAYS, tls);
        starts_in_turn(&f, n, took, cpu);
        EACH(&f, c)
        samples_report(&took[c->kind], part_of(what, c), "until it polls on from behind its first answer");
        EACH(&f, c)
        samples_report(&cpu[c->kind], part_of(of_cpu, c), "what else the machine does changes it less");
        field_done(&f);
        for (unsigned i = 0; i < CONTENDER_KINDS; i++) {
                samples_done(&took[i]);
                samples_done(&cpu[i]);
        }
}

Test(compare, start) {
        starts("Start", /* tls= */ false);
}

Test(compare, start_with_tls) {
        starts("Start with TLS", /* tls= */ true);
}

/* ---- memory, wake-ups, bytes ---- */

static void memory_report(const struct contender *c, const char *part, const char *when) {
        struct usage u = usage_of(c->pid);
        char what[64];

        (void) snprintf(what, sizeof(what), "PSS %s", when);
        report(part_of(part, c), what, (double) u.pss / (1 << 20), "MiB", "smaps_rollup");
        (void) snprintf(what, sizeof(what), "private %s", when);
        report(part_of(part, c), what, (double) (u.private_clean + u.private_dirty) / (1 << 20), "MiB",
               "clean and dirty: also pages of files that nobody else uses at the moment");
        (void) snprintf(what, sizeof(what), "private dirty %s", when);
        report(part_of(part, c), what, (double) u.private_dirty / (1 << 20), "MiB", NULL);
}

struct before {
        struct usage usage;
        struct relayed bytes;
        size_t requests;
};

static struct before look(struct contender *c) {
        return (struct before){ usage_of(c->pid), relay_count(c->relay), hs_n_requests(c->world->hs) };
}

/* Rows of what was asked since; `per` is what the numbers are of. */
static void requests_report(struct contender *c, const char *part, size_t mark) {
        static const struct {
                const char *what;
                struct hs_match match;
        } rows[] = {
                { "requests", { 0 } },
                { "  polls", { .method = "GET", .path = "*/sync" } },
                { "  writes of presence", { .method = "PUT", .path = "*/presence/*" } },
                { "  reads of presence", { .method = "GET", .path = "*/presence/*" } },
                { "  writes of the profile", { .method = "PUT", .path = "*/profile/*" } },
                { "  removals from the profile", { .method = "DELETE", .path = "*/profile/*" } },
                { "  reads of the profile", { .method = "GET", .path = "*/profile/*" } },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                size_t n = hs_count(c->world->hs, rows[i].match, mark);

                if (n > 0 || rows[i].match.path == NULL)
                        report(part, rows[i].what, (double) n, "", NULL);
        }
}

static void sample_report(struct contender *c, const char *part, const struct before *b) {
        struct usage now = usage_of(c->pid);
        struct relayed bytes = relay_count(c->relay);

        usage_report(part, &b->usage, &now);
        relay_report(part, &b->bytes, &bytes);
        requests_report(c, part, b->requests);
}

/* The second call of a run: what is asked once is asked. */
static void measure_call(struct contender *c, const char *what, const char *memory) {
        struct before before;
        struct relayed bytes;

        begin_call(c, "first", RINGS, NULL);
        end_call(c, "first");
        let_pass(SETTLE);
        before = look(c);
        begin_call(c, "second", RINGS, NULL);
        let_pass(SETTLE);
        if (memory)
                memory_report(c, memory, "in a call");
        end_call(c, "second");
        let_pass(SETTLE);
        bytes = relay_count(c->relay);
        relay_report(part_of(what, c), &before.bytes, &bytes);
        requests_report(c, part_of(what, c), before.requests);
}

/* What answers, ends and goes on to ring within one answer leaves nothing behind. */
static char *answer_of_calls(const char *since, unsigned first, unsigned n) {
        static const char *const kinds[] = { "invite", "answer", "hangup" };
        size_t size = (size_t) n * ARRAY_SIZE(kinds) * EVENT_BYTES + 1024, at;
        char *text = malloc(size);

        cr_assert_not_null(text);
        at = (size_t) snprintf(text, size,
                               "{\"next_batch\":\"%s\",\"rooms\":{\"join\":{\"" ROOM "\":{\"timeline\":{\"events\":[",
                               since);
        for (unsigned i = 0; i < n * ARRAY_SIZE(kinds); i++)
                at += (size_t) snprintf(
                        text + at, size - at,
                        "%s{\"type\":\"m.call.%s\",\"sender\":\"%s\",\"event_id\":\"$many%u.%u\","
                        "\"origin_server_ts\":1700000000000,\"content\":{\"version\":\"1\",\"call_id\":"
                        "\"many%u\",\"party_id\":\"P\",\"lifetime\":90000}}",
                        i > 0 ? "," : "", kinds[i % ARRAY_SIZE(kinds)],
                        i % ARRAY_SIZE(kinds) == 1 ? HS_USER : OTHER_USER, first, i,
                        first + i / (unsigned) ARRAY_SIZE(kinds));
        (void) snprintf(text + at, size - at, "]}}}}}");
        return text;
}

/* A poll that has seen everything waits, and none is on its way: one would be taken for the next. */
#define STILL (100 * USEC_PER_MSEC)

static void settle(struct contender *c) {
        struct world *w = c->world;
        size_t mark;

        do {
                check(w, hs_wait_seen(w->hs, patience()), "the %s does not poll", contender_name(c->kind));
                mark = hs_n_requests(w->hs);
                let_pass(STILL);
        } while (hs_n_requests(w->hs) != mark);
}

/* Where its poll stands that waits now. */
static char *position_of(struct contender *c, size_t mark) {
        struct world *w = c->world;
        char *since = NULL;
        struct hs_request poll;

        settle(c);
        for (; hs_wait_request(w->hs, HS_SYNC, mark, since ? 0 : patience(), &poll); hs_request_done(&poll)) {
                free(since);
                since = strdup(strstr(poll.query, "since=") + strlen("since="));
                since[strcspn(since, "&")] = '\0';
                mark = poll.n + 1;
        }
        check(w, since, "no poll");
        return since;
}

/* The next poll is answered by that instead, and the one after it has come. Returns how long that took. */
static usec_t answer_instead(struct contender *c, char *(*make)(const char *since, unsigned first, unsigned n),
                             unsigned first, unsigned n, size_t *ret_size) {
        struct world *w = c->world;
        struct hs_request poll;
        SCOPED(free) char *since = NULL, *body = NULL;
        size_t mark;
        usec_t asked;

        settle(c);
        mark = hs_n_requests(w->hs);
        call_hangup(w, ROOM, "none");
        since = position_of(c, mark);
        body = make(since, first, n);
        mark = hs_n_requests(w->hs);
        hs_fault(w->hs, &(struct hs_fault){ .match = HS_SYNC, .times = 1, .status = 200, .body = body });
        call_hangup(w, ROOM, "none");
        check(w, hs_wait_request(w->hs, HS_SYNC, mark, patience(), &poll), "no poll for the answer");
        asked = clock_now();
        mark = poll.n + 1;
        hs_request_done(&poll);
        check(w, hs_wait_request(w->hs, HS_SYNC, mark, BIG_PATIENCE_MSEC, NULL), "no poll after the answer");
        if (ret_size)
                *ret_size = strlen(body);
        return clock_now() - asked;
}

static void many_calls(struct contender *c, const char *memory) {
        char when[64];

        for (unsigned i = 0; i < MANY_CALLS; i += CALLS_A_ANSWER)
                (void) answer_instead(c, answer_of_calls, i, CALLS_A_ANSWER, NULL);
        let_pass(SETTLE);
        (void) snprintf(when, sizeof(when), "after %u calls", MANY_CALLS);
        memory_report(c, memory, when);
}

Test(compare, idle_and_in_a_call) {
        struct before before[CONTENDER_KINDS];
        struct field f;

        field_init(&f, AS_SHIPPED, /* tls= */ false);
        EACH(&f, c)
        contender_start(c);
        let_pass(SETTLE);
        EACH(&f, c) {
                before[c->kind] = look(c);
                memory_report(c, "Memory", "idle");
        }
        let_pass(option("MINUTES", MINUTES) * USEC_PER_MIN);
        EACH(&f, c)
        sample_report(c, part_of("Idle", c), &before[c->kind]);
        EACH(&f, c)
        measure_call(c, "One call", "Memory");
        field_done(&f);
}

/* With no pause between polls, which else slows down what concerns nobody. */
Test(compare, many_calls) {
        struct field f;

        field_init(&f, NO_DELAYS, /* tls= */ false);
        EACH(&f, c) {
                contender_start(c);
                many_calls(c, "Memory");
                contender_stop(c);
        }
        field_done(&f);
}

Test(compare, memory_with_tls) {
        struct field f;

        field_init(&f, AS_SHIPPED, /* tls= */ true);
        EACH(&f, c)
        contender_start(c);
        let_pass(SETTLE);
        EACH(&f, c)
        memory_report(c, "Memory with TLS", "idle");
        EACH(&f, c) {
                begin_call(c, "call", RINGS, NULL);
                let_pass(SETTLE);
                memory_report(c, "Memory with TLS", "in a call");
                end_call(c, "call");
        }
        field_done(&f);
}

Test(compare, presence_alone) {
        struct field f;

        field_init(&f, PRESENCE_ALONE, /* tls= */ false);
        EACH(&f, c) {
                if (!contender_is_busyd(c->kind))
                        continue;
                contender_start(c);
                let_pass(SETTLE);
                measure_call(c, "One call, presence alone", NULL);
        }
        field_done(&f);
}

/* ---- a call that is declined ---- */

static void decline_call(struct contender *c, const char *call) {
        struct world *w = c->world;

        call_invite(w, ROOM, call);
        check(w, hs_wait_seen(w->hs, patience()), "the invitation is not taken in");
        let_pass(RINGS);
        hs_send(w->hs, ROOM,
                json_pack("{s:s,s:s,s:{s:s,s:s,s:s}}", "type", "m.call.reject", "sender", HS_USER, "content",
                          "version", "1", "call_id", call, "party_id", PHONE));
        check(w, hs_wait_seen(w->hs, patience()), "that it is declined is not taken in");
}

Test(compare, declined_call) {
        struct before before;
        struct relayed bytes;
        struct field f;

        field_init(&f, AS_SHIPPED, /* tls= */ false);
        EACH(&f, c) {
                contender_start(c);
                decline_call(c, "first");
                let_pass(SETTLE);
                before = look(c);
                decline_call(c, "second");
                let_pass(SETTLE);
                bytes = relay_count(c->relay);
                relay_report(part_of("A call that is declined", c), &before.bytes, &bytes);
                requests_report(c, part_of("A call that is declined", c), before.requests);
        }
        field_done(&f);
}

/* ---- big answers ---- */

/* What a server that ignores filters says of a busy room: events of nobody's concern. */
static char *big_answer(const char *since, unsigned first, unsigned n) {
        size_t size = (size_t) n * EVENT_BYTES + 1024, at;
        char *text = malloc(size);

        cr_assert_not_null(text);
        at = (size_t) snprintf(text, size,
                               "{\"next_batch\":\"%s\",\"rooms\":{\"join\":{\"" ROOM "\":{\"timeline\":{\"events\":[",
                               since);
        for (unsigned i = 0; i < n; i++)
                at += (size_t) snprintf(text + at, size - at,
                                        "%s{\"type\":\"m.room.message\",\"sender\":\"" OTHER_USER
                                        "\",\"event_id\":\"$event%u\",\"origin_server_ts\":1700000000000,"
                                        "\"content\":{\"msgtype\":\"m.text\",\"body\":\"What people say to each "
                                        "other in a room is no concern of busyd's, however much of it there is.\"}}",
                                        i > 0 ? "," : "", i);
        (void) snprintf(text + at, size - at, "]}}}}}");
        return text;
}

static void take_big_answer(struct contender *c, unsigned n) {
        usec_t cpu = usage_of(c->pid).cpu, took;
        size_t size;
        char what[64];

        took = answer_instead(c, big_answer, 0, n, &size);
        (void) snprintf(what, sizeof(what), "%u events, %.1f MB: time", n, (double) size / 1e6);
        report(part_of("Big answers", c), what, (double) took / USEC_PER_MSEC, "ms",
               "from the request to the next one");
        (void) snprintf(what, sizeof(what), "%u events: CPU time", n);
        report(part_of("Big answers", c), what, (double) (usage_of(c->pid).cpu - cpu) / USEC_PER_MSEC, "ms", NULL);
        (void) snprintf(what, sizeof(what), "%u events: peak resident memory", n);
        report(part_of("Big answers", c), what, (double) usage_of(c->pid).rss_peak / (1 << 20), "MiB", NULL);
}

Test(compare, big_answers) {
        static const unsigned sizes[] = { 100, 10000, 100000 };
        struct field f;

        field_init(&f, NO_DELAYS, /* tls= */ false);
        for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
                EACH(&f, c) {
                        contender_start(c);
                        take_big_answer(c, sizes[i]);
                        contender_stop(c);
                }
        field_done(&f);
}

/* ---- many accounts ---- */

#define MANY_ACCOUNTS 100

struct place {
        struct hs *server;
        struct relay *relay; /* NULL: plain */
};

static void session_at(struct world *w, const char *account, const struct place *at) {
        SCOPED(free) char *token = hs_login(at->server, w->device), *dir = strdup(world_state_path(w, ""));
        const char *url = at->relay ? relay_url(at->relay) : hs_url(at->server);

        cr_assert_eq(session_save(dir, account,
                                  &(struct session){ .homeserver = (char *) url,
                                                     .user_id = (char *) HS_USER,
                                                     .device_id = (char *) w->device,
                                                     .access_token = token }),
                     0);
}

/* As many certificates vouch for each of them as a system has, and the servers' own. */
static void put_accounts(struct world *w, bool tls) {
        SCOPED(free) char *text = strdup("[busyd]\nstart-delay = 0s\n");

        if (tls)
                world_do(w, "cd ~/.. && cat /etc/ssl/certs/ca-certificates.crt certificate.pem >bundle.pem");
        for (unsigned i = 0; tls && i < MANY_ACCOUNTS; i++) {
                SCOPED(free) char *before = text;

                cr_assert_geq(asprintf(&text, "%s[account account%u]\nca-file = %s\n", before, i,
                                       world_path(w, "bundle.pem")),
                              0);
        }
        world_config(w, text);
}

static void many_accounts(struct world *w, const char *part, bool tls) {
        struct place places[MANY_ACCOUNTS] = { 0 };
        struct usage u;

        if (tls)
                contender_certificate(w);
        put_accounts(w, tls);
        for (unsigned i = 0; i < MANY_ACCOUNTS; i++) {
                char name[16];

                (void) snprintf(name, sizeof(name), "account%u", i);
                cr_assert_eq(hs_new(&places[i].server, &(struct hs_options){ 0 }), 0);
                if (tls)
                        places[i].relay = relay_new(hs_url(places[i].server), world_path(w, "%s", ""));
                session_at(w, name, &places[i]);
        }
        world_start(w);
        for (unsigned i = 0; i < MANY_ACCOUNTS; i++)
                check(w, hs_wait_request(places[i].server, HS_POLL_ON, 0, patience(), NULL), "only %u accounts poll",
                      i);
        let_pass(SETTLE);
        u = usage_of(w->busyd);
        report(part, "accounts", MANY_ACCOUNTS, "", "each polls, on a server of its own");
        report(part, "PSS", (double) u.pss / (1 << 20), "MiB", NULL);
        report(part, "private memory", (double) (u.private_clean + u.private_dirty) / (1 << 20), "MiB", NULL);
        report(part, "private dirty memory", (double) u.private_dirty / (1 << 20), "MiB", NULL);
        report(part, "peak resident memory", (double) u.rss_peak / (1 << 20), "MiB", NULL);
        report(part, "CPU time", (double) u.cpu / USEC_PER_MSEC, "ms", "from the start on");
        cr_assert_eq(world_stop(w), 0);
        for (unsigned i = 0; i < MANY_ACCOUNTS; i++) {
                relay_free(places[i].relay);
                hs_free(places[i].server);
        }
}

WORLD_TEST(compare, accounts, .no_session = true, .no_homeserver = true) {
        many_accounts(w, "A hundred accounts: busyd", /* tls= */ false);
}

WORLD_TEST(compare, accounts_with_tls, .no_session = true, .no_homeserver = true) {
        many_accounts(w, "A hundred accounts with TLS: busyd", /* tls= */ true);
}

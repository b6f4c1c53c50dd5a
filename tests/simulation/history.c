/* From a seed to what happens. Everything that is random about the world itself is drawn here, so that a happening
 * that is left out changes no other one. Worlds are of two sorts: episodes in which as much as possible meets, or the
 * days of a person, with their nights, in which little happens and long spans pass. */
#include <stdio.h>
#include <stdlib.h>

#include "world.h"

const char *happening_kind_to_string(enum happening_kind k) {
        static const char *const names[] = {
                [LOCAL_BEGINS] = "a local call begins",
                [LOCAL_ENDS] = "a local call ends",
                [ROOM_CALL_BEGINS] = "a call in a room begins",
                [ROOM_CALL_ENDS] = "a call in a room ends",
                [HOLD] = "a hold",
                [RELEASE] = "a hold is released",
                [HAND] = "a mode by hand",
                [FREE_UNTIL_END] = "free until this call ends",
                [PERSON_SETS] = "a person sets presence",
                [CLIENT_DOES] = "another client",
                [PROFILE_SET] = "another client writes the profile",
                [FAULT_BEGINS] = "a fault begins",
                [FAULT_ENDS] = "a fault ends",
                [KILLED] = "killed",
                [KILLED_LATER] = "killed in the middle",
                [STARTED] = "started",
                [STOPPED] = "SIGTERM",
                [BUS_LOST] = "the bus is lost",
                [RELOADED] = "reload",
                [CONFIGURED] = "configuration",
                [SLEEPS] = "sleep",
                [WAKES] = "wake",
                [IN_FRONT] = "session in front",
                [LOGGED_OUT] = "logout",
                [LOGGED_IN] = "login",
                [SERVER_RESTARTS] = "the server restarts",
                [WALL_JUMPS] = "the time of day jumps",
                [NETWORK_CHANGES] = "the network changes",
                [QUIET] = "quiet",
        };

        return names[k];
}

const char *server_kind_to_string(enum server_kind k) {
        static const char *const names[] = {
                [SERVER_SYNAPSE] = "synapse",           [SERVER_SYNAPSE_PLAIN] = "synapse-plain",
                [SERVER_SYNAPSE_OLD] = "synapse-old",   [SERVER_TUWUNEL] = "tuwunel",
                [SERVER_CONTINUWUITY] = "continuwuity", [SERVER_DENDRITE] = "dendrite",
                [SERVER_UNKNOWN] = "unknown",           [SERVER_HIDDEN] = "hidden",
        };

        return names[k];
}

static struct hs_options options_of(enum server_kind k, struct chance *c) {
        static const enum hs_kind kinds[] = {
                [SERVER_SYNAPSE] = HS_SYNAPSE,           [SERVER_SYNAPSE_PLAIN] = HS_SYNAPSE,
                [SERVER_SYNAPSE_OLD] = HS_SYNAPSE_OLD,   [SERVER_TUWUNEL] = HS_TUWUNEL,
                [SERVER_CONTINUWUITY] = HS_CONTINUWUITY, [SERVER_DENDRITE] = HS_DENDRITE,
                [SERVER_UNKNOWN] = HS_UNKNOWN,           [SERVER_HIDDEN] = HS_SYNAPSE,
        };
        struct hs_options o = {
                .kind = kinds[k], .hidden = k == SERVER_HIDDEN, .activity = true, .busy_off = k == SERVER_SYNAPSE_PLAIN
        };

        if (o.kind == HS_SYNAPSE && chance_percent(c, 60))
                o.rc_presence_msec = 10000;
        o.profile_off = chance_percent(c, 40);
        return o;
}

struct making {
        struct history *h;
        struct chance c;
        usec_t t, last;
        size_t allocated;
};

static struct happening *add(struct making *m, enum happening_kind kind) {
        struct happening *n;

        if (m->h->n == m->allocated) {
                m->allocated = m->allocated > 0 ? 2 * m->allocated : 64;
                m->h->list = reallocarray(m->h->list, m->allocated, sizeof(*m->h->list));
        }
        n = &m->h->list[m->h->n++];
        *n = (struct happening){ .kind = kind,
                                 .at = m->t - m->last,
                                 .machine = chance_below(&m->c, m->h->n_machines) };
        m->last = m->t;
        return n;
}

/* Mostly short, now and then long. */
static usec_t pause(struct making *m) {
        switch (chance_below(&m->c, 8)) {
        case 0:
                return chance_between(&m->c, 0, 300 * USEC_PER_MSEC);
        case 1:
        case 2:
                return chance_between(&m->c, 0, 5 * USEC_PER_SEC);
        case 3:
        case 4:
        case 5:
                return chance_between(&m->c, USEC_PER_SEC, 60 * USEC_PER_SEC);
        case 6:
                return chance_between(&m->c, USEC_PER_MIN, 10 * USEC_PER_MIN);
        default:
                return chance_between(&m->c, USEC_PER_MIN,
                                      chance_percent(&m->c, 10) ? 3 * USEC_PER_HOUR : 20 * USEC_PER_MIN);
        }
}

/* What an episode is about, so that not everything happens at once everywhere. */
enum theme {
        THEME_CALLS = 1 << 0,
        THEME_ROOMS = 1 << 1,
        THEME_HAND = 1 << 2,
        THEME_PERSON = 1 << 3,
        THEME_CLIENTS = 1 << 4,
        THEME_FAULTS = 1 << 5,
        THEME_DEATH = 1 << 6,
        THEME_SYSTEM = 1 << 7,
        THEME_SESSION = 1 << 8,
        THEMES = 9,
};

static const struct weight {
        enum happening_kind kind;
        unsigned themes, weight;
} weights[] = {
        { LOCAL_BEGINS, THEME_CALLS, 12 },
        { LOCAL_ENDS, THEME_CALLS, 10 },
        { ROOM_CALL_BEGINS, THEME_ROOMS, 10 },
        { ROOM_CALL_ENDS, THEME_ROOMS, 8 },
        { HOLD, THEME_HAND, 4 },
        { RELEASE, THEME_HAND, 3 },
        { HAND, THEME_HAND, 6 },
        { FREE_UNTIL_END, THEME_HAND, 3 },
        { PERSON_SETS, THEME_PERSON, 8 },
        { PROFILE_SET, THEME_PERSON, 2 },
        { CLIENT_DOES, THEME_CLIENTS, 8 },
        { FAULT_BEGINS, THEME_FAULTS, 8 },
        { FAULT_ENDS, THEME_FAULTS, 6 },
        { SERVER_RESTARTS, THEME_FAULTS, 2 },
        { KILLED, THEME_DEATH, 4 },
        { KILLED_LATER, THEME_DEATH, 6 },
        { STARTED, THEME_DEATH, 10 },
        { STOPPED, THEME_DEATH, 3 },
        { BUS_LOST, THEME_SYSTEM, 2 },
        { RELOADED, THEME_SYSTEM, 4 },
        { CONFIGURED, THEME_SYSTEM, 4 },
        { SLEEPS, THEME_SYSTEM, 3 },
        { WAKES, THEME_SYSTEM, 5 },
        { IN_FRONT, THEME_SYSTEM, 4 },
        { WALL_JUMPS, THEME_SYSTEM, 1 },
        { NETWORK_CHANGES, THEME_FAULTS, 2 },
        { LOGGED_OUT, THEME_SESSION, 4 },
        { LOGGED_IN, THEME_SESSION, 5 },
};

static enum happening_kind pick_kind(struct making *m, unsigned themes) {
        unsigned total = 0, n;

        for (size_t i = 0; i < ARRAY_SIZE(weights); i++)
                total += weights[i].themes & themes ? weights[i].weight : 0;
        n = chance_below(&m->c, total);
        for (size_t i = 0; i < ARRAY_SIZE(weights); i++) {
                unsigned w = weights[i].themes & themes ? weights[i].weight : 0;

                if (n < w)
                        return weights[i].kind;
                n -= w;
        }
        return LOCAL_BEGINS;
}

static uint32_t pick_requests(struct making *m) {
        static const uint32_t presence = 1U << REQUEST_PRESENCE_GET | 1U << REQUEST_PRESENCE_PUT;
        static const uint32_t profile = 1U << REQUEST_PROFILE_GET | 1U << REQUEST_PROFILE_PUT;

        switch (chance_below(&m->c, 7)) {
        case 0:
        case 1:
                return UINT32_MAX;
        case 2:
                return presence;
        case 3:
                return 1U << REQUEST_PRESENCE_PUT | 1U << REQUEST_PROFILE_PUT;
        case 4:
                return 1U << REQUEST_SYNC;
        case 5:
                return profile | 1U << REQUEST_DATA_PUT;
        default:
                return 1U << chance_below(&m->c, REQUEST_KINDS);
        }
}

static void fill(struct making *m, struct happening *n) {
        struct chance *c = &m->c;

        switch (n->kind) {
        case LOCAL_BEGINS:
                n->a = chance_below(c, 4);
                n->b = chance_below(c, 10) < 5   ? EVIDENCE_PROOF
                       : chance_below(c, 10) < 7 ? EVIDENCE_STRONG
                                                 : EVIDENCE_WEAK;
                break;
        case LOCAL_ENDS:
                n->a = chance_below(c, 4);
                break;
        case ROOM_CALL_BEGINS:
                n->a = chance_below(c, 2);
                n->b = chance_below(c, 2);
                break;
        case ROOM_CALL_ENDS:
                n->a = chance_below(c, 2);
                break;
        case HOLD:
                n->a = chance_below(c, 2);
                n->span = chance_percent(c, 50) ? chance_between(c, USEC_PER_SEC, 10 * USEC_PER_MIN) : 0;
                break;
        case RELEASE:
                n->a = chance_below(c, 2);
                break;
        case HAND:
                n->a = chance_below(c, 4);
                n->b = chance_below(c, 3);
                n->span = chance_percent(c, 50) ? chance_between(c, USEC_PER_SEC, 20 * USEC_PER_MIN) : 0;
                break;
        case PERSON_SETS:
                n->a = chance_below(c, 3);
                n->b = chance_below(c, 4);
                break;
        case CLIENT_DOES:
                n->a = chance_below(c, CLIENTS);
                n->b = chance_below(c, CLIENT_MANNERS);
                break;
        case PROFILE_SET:
                n->a = chance_below(c, 2);
                break;
        case FAULT_BEGINS:
                n->a = chance_below(c, WIRE_FAULTS_MAX);
                n->fault = (struct wire_fault){ .kind = chance_below(c, WIRE_FAULT_KINDS),
                                                .kinds = pick_requests(m),
                                                .percent = chance_percent(c, 50) ? 100 : 10 + chance_below(c, 80),
                                                .answer = chance_below(c, 1000) };
                if (n->fault.kind == WIRE_SESSION)
                        n->fault.kinds = UINT32_MAX;
                break;
        case FAULT_ENDS:
                n->a = chance_below(c, WIRE_FAULTS_MAX);
                break;
        case KILLED:
                n->a = chance_percent(c, 40);
                break;
        case KILLED_LATER:
                n->a = chance_percent(c, 40);
                n->b = 1 + chance_below(c, 12);
                break;
        case CONFIGURED:
                n->a = chance_below(c, 100);
                break;
        case IN_FRONT:
                n->a = chance_percent(c, 60);
                break;
        case WALL_JUMPS:
                n->a = chance_percent(c, 50);
                n->span = chance_between(c, USEC_PER_SEC, chance_percent(c, 20) ? 48 * USEC_PER_HOUR : USEC_PER_HOUR);
                break;
        case FREE_UNTIL_END:
        case STARTED:
        case STOPPED:
        case BUS_LOST:
        case RELOADED:
        case SLEEPS:
        case WAKES:
        case LOGGED_OUT:
        case LOGGED_IN:
        case SERVER_RESTARTS:
        case NETWORK_CHANGES:
        case QUIET:
        case HAPPENING_KINDS:
                break;
        }
}

static void make_episode(struct making *m) {
        unsigned themes = chance_percent(&m->c, 80) ? THEME_CALLS : THEME_ROOMS;
        unsigned n = 2 + chance_below(&m->c, chance_percent(&m->c, 20) ? 40 : 12);

        for (unsigned i = chance_below(&m->c, 4); i > 0; i--)
                themes |= 1U << chance_below(&m->c, THEMES);
        for (unsigned i = 0; i < n; i++) {
                enum happening_kind kind = pick_kind(m, themes);

                m->t += pause(m);
                fill(m, add(m, kind));
        }
        m->t += pause(m);
        add(m, QUIET)->a = chance_percent(&m->c, 30);
}

/* ---- days ---- */

/* Worlds whose calls of two are encrypted. */
#define ENCRYPTED_PERCENT 40
/* ... and those of these whose machines read what the user says alone. */
#define OWN_ALONE_PERCENT 25
/* ... and of those with days those whose user leaves them unverified. */
#define NEGLECTED_PERCENT 40

/* One world in so many has days: as one of these lasts as long as so many of the others, about as many hours. */
#define DAYS_IN 16

enum night {
        NIGHT_SUSPENDED,
        NIGHT_ON,
        NIGHT_OFF,
        NIGHTS,
};

struct day {
        struct making *m;
        usec_t begins, wakes, rests; /* of the person */
};

static usec_t some_time(const struct day *d) {
        return chance_between(&d->m->c, d->wakes, d->rests);
}

/* `at` is a time until all days are made. */
static struct happening *plan(const struct day *d, usec_t at, enum happening_kind kind) {
        struct happening *n = add(d->m, kind);

        fill(d->m, n);
        n->at = at;
        return n;
}

static void plan_on(const struct day *d, unsigned machine, usec_t at, enum happening_kind kind) {
        plan(d, at, kind)->machine = machine;
}

static void plan_call(const struct day *d, bool goes_on_at_night) {
        usec_t begins = some_time(d);
        usec_t ends = begins + chance_between(&d->m->c, USEC_PER_MIN, 90 * USEC_PER_MIN);
        bool local = chance_percent(&d->m->c, 60);
        struct happening n;

        if (goes_on_at_night)
                ends = d->rests + chance_between(&d->m->c, USEC_PER_MIN, 6 * USEC_PER_HOUR);
        n = *plan(d, begins, local ? LOCAL_BEGINS : ROOM_CALL_BEGINS);
        n.kind = local ? LOCAL_ENDS : ROOM_CALL_ENDS;
        n.at = ends;
        *plan(d, ends, n.kind) = n;
}

static void plan_client(const struct day *d, usec_t at, unsigned client, unsigned manner) {
        struct happening *n = plan(d, at, CLIENT_DOES);

        n->a = client;
        n->b = manner;
}

static void plan_person(const struct day *d) {
        usec_t lunch = d->begins + 12 * USEC_PER_HOUR + chance_between(&d->m->c, 0, USEC_PER_HOUR);

        if (chance_percent(&d->m->c, 40)) {
                plan(d, lunch, PERSON_SETS)->b = 0;
                plan(d, lunch + chance_between(&d->m->c, 10 * USEC_PER_MIN, USEC_PER_HOUR), PERSON_SETS)->b = 2;
        }
        if (chance_percent(&d->m->c, 20))
                plan(d, some_time(d), HAND);
        if (chance_percent(&d->m->c, 20))
                plan(d, some_time(d), HOLD);
        plan_client(d, d->wakes + chance_between(&d->m->c, 0, USEC_PER_HOUR), 0, 1 + chance_below(&d->m->c, 3));
        if (chance_percent(&d->m->c, 50))
                plan_client(d, lunch, 0, 2);
        if (chance_percent(&d->m->c, 70))
                plan_client(d, d->rests - chance_between(&d->m->c, 0, USEC_PER_HOUR), 0, 0);
}

static void plan_trouble(const struct day *d) {
        usec_t at = some_time(d), until = at + chance_between(&d->m->c, USEC_PER_MIN, 4 * USEC_PER_HOUR);

        if (chance_percent(&d->m->c, 15)) {
                struct happening n = *plan(d, at, FAULT_BEGINS);

                n.kind = FAULT_ENDS;
                n.at = until;
                *plan(d, until, FAULT_ENDS) = n;
        }
        for (unsigned i = chance_below(&d->m->c, 3); i > 0; i--)
                plan(d, some_time(d), NETWORK_CHANGES);
        if (chance_percent(&d->m->c, 30)) {
                at = some_time(d);
                plan_on(d, 0, at, SLEEPS);
                plan_on(d, 0, at + chance_between(&d->m->c, USEC_PER_MIN, 2 * USEC_PER_HOUR), WAKES);
        }
        if (chance_percent(&d->m->c, 4)) {
                at = some_time(d);
                plan_on(d, 0, at, KILLED);
                plan_on(d, 0, at + chance_between(&d->m->c, 0, 10 * USEC_PER_MIN), STARTED);
        }
        if (chance_percent(&d->m->c, 5))
                plan(d, some_time(d), CONFIGURED);
        if (chance_percent(&d->m->c, 3)) {
                at = some_time(d);
                plan_on(d, 0, at, LOGGED_OUT);
                plan_on(d, 0, at + chance_between(&d->m->c, USEC_PER_MIN, USEC_PER_HOUR), LOGGED_IN);
        }
        if (chance_percent(&d->m->c, 8))
                plan(d, d->begins + 3 * USEC_PER_HOUR, SERVER_RESTARTS);
}

/* The first machine is with the person; a second one stays on. */
static void plan_night(const struct day *d, enum night night) {
        if (night == NIGHT_ON)
                return;
        plan_on(d, 0, d->wakes, night == NIGHT_SUSPENDED ? WAKES : STARTED);
        plan_on(d, 0, d->rests, night == NIGHT_SUSPENDED ? SLEEPS : STOPPED);
}

static void make_day(struct making *m, unsigned i, enum night night) {
        usec_t begins = i * 24 * USEC_PER_HOUR;
        struct day d = { .m = m,
                         .begins = begins,
                         .wakes = begins + 7 * USEC_PER_HOUR + chance_between(&m->c, 0, 3 * USEC_PER_HOUR),
                         .rests = begins + 17 * USEC_PER_HOUR + chance_between(&m->c, 0, 6 * USEC_PER_HOUR) };
        bool weekend = i % 7 >= 5;

        if (weekend && chance_percent(&m->c, 60))
                return;
        plan_night(&d, night);
        for (unsigned n = chance_below(&m->c, weekend ? 2 : 6); n > 0; n--)
                plan_call(&d, chance_percent(&m->c, 5));
        plan_person(&d);
        plan_trouble(&d);
        if (chance_percent(&m->c, 60))
                plan(&d, d.rests - USEC_PER_MIN, QUIET)->a = chance_percent(&m->c, 50);
}

static int by_time(const void *a, const void *b) {
        const struct happening *x = a, *y = b;

        return x->at < y->at ? -1 : x->at > y->at;
}

static void make_days(struct making *m, unsigned n_days) {
        enum night night = chance_below(&m->c, NIGHTS);
        size_t first = m->h->n;
        usec_t last = 0;

        for (unsigned i = 0; i < n_days; i++)
                make_day(m, i, night);
        qsort(m->h->list + first, m->h->n - first, sizeof(m->h->list[0]), by_time);
        for (size_t i = first; i < m->h->n; i++) {
                usec_t at = m->h->list[i].at;

                m->h->list[i].at = at - last;
                last = at;
        }
        m->t = m->last = last;
        add(m, QUIET)->a = true;
}

struct history *history_new(uint64_t seed, enum server_kind server, unsigned n_episodes) {
        struct making m = { .h = calloc(1, sizeof(struct history)), .c = { seed } };

        (void) chance_next(&m.c);
        m.h->seed = seed;
        m.h->days = chance_below(&(struct chance){ seed ^ UINT64_C(0x9fb21c651e98df25) }, DAYS_IN) == 0;
        m.h->encrypted = chance_percent(&(struct chance){ seed ^ UINT64_C(0x3c79ac492ba7b653) }, ENCRYPTED_PERCENT);
        m.h->own_alone = m.h->encrypted &&
                         chance_percent(&(struct chance){ seed ^ UINT64_C(0x6c62272e07bb0142) }, OWN_ALONE_PERCENT);
        m.h->neglected = m.h->encrypted && m.h->days &&
                         chance_percent(&(struct chance){ seed ^ UINT64_C(0xa0761d6478bd642f) }, NEGLECTED_PERCENT);
        m.h->server = chance_below(&m.c, SERVER_KINDS);
        if (server < SERVER_KINDS)
                m.h->server = server;
        m.h->options = options_of(m.h->server, &m.c);
        m.h->n_machines = chance_percent(&m.c, 25) ? 2 : 1;
        /* Who else there is to begin with. */
        for (unsigned i = 0; i < CLIENTS; i++) {
                struct happening *n = add(&m, CLIENT_DOES);

                n->a = i;
                n->b = chance_percent(&m.c, i == 0 ? 60 : 15) ? chance_below(&m.c, CLIENT_MANNERS) : 0;
        }
        if (m.h->days)
                make_days(&m, n_episodes);
        for (unsigned i = 0; i < n_episodes && !m.h->days; i++)
                make_episode(&m);
        return m.h;
}

struct history *history_free(struct history *h) {
        if (h)
                free(h->list);
        free(h);
        return NULL;
}

static void print_fault(const struct wire_fault *f) {
        printf(" %s, %u%%, answer %u, of", wire_fault_kind_to_string(f->kind), f->percent, f->answer);
        if (f->kinds == UINT32_MAX)
                printf(" everything");
        for (unsigned i = 0; i < REQUEST_KINDS && f->kinds != UINT32_MAX; i++)
                if (f->kinds & 1U << i)
                        printf(" [%s]", request_kind_to_string(i));
}

void history_print(const struct history *h) {
        printf("%s%s%sserver %s%s%s, %u machine%s\n", h->days ? "days, " : "",
               !h->encrypted  ? ""
               : h->own_alone ? "encrypted and own alone, "
                              : "encrypted, ",
               h->neglected ? "neglected, " : "", server_kind_to_string(h->server),
               h->options.rc_presence_msec > 0 ? ", rc_presence" : "", h->options.profile_off ? ", no profile" : "",
               h->n_machines, h->n_machines == 1 ? "" : "s");
        for (size_t i = 0; i < h->n; i++) {
                const struct happening *n = &h->list[i];

                printf("  %3zu  +%.1f s  %c: %s %u %u", i, (double) n->at / USEC_PER_SEC, 'A' + (int) n->machine,
                       happening_kind_to_string(n->kind), n->a, n->b);
                if (n->span > 0)
                        printf(" %.1f s", (double) n->span / USEC_PER_SEC);
                if (n->kind == FAULT_BEGINS)
                        print_fault(&n->fault);
                putchar('\n');
        }
}

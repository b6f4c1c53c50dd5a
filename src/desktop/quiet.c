/* See quiet.h. Each way is in one of these states:
 *
 *   absent     its service is not on the bus
 *   waiting    it is there; nothing is to be done, or not before `again`
 *   asked      whether it is quiet is being asked
 *   switched   it is being made quiet, or given back
 *   foreign    what is there has no such switch, or has failed too often; until something else comes in its place,
 *              or busy begins or ends
 *
 * Answers are noted as they come (`answered`), and followed in quiet_run(). `owed`: it was quiet by us, as the journal
 * says too; `settled`: this time of busy is done with, whatever came of it. Where being quiet ends with the service,
 * it is owed to the one that was made so, and to no other that has come in its place. */
#include "desktop/quiet.h"

#include <errno.h>
#include <stdio.h>

#include "core/backoff.h"
#include "desktop/quiet-ways.h"
#include "util/bus-service.h"
#include "util/clock.h"
#include "util/command.h"
#include "util/later.h"
#include "util/log.h"

#define EFFECT       "do-not-disturb"
#define JOURNAL_ON   "on"
#define ANSWER_MAX   (5 * USEC_PER_SEC)
#define AGAIN_AFTER  (30 * USEC_PER_SEC) /* what failed, while it is owed; each time twice as long */
#define AGAIN_CAP    (2 * USEC_PER_HOUR)
#define AGAIN_MAX    9 /* times: four hours in all, at most */
#define WAYS_MAX     8
#define JOURNAL_NAME 64
#define OWNER_MAX    96 /* bytes of a bus and a unique name there */

enum way_state {
        WAY_ABSENT,
        WAY_WAITING,
        WAY_ASKED,
        WAY_SWITCHED,
        WAY_FOREIGN,
};

struct way {
        struct quiet *quiet;
        const struct quiet_way *kind;
        struct bus_service *service;
        enum way_state state;
        bool owed, settled, switching_on;
        char owed_to[OWNER_MAX]; /* as the journal says: JOURNAL_ON where it lasts longer than the service */
        struct quiet_memory memory;
        sd_bus_slot *call;
        struct command *command;
        bool answered;
        int answer; /* 1, 0 or a negative errno */
        struct later again;
        struct backoff backoff; /* since something has come of it */
};

struct quiet {
        struct desktop_context context;
        bool on;
        bool wanted;    /* in the last turn */
        bool told_none; /* that nothing here can be made quiet, once a time of busy */
        char bus_id[SD_ID128_STRING_MAX];
        struct way ways[WAYS_MAX];
        size_t n_ways;
};

/* ---- journal and history ---- */

static const char *journal_name(const struct way *w, char *buf) {
        (void) snprintf(buf, JOURNAL_NAME, "quiet-%s", w->kind->name);
        return buf;
}

/* To whom it is owed if the one is made quiet that is there. Unique names mean nothing on another bus. */
static const char *creditor(const struct way *w, char *buf) {
        if (w->kind->is_lasting)
                (void) snprintf(buf, OWNER_MAX, JOURNAL_ON);
        else
                (void) snprintf(buf, OWNER_MAX, "%s %s", w->quiet->bus_id, bus_service_owner(w->service));
        return buf;
}

static int set_owed(struct way *w, bool owed) {
        const struct desktop_journal *j = &w->quiet->context.journal;
        char name[JOURNAL_NAME], to[OWNER_MAX];
        int r = 0;

        if (w->owed == owed)
                return 0;
        if (owed)
                (void) creditor(w, to);
        if (!w->kind->ends_with_us)
                r = j->put(j->userdata, journal_name(w, name), owed ? to : NULL);
        if (r < 0)
                return r;
        w->owed = owed;
        (void) snprintf(w->owed_to, sizeof(w->owed_to), "%s", owed ? to : "");
        return 0;
}

/* With the one that was made quiet its state is gone. If this one is quiet, it is so by the user's word. */
static void forgive_another(struct way *w) {
        char here[OWNER_MAX];

        if (!w->owed || streq(w->owed_to, creditor(w, here)))
                return;
        if (set_owed(w, false) < 0)
                log_warning("It cannot be stored that %s is another one now", w->kind->name);
        w->owed = false;
}

static void tell(const struct way *w, bool ok, const char *what, int error) {
        const struct desktop_context *c = &w->quiet->context;
        char outcome[192];

        (void) snprintf(outcome, sizeof(outcome), "%s %s%s%s", w->kind->name, what, error < 0 ? ": " : "",
                        error < 0 ? strerror(-error) : "");
        c->done(c->userdata, EFFECT, ok, outcome);
}

/* ---- asking and switching ---- */

static void answer(struct way *w, int r) {
        w->answered = true;
        w->answer = r;
        w->quiet->context.touched(w->quiet->context.userdata);
}

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct way *w = userdata;
        const struct quiet_way *kind = w->kind;
        int r = 0;

        w->call = sd_bus_slot_unref(w->call);
        if (sd_bus_message_is_method_error(m, NULL))
                r = -sd_bus_message_get_errno(m);
        else if (w->state == WAY_ASKED)
                r = kind->heard(&w->memory, m);
        else if (kind->was_set)
                r = kind->was_set(&w->memory, w->switching_on, m);
        answer(w, r);
        return 0;
}

static void on_command_done(char *output, size_t size, int status, void *userdata) {
        struct way *w = userdata;

        if (status != 0)
                answer(w, status < 0 ? status : -EOPNOTSUPP);
        else
                answer(w, w->state == WAY_ASKED && streq(output, w->kind->quiet_output));
}

static int send(struct way *w, sd_bus_message *m) {
        return sd_bus_call_async(w->quiet->context.bus, &w->call, m, on_reply, w, ANSWER_MAX);
}

static int start(struct way *w, const char *const *argv) {
        return command_start(&w->command, w->quiet->context.event, w->quiet->context.bus,
                             &(struct command_options){ .argv = argv, .time_max = ANSWER_MAX }, on_command_done, w);
}

static void ask(struct way *w) {
        SCOPED(sd_bus_message_unref) sd_bus_message *m = NULL;
        int r;

        w->state = WAY_ASKED;
        if (w->kind->ask_argv)
                r = start(w, w->kind->ask_argv);
        else {
                r = w->kind->ask(w->quiet->context.bus, w->kind, &m);
                if (r >= 0)
                        r = send(w, m);
        }
        if (r < 0)
                answer(w, r);
}

static void switch_to(struct way *w, bool on) {
        SCOPED(sd_bus_message_unref) sd_bus_message *m = NULL;
        int r;

        w->state = WAY_SWITCHED;
        w->switching_on = on;
        if (w->kind->ask_argv)
                r = start(w, on ? w->kind->on_argv : w->kind->off_argv);
        else {
                r = w->kind->set(w->quiet->context.bus, w->kind, &w->memory, on, &m);
                if (r >= 0)
                        r = send(w, m);
        }
        if (r < 0)
                answer(w, r);
}

/* ---- what follows from an answer ---- */

static void try_again(struct way *w) {
        if (w->backoff.failures == AGAIN_MAX)
                w->state = WAY_FOREIGN;
        else
                later_set(&w->again, backoff_next(&w->backoff, random_u32()));
}

/* It was asked to be made quiet. */
static void enter(struct way *w, bool is_quiet) {
        int r;

        if (is_quiet || w->owed) {
                /* It is quiet by the user's word or, after a crash, by ours; or it was, and the user has ended that.
                 */
                if (!is_quiet)
                        (void) set_owed(w, false);
                else
                        log_debug("do-not-disturb: %s is quiet already", w->kind->name);
                w->settled = true;
                return;
        }
        r = set_owed(w, true);
        if (r < 0) {
                w->settled = true;
                tell(w, false, "is left as it is, as it cannot be stored that it was made quiet", r);
                return;
        }
        switch_to(w, true);
}

static void leave(struct way *w, bool is_quiet) {
        if (is_quiet) {
                switch_to(w, false);
                return;
        }
        if (set_owed(w, false) == 0)
                tell(w, true, "was changed meanwhile and is left so", 0);
        else
                try_again(w);
}

/* Whether the answer itself says so: no such interface, method, property or object; some libraries call that a wrong
 * argument. */
static bool lacks_switch(int error) {
        return error == -EBADR || error == -EINVAL;
}

/* Where nothing is owed any error is taken for that. What was made quiet had a switch, and one failure does not take
 * it away. Who does not answer at all may do so later. */
static void follow_failure(struct way *w) {
        if (lacks_switch(w->answer) || (!w->owed && w->answer != -ETIMEDOUT)) {
                w->state = WAY_FOREIGN;
                return;
        }
        if (w->owed && w->backoff.failures == 0)
                tell(w, false, "cannot be asked whether it is quiet, and will be asked again", w->answer);
        try_again(w);
}

static void follow_asking(struct way *w, bool want) {
        w->state = WAY_WAITING;
        if (w->answer < 0)
                follow_failure(w);
        else if (want && !w->settled)
                enter(w, w->answer > 0);
        else if (!want && w->owed)
                leave(w, w->answer > 0);
}

/* Where switching on failed it may have been done all the same: it stays owed, and is looked at in the end. */
static void follow_switching(struct way *w) {
        int r = w->answer < 0 ? w->answer : 0;

        w->state = WAY_WAITING;
        if (w->switching_on) {
                w->settled = true;
                tell(w, r == 0, r == 0 ? "is quiet" : "cannot be made quiet", r);
                return;
        }
        if (r == 0)
                r = set_owed(w, false);
        if (r < 0)
                try_again(w);
        tell(w, r == 0, r == 0 ? "is as before" : "cannot be given back, and will be tried again", r);
}

/* Busy begins or ends: whatever failed before is worth another try. */
static void begin_anew(struct way *w) {
        later_clear(&w->again);
        backoff_reset(&w->backoff);
        if (w->state == WAY_FOREIGN)
                w->state = WAY_WAITING;
}

static void run_way(struct way *w, bool want, usec_t now) {
        if (w->answered) {
                w->answered = false;
                w->command = command_free(w->command);
                if (w->state == WAY_ASKED)
                        follow_asking(w, want);
                else
                        follow_switching(w);
        }
        if (!want)
                w->settled = false;
        if (want ? w->settled : !w->owed)
                backoff_reset(&w->backoff);
        if (w->state != WAY_WAITING)
                return;
        forgive_another(w);
        if (later_is_set(&w->again) && !later_run(&w->again, now))
                return;
        if (want ? !w->settled : w->owed)
                ask(w);
}

/* ---- services that come and go ---- */

static void forget(struct way *w) {
        w->call = sd_bus_slot_unref(w->call);
        w->command = command_free(w->command);
        w->answered = false;
        later_clear(&w->again);
        backoff_reset(&w->backoff);
        quiet_memory_clear(&w->memory);
        w->state = WAY_ABSENT;
        w->settled = false;
        if (w->kind->ends_with_us)
                w->owed = false;
}

static int on_service_start(void *userdata) {
        struct way *w = userdata;

        w->state = WAY_WAITING;
        return 0;
}

static void on_service_reset(void *userdata) {
        forget(userdata);
}

static void on_service_changed(void *userdata) {
        const struct way *w = userdata;

        w->quiet->context.touched(w->quiet->context.userdata);
}

static const struct bus_service_ops service_ops = { on_service_start, on_service_reset, on_service_changed };

/* Who neither is to be made quiet nor is owed anything is not looked at. */
static void watch(struct way *w, bool wanted) {
        if (wanted == (w->service != NULL))
                return;
        if (!wanted) {
                w->service = bus_service_free(w->service);
                forget(w);
        } else if (bus_service_new(&w->service, w->quiet->context.bus, w->kind->service, w->kind->name, &service_ops,
                                   w) < 0)
                log_warning("Out of memory: %s is not made quiet", w->kind->name);
}

/* ---- all of them ---- */

/* Whether it is known by now that it cannot be made quiet. */
static bool is_hopeless(const struct way *w) {
        return w->state == WAY_FOREIGN ||
               (w->state == WAY_ABSENT && w->service && bus_service_state(w->service) == BUS_SERVICE_UNAVAILABLE);
}

static void tell_if_none(struct quiet *q, bool want) {
        bool none = want;

        for (size_t i = 0; i < q->n_ways; i++)
                none = none && is_hopeless(&q->ways[i]);
        if (!want)
                q->told_none = false;
        if (!none || q->told_none)
                return;
        q->told_none = true;
        q->context.done(q->context.userdata, EFFECT, false, "no notification service is here that can be made quiet");
}

usec_t quiet_run(struct quiet *q, const struct desktop_facts *facts, usec_t now) {
        bool want = q->on && facts->known && facts->busy;
        usec_t wake_at = USEC_NEVER;

        for (size_t i = 0; i < q->n_ways; i++) {
                struct way *w = &q->ways[i];

                watch(w, q->on || w->owed);
                if (w->service)
                        wake_at = usec_min(wake_at, bus_service_run(w->service, now));
                if (w->command)
                        wake_at = usec_min(wake_at, command_run(w->command, now));
                if (facts->known && want != q->wanted)
                        begin_anew(w);
                if (facts->known)
                        run_way(w, want, now);
                if (w->command)
                        wake_at = usec_min(wake_at, command_run(w->command, now));
                wake_at = usec_min(wake_at, later_at(&w->again, now));
        }
        if (facts->known)
                q->wanted = want;
        tell_if_none(q, want);
        return wake_at;
}

bool quiet_is_at_rest(const struct quiet *q) {
        for (size_t i = 0; i < q->n_ways; i++) {
                const struct way *w = &q->ways[i];

                if (w->state == WAY_ASKED || w->state == WAY_SWITCHED || (w->state == WAY_WAITING && w->owed))
                        return false;
        }
        return true;
}

void quiet_configure(struct quiet *q, bool on) {
        q->on = on;
}

int quiet_new(struct quiet **ret, const struct desktop_context *context) {
        const struct desktop_journal *j = &context->journal;
        struct quiet *q = calloc(1, sizeof(*q));
        char name[JOURNAL_NAME];
        const char *value;
        sd_id128_t id;

        if (!q)
                return -ENOMEM;
        q->context = *context;
        if (context->bus && sd_bus_get_bus_id(context->bus, &id) >= 0)
                (void) sd_id128_to_string(id, q->bus_id);
        for (const struct quiet_way *kind = quiet_ways; kind->name && q->n_ways < WAYS_MAX; kind++) {
                struct way *w = &q->ways[q->n_ways++];

                w->quiet = q;
                w->kind = kind;
                w->backoff = (struct backoff){ .first = AGAIN_AFTER, .cap = AGAIN_CAP };
                value = j->get(j->userdata, journal_name(w, name));
                w->owed = value != NULL;
                (void) snprintf(w->owed_to, sizeof(w->owed_to), "%s", value ? value : "");
        }
        *ret = q;
        return 0;
}

struct quiet *quiet_free(struct quiet *q) {
        if (!q)
                return NULL;
        for (size_t i = 0; i < q->n_ways; i++) {
                struct way *w = &q->ways[i];

                bus_service_free(w->service);
                forget(w);
        }
        free(q);
        return NULL;
}

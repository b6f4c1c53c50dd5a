/* The driver of one claim, on an output and a journal of our own and a clock by hand. */
#pragma once

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "matrix/outputs/driver.h"

enum asked { NOTHING, READ, WRITE, CURE };

struct stage {
        struct output output;
        struct output_endpoint at;
        struct probe_facts facts;
        struct account_settings settings;
        struct claim_driver *driver, *killed; /* the latter of a run that has died */

        /* What stands on the server. */
        struct claim_value shown;

        /* The request under way. */
        enum asked asked;
        struct output_request *request;
        output_done_t done;
        void *userdata;
        struct claim_value written;
        unsigned reads, writes;
        bool gave_back; /* with the last of those */

        void (*look)(struct stage *s); /* may be NULL: at each step of go_on() */

        struct output_claim told; /* to the output */

        /* What the output is to answer. */
        struct claim_want want;
        bool fixed; /* one value, and a changed text is a person's */
        bool words_per_device;
        bool pushed;
        bool denied;              /* the server refuses everything */
        bool curable, caught;     /* another session holds busy, until it is cured */
        bool hidden;              /* nobody may look at what stands there */
        bool journal_lost, known; /* the journal is damaged; our words are known again */
        unsigned cures;

        struct claim_journal door; /* to `journal`, unless another one is put there */
        struct claim_owed journal;
        bool stored, refused, full;
        bool deaf;    /* to other machines */
        bool polling; /* a poll is about to begin */
        usec_t hear;  /* so long both may be waited for */
        unsigned puts;
        usec_t now;
};

static inline struct stage *stage_of(struct output *o) {
        return (struct stage *) o;
}

static inline bool usable(const struct output *o, const char **ret_why) {
        return true;
}

static inline void traits(const struct output *o, struct claim_traits *ret) {
        const struct stage *s = (const struct stage *) o;

        *ret = (struct claim_traits){
                .per_device = !s->fixed,
                .text_per_device = s->words_per_device,
                .withdrawn = "offline",
                .taken = "busy",
                .person_writes_whole = s->fixed,
                .text_tells_person = true,
                .pushed = s->pushed,
                .curable = s->curable,
                .sticky = s->curable,
                .refresh_interval = USEC_NEVER,
        };
}

static inline void told(struct output *o, const struct output_claim *c, usec_t now) {
        stage_of(o)->told = *c;
}

static inline void want(struct output *o, const struct output_situation *s, struct claim_want *ret,
                        const char **ret_why) {
        *ret = stage_of(o)->want;
        if (s->message)
                (void) claim_value_set(&ret->value, ret->value.state, s->message);
        *ret_why = NULL;
}

static inline bool fall_back(const struct output *o, struct claim_want *w) {
        if (!streq(w->value.state, "busy"))
                return false;
        (void) claim_value_set(&w->value, "unavailable", w->value.text);
        return true;
}

static inline int ask(struct output *o, enum asked what, output_done_t done, void *userdata,
                      struct output_request **ret) {
        struct stage *s = stage_of(o);
        int r = output_request_new(ret, o, NULL, done, userdata);

        cr_assert_eq(s->asked, NOTHING, "one request at a time");
        if (r < 0)
                return r;
        s->asked = what;
        s->done = done;
        s->userdata = userdata;
        return 0;
}

static inline int read_it(struct output *o, output_done_t done, void *userdata, struct output_request **ret) {
        struct stage *s = stage_of(o);

        s->reads++;
        return ask(o, READ, done, userdata, &s->request) < 0 ? -ENOMEM : (*ret = s->request, 0);
}

static inline int write_it(struct output *o, const struct claim_value *v, usec_t now, output_done_t done,
                           void *userdata, struct output_request **ret) {
        struct stage *s = stage_of(o);

        s->writes++;
        s->gave_back = false;
        s->written = *v;
        return ask(o, WRITE, done, userdata, &s->request) < 0 ? -ENOMEM : (*ret = s->request, 0);
}

static inline int give_back(struct output *o, const struct claim_value *v, const struct claim_owed *owed, usec_t now,
                            output_done_t done, void *userdata, struct output_request **ret) {
        struct stage *s = stage_of(o);
        int r = write_it(o, v, now, done, userdata, ret);

        cr_assert_gt(owed->n_ours, 0);
        s->gave_back = true;
        return r;
}

static inline int cure(struct output *o, const struct claim_value *v, const struct claim_value *prior, usec_t now,
                       output_done_t done, void *userdata, struct output_request **ret) {
        struct stage *s = stage_of(o);

        s->cures++;
        s->written = *v;
        return ask(o, CURE, done, userdata, &s->request) < 0 ? -ENOMEM : (*ret = s->request, 0);
}

static inline bool lost(struct output *o, struct claim_owed *ret) {
        *ret = (struct claim_owed){ .prior = { "online", "" },
                                    .ours = { { "busy", "In a call" } },
                                    .n_ours = 1,
                                    .order = 1,
                                    .state_claimed = true,
                                    .text_claimed = true };
        return stage_of(o)->known;
}

static const struct output_kind kind = {
        .name = "scripted",
        .claim = told,
        .usable = usable,
        .traits = traits,
        .want = want,
        .fall_back = fall_back,
        .read = read_it,
        .write = write_it,
        .give_back = give_back,
        .cure = cure,
        .lost = lost,
};

static inline int journal_get(void *userdata, const char *account, const char *output, struct claim_owed *ret) {
        struct stage *s = userdata;

        if (!s->stored)
                return s->journal_lost ? -ENODATA : -ENOENT;
        *ret = s->journal;
        return 0;
}

static inline int journal_put(void *userdata, const char *account, const char *output, const struct claim_owed *owed) {
        struct stage *s = userdata;

        s->puts++;
        if (s->full)
                return -ENOSPC;
        s->journal = *owed;
        s->stored = true;
        return 0;
}

static inline int journal_remove(void *userdata, const char *account, const char *output) {
        struct stage *s = userdata;

        s->stored = false;
        return 0;
}

static inline uint32_t no_random(void *userdata) {
        return 0;
}

static inline void nothing(void *userdata) {
}

static inline void refused(void *userdata, const struct output_result *result) {
        struct stage *s = userdata;

        s->refused = true;
}

static inline void tell_nobody(void *userdata, const char *output, const struct claim_other *claim) {
}

static inline bool no(void *userdata) {
        return false;
}

static inline bool is_deaf(void *userdata) {
        const struct stage *s = userdata;

        return s->deaf;
}

static inline bool is_polling(void *userdata) {
        const struct stage *s = userdata;

        return s->polling;
}

static inline usec_t hear(void *userdata, bool wanted) {
        const struct stage *s = userdata;

        return s->hear;
}

/* busyd is started (again) on what the journal has. */
static inline void start(struct stage *s) {
        if (!s->door.get)
                s->door = (struct claim_journal){
                        .get = journal_get, .put = journal_put, .remove = journal_remove, .userdata = s
                };
        cr_assert_eq(driver_new(&s->driver, &s->output,
                                &(struct driver_doors){ .account = "home",
                                                        .journal = &s->door,
                                                        .random = no_random,
                                                        .touched = nothing,
                                                        .refused = refused,
                                                        .tell = tell_nobody,
                                                        .is_telling = no,
                                                        .hear = hear,
                                                        .is_hearing = is_deaf,
                                                        .is_polling = is_polling,
                                                        .userdata = s }),
                     0);
}

static inline struct stage stage_of_kind(struct stage *at, bool fixed) {
        return (struct stage){
                .output = { .kind = &kind, .at = &at->at },
                .at = { .facts = &at->facts, .settings = &at->settings, .known = true },
                .fixed = fixed,
                .now = 1000 * USEC_PER_SEC,
                .shown = { "online", "Reading" },
                .want = { .value = { "busy", "In a call" }, .state_claimed = true, .text_claimed = true },
        };
}

static inline void run(struct stage *s) {
        for (int i = 0; i < 50 && driver_step(s->driver, /* may= */ true, s->now); i++)
                ;
}

static inline void set_busy(struct stage *s, bool busy, const char *message) {
        driver_set_want(s->driver, &(struct driver_want){ .busy = busy, .message = message, .now = s->now });
        run(s);
}

/* The server answers what is asked. */
static inline void answer(struct stage *s, enum matrix_outcome outcome) {
        struct output_result result = {
                .outcome = outcome,
                .retry_after = USEC_NEVER,
                .now = s->now,
                .problem = "",
                .value = s->shown,
                .hidden = s->hidden,
        };
        struct output_request *request = s->request;

        cr_assert_neq(s->asked, NOTHING, "nothing is asked");
        if (s->asked == CURE && outcome == MATRIX_OK)
                s->caught = false;
        if (s->asked != READ && outcome == MATRIX_OK)
                s->shown = s->written;
        if (s->caught)
                (void) claim_value_set(&s->shown, "busy", s->shown.text);
        s->asked = NOTHING;
        s->done(&result, s->userdata);
        output_request_free(request);
}

/* Answers everything, and lets `span` pass. */
static inline void go_on(struct stage *s, usec_t span) {
        usec_t end = usec_add(s->now, span);

        for (int i = 0; i < 200; i++) {
                run(s);
                if (s->look)
                        s->look(s);
                if (s->asked != NOTHING)
                        answer(s, s->denied ? MATRIX_REFUSED : MATRIX_OK);
                else if (driver_deadline(s->driver) <= end)
                        s->now = driver_deadline(s->driver) > s->now ? driver_deadline(s->driver) : s->now;
                else
                        break;
        }
        s->now = end;
        run(s);
}

static inline const char *phase(struct stage *s) {
        struct driver_report report;

        driver_report(s->driver, &report);
        return report.claim;
}

static inline void enter(struct stage *s) {
        set_busy(s, true, NULL);
        go_on(s, 5 * USEC_PER_SEC);
        cr_assert_str_eq(phase(s), "held");
        cr_assert(s->stored);
}

/* Drives one claim: see driver.h. What it knows besides the claim itself is what is under way (one request at most),
 * two short waits for other machines before a claim begins or ends, and whether the server has refused more in this
 * call. */
#include "matrix/outputs/driver.h"

#include <errno.h>
#include <stdio.h>

#include "util/log.h"
#include "util/text.h"

/* The user's other machines should know first, and be heard, but a slow server must not keep busy waiting. */
#define TELL_MAX (2 * USEC_PER_SEC)

/* Room for a state, a text and a few words around them. */
#define SENTENCE_MAX (CLAIM_STATE_MAX + CLAIM_TEXT_MAX + 64)

struct claim_driver {
        struct output *output;
        struct driver_doors doors;

        struct claim claim;
        struct output_request *request; /* the step under way */
        bool writing;                   /* ... writes */
        bool may;                       /* take one, as of the last time */
        usec_t begun_at;                /* ... then */
        bool usable, known;             /* the output; the server */
        const char *why;                /* not usable, or less than busy; static */
        bool fallen;                    /* the server refuses more for this call */
        bool goes;                      /* what waits for other machines is left to them */
        char problem[256];
        struct output_claim told; /* to the output */
        bool has_others;          /* other machines have told something */
        usec_t tell_until;        /* what is owed now is being told to other machines */
        bool has_heard;           /* them, at least once */
        bool was_wanted;          /* when they were heard last */
        usec_t hear_until;        /* what they have told meanwhile is being asked for */
        usec_t deadline;

        char shows[SENTENCE_MAX], restore[SENTENCE_MAX], note[SENTENCE_MAX];
};

static const struct output_kind *kind(const struct claim_driver *d) {
        return d->output->kind;
}

static uint32_t draw(const struct claim_driver *d) {
        return d->doors.random(d->doors.userdata);
}

static void refresh_traits(struct claim_driver *d) {
        struct claim_traits traits;

        kind(d)->traits(d->output, &traits);
        claim_set_traits(&d->claim, &traits);
}

static void tell_machines(struct claim_driver *d) {
        struct claim_other news;

        bool left = d->goes && claim_phase(&d->claim) == CLAIM_SHARED;

        if (!left && claim_tell_others(&d->claim, &news))
                d->doors.tell(d->doors.userdata, kind(d)->name, &news);
        else if (left || !claim_owed(&d->claim))
                d->doors.tell(d->doors.userdata, kind(d)->name, NULL);
}

/* Without a journal, our words are known again. From now on they are in it, and an ordinary debt: one that turns out
 * not to stand there any more is crossed out with the first look. */
static bool suspect(struct claim_driver *d, struct claim_owed *ret) {
        const struct claim_journal *j = d->doors.journal;

        if (!kind(d)->lost || !kind(d)->lost(d->output, ret))
                return false;
        (void) j->put(j->userdata, d->doors.account, kind(d)->name, ret);
        return true;
}

static void resume(struct claim_driver *d) {
        const struct claim_journal *j = d->doors.journal;
        struct claim_owed owed;
        int r = j->get(j->userdata, d->doors.account, kind(d)->name, &owed);

        if (r < 0 && (r != -ENODATA || !suspect(d, &owed)))
                return;
        claim_resume(&d->claim, &owed);
        if (r < 0)
                claim_suspect(&d->claim);
        if (kind(d)->resumed)
                kind(d)->resumed(d->output, &owed);
        /* Otherwise they would hear first that nothing is. */
        tell_machines(d);
        log_info(r < 0 || owed.given_back ? "Account %s: the %s that an earlier run may have set is looked for"
                                          : "Account %s: the %s set by an earlier run is still owed back",
                 d->doors.account, kind(d)->name);
}

/* ---- what the output hears of the server ---- */

static bool is_hearing(const struct claim_driver *d, usec_t now) {
        const struct driver_doors *doors = &d->doors;

        return now < d->hear_until && (doors->is_hearing(doors->userdata) || doors->is_polling(doors->userdata));
}

/* What it means depends on the server, which may have become known since anything was wanted last. */
static void on_seen(void *userdata, const struct claim_value *v, usec_t now) {
        struct claim_driver *d = userdata;

        refresh_traits(d);
        claim_on_seen(&d->claim, v, now);
}

/* As good as a read of the claim, which may fail until the next poll has hidden what a person said. */
static void on_looked(void *userdata, const struct claim_value *v, usec_t now) {
        struct claim_driver *d = userdata;

        if (d->may && !is_hearing(d, now) && claim_phase(&d->claim) == CLAIM_HELD &&
            claim_in_flight(&d->claim) == CLAIM_NOTHING)
                claim_on_read(&d->claim, v, now, draw(d));
}

static void on_unsure(void *userdata) {
        struct claim_driver *d = userdata;

        claim_on_unsure(&d->claim);
}

static void on_erased(void *userdata) {
        struct claim_driver *d = userdata;

        claim_on_erased(&d->claim);
}

static void on_refused(void *userdata) {
        struct claim_driver *d = userdata;

        claim_on_refused(&d->claim);
}

static bool on_is_said(void *userdata, const struct claim_value *v) {
        struct claim_driver *d = userdata;

        return claim_text_is_ours(&d->claim, v);
}

int driver_new(struct claim_driver **ret, struct output *output, const struct driver_doors *doors) {
        struct claim_driver *d = calloc(1, sizeof(*d));
        struct claim_traits traits;

        if (!d)
                return -ENOMEM;
        d->output = output;
        d->doors = *doors;
        d->usable = true;
        d->deadline = USEC_NEVER;
        kind(d)->traits(output, &traits);
        claim_init(&d->claim, &traits);
        resume(d);
        output->listener = (struct output_listener){ .seen = on_seen,
                                                     .looked = on_looked,
                                                     .unsure = on_unsure,
                                                     .erased = on_erased,
                                                     .refused = on_refused,
                                                     .is_said = on_is_said,
                                                     .userdata = d };
        *ret = d;
        return 0;
}

/* Nothing of it was sent, and who comes next need not look. */
static void disarm(struct claim_driver *d) {
        const struct claim_journal *j = d->doors.journal;

        if (claim_is_armed(&d->claim))
                (void) j->remove(j->userdata, d->doors.account, kind(d)->name);
}

struct claim_driver *driver_free(struct claim_driver *d) {
        if (!d)
                return NULL;
        disarm(d);
        d->output->listener = (struct output_listener){ .userdata = NULL };
        output_request_free(d->request);
        claim_done(&d->claim);
        free(d);
        return NULL;
}

/* ---- other facts ---- */

/* What was refused is not asked for again in this call, but the words may change. */
static void keep_fallen(const struct claim_driver *d, struct claim_want *want) {
        const struct claim_want *so_far = claim_wanted(&d->claim);

        if (!d->fallen || !so_far)
                return;
        want->state_claimed = so_far->state_claimed;
        memcpy(want->value.state, so_far->value.state, sizeof(want->value.state));
}

/* NULL: nothing, as with a message of none and a state that has to wait. Whoever claims nothing writes nothing: it
 * would repeat what others say. */
static const struct claim_want *wanted_at_all(const struct claim_want *w) {
        return w->state_claimed || w->text_claimed ? w : NULL;
}

static void expect(struct claim_driver *d, const struct driver_want *w, const struct output_situation *here) {
        struct claim_want want;
        const char *why;

        /* What other clients write when a call begins is not what stands there while it rings. */
        if (!w->likely || w->busy || !d->usable || kind(d)->follows_calls) {
                claim_expect(&d->claim, NULL);
                return;
        }
        kind(d)->want(d->output, here, &want, &why);
        claim_expect(&d->claim, wanted_at_all(&want));
}

void driver_set_want(struct claim_driver *d, const struct driver_want *w) {
        struct output_situation here = {
                .now = w->now,
                .wall = w->wall,
                .message = w->message,
                .owed = claim_owed(&d->claim),
                .current = claim_wanted(&d->claim),
        };
        struct claim_want want;
        const char *why = NULL;

        d->goes = w->goes;
        /* Before the server is known nothing that is said of it would be true. */
        d->known = d->output->at->known;
        if (!d->known)
                return;
        refresh_traits(d);
        d->usable = kind(d)->usable(d->output, &why);
        expect(d, w, &here);
        if (!w->busy || !d->usable) {
                d->fallen = false;
                d->why = why;
                claim_set_want(&d->claim, NULL);
                return;
        }
        kind(d)->want(d->output, &here, &want, &why);
        keep_fallen(d, &want);
        if (!d->fallen)
                d->why = why;
        claim_set_want(&d->claim, wanted_at_all(&want));
}

void driver_calls_changed(struct claim_driver *d, bool released, usec_t now) {
        if (kind(d)->follows_calls)
                claim_on_doubt(&d->claim, released, now);
}

void driver_machines_changed(struct claim_driver *d, const struct claim_other *others, size_t n, usec_t now) {
        if (n == 0 && !d->has_others)
                return;
        d->has_others = true;
        if (claim_on_others(&d->claim, others, n, now) < 0)
                log_warning("Account %s: out of memory for what other machines tell", d->doors.account);
}

void driver_told_over(struct claim_driver *d) {
        claim_on_told_over(&d->claim);
}

void driver_reconnected(struct claim_driver *d) {
        claim_on_reconnected(&d->claim);
}

void driver_try_again(struct claim_driver *d) {
        claim_try_again(&d->claim);
}

/* ---- answers ---- */

static enum claim_failure failure_of(enum matrix_outcome outcome) {
        switch (outcome) {
        case MATRIX_RETRY:
        case MATRIX_LOCKED:
        case MATRIX_SIGNED_OUT:
                return CLAIM_FAILED_NOT_APPLIED;
        case MATRIX_REFUSED:
        case MATRIX_NOT_FOUND:
        case MATRIX_UNRECOGNIZED:
        case MATRIX_BAD_TOKEN_POS:
        case MATRIX_BAD_FILTER:
                return CLAIM_FAILED_REFUSED;
        case MATRIX_OK:
        case MATRIX_UNSURE:
        case MATRIX_NOT_MATRIX:
                return CLAIM_FAILED_UNSURE;
        }
        return CLAIM_FAILED_UNSURE;
}

/* Something less than what was refused, if there is anything. */
static void fall_back(struct claim_driver *d) {
        const struct claim_want *wanted = claim_wanted(&d->claim);
        struct claim_want want;

        if (!wanted || claim_phase(&d->claim) != CLAIM_REFUSED)
                return;
        want = *wanted;
        if (!kind(d)->fall_back(d->output, &want))
                return;
        log_info("Account %s: the server refuses %s '%s', trying '%s'", d->doors.account, kind(d)->name,
                 wanted->value.state, want.state_claimed ? want.value.state : "the message alone");
        d->fallen = true;
        d->why = "the server refuses more";
        claim_set_want(&d->claim, &want);
}

static void on_failure(struct claim_driver *d, const struct output_result *result) {
        usec_t retry_at = result->retry_after == USEC_NEVER ? USEC_NEVER : usec_add(result->now, result->retry_after);

        (void) text_printable(d->problem, sizeof(d->problem), result->problem ? result->problem : "");
        log_debug("Account %s: %s: %s (%s)", d->doors.account, kind(d)->name, d->problem,
                  matrix_outcome_to_string(result->outcome));
        claim_on_failure(&d->claim, failure_of(result->outcome), retry_at, result->now, draw(d));
        if (d->writing)
                fall_back(d);
        if (result->outcome == MATRIX_SIGNED_OUT || result->outcome == MATRIX_LOCKED)
                d->doors.refused(d->doors.userdata, result);
}

static void on_success(struct claim_driver *d, const struct output_result *result) {
        const struct claim_value *written = claim_written(&d->claim);
        struct claim_value value = result->hidden && written ? *written : result->value;

        (void) text_printable(d->problem, sizeof(d->problem), result->problem);
        if (claim_in_flight(&d->claim) == CLAIM_READ)
                claim_on_read(&d->claim, &value, result->now, draw(d));
        else
                claim_on_written(&d->claim, result->now);
}

static void on_answer(const struct output_result *result, void *userdata) {
        struct claim_driver *d = userdata;

        d->request = NULL;
        if (result->outcome == MATRIX_OK)
                on_success(d, result);
        else
                on_failure(d, result);
        d->doors.touched(d->doors.userdata);
}

/* ---- steps ---- */

static bool is_telling(const struct claim_driver *d, usec_t now) {
        return now < d->tell_until && d->doors.is_telling(d->doors.userdata);
}

/* A claim begins or ends by what the others have told until now, and behind a poll that is about to begin. */
static void hear_machines(struct claim_driver *d, usec_t now) {
        bool wanted = claim_wanted(&d->claim) != NULL;

        /* What had to wait for their first word does not go on to wait for each poll of the call. */
        if (d->hear_until == USEC_NEVER && !d->doors.is_hearing(d->doors.userdata))
                d->hear_until = usec_add(now, TELL_MAX);
        if (d->has_heard && wanted == d->was_wanted)
                return;
        d->has_heard = true;
        d->was_wanted = wanted;
        d->hear_until = usec_add(now, d->doors.hear(d->doors.userdata, wanted));
}

static void fail_step(struct claim_driver *d, usec_t now, const char *what, int error) {
        (void) snprintf(d->problem, sizeof(d->problem), "%s: %s", what, strerror(-error));
        log_warning("Account %s: %s, trying again", d->doors.account, d->problem);
        claim_on_failure(&d->claim, CLAIM_FAILED_NOT_APPLIED, USEC_NEVER, now, draw(d));
}

/* What is owed is on disk, and the user's other machines hear of it. */
static void go_on(struct claim_driver *d, usec_t now) {
        claim_on_journalled(&d->claim);
        if (!claim_owed(&d->claim))
                return;
        tell_machines(d);
        d->tell_until = usec_add(now, TELL_MAX);
}

static void write_journal(struct claim_driver *d, usec_t now) {
        const struct claim_journal *j = d->doors.journal;
        int r = j->put(j->userdata, d->doors.account, kind(d)->name, claim_entry(&d->claim));

        if (r < 0) {
                fail_step(d, now, "what would be owed cannot be stored, so nothing is written", r);
                return;
        }
        go_on(d, now);
}

static void clear_journal(struct claim_driver *d, usec_t now) {
        const struct claim_journal *j = d->doors.journal;
        int r = j->remove(j->userdata, d->doors.account, kind(d)->name);

        if (r < 0)
                fail_step(d, now, "what was given back cannot be crossed out", r);
        else
                claim_on_forgotten(&d->claim);
}

/* What a claim writes that has given way to a person takes its own words away. */
static bool gives_back(enum claim_phase phase) {
        return phase == CLAIM_LEAVING || phase == CLAIM_YIELDED;
}

static void start_request(struct claim_driver *d, const struct claim_request *step, usec_t now) {
        struct claim_value prior;
        int r;

        d->writing = step->step == CLAIM_WRITE;
        d->begun_at = now;
        if (step->step == CLAIM_READ)
                r = kind(d)->read(d->output, on_answer, d, &d->request);
        else if (step->step == CLAIM_CURE) {
                prior = claim_prior(&d->claim);
                r = kind(d)->cure(d->output, &step->value, &prior, now, on_answer, d, &d->request);
        } else if (gives_back(claim_phase(&d->claim)) && kind(d)->give_back)
                r = kind(d)->give_back(d->output, &step->value, claim_owed(&d->claim), now, on_answer, d, &d->request);
        else
                r = kind(d)->write(d->output, &step->value, now, on_answer, d, &d->request);
        if (r < 0)
                fail_step(d, now, "the request cannot be made", r);
}

/* Returns whether it is news to the output. */
static bool tell_output(struct claim_driver *d, usec_t now) {
        const struct claim_owed *owed = claim_owed(&d->claim);
        struct output_claim c = {
                .phase = claim_phase(&d->claim),
                .owed = owed != NULL,
                .state_claimed = owed && owed->state_claimed,
                .text_claimed = owed && owed->text_claimed,
                .standing = claim_is_standing(&d->claim),
                .sticks = claim_is_known_to_stick(&d->claim),
        };

        if (c.phase == d->told.phase && c.owed == d->told.owed && c.state_claimed == d->told.state_claimed &&
            c.text_claimed == d->told.text_claimed && c.standing == d->told.standing && c.sticks == d->told.sticks)
                return false;
        d->told = c;
        if (kind(d)->claim)
                kind(d)->claim(d->output, &c, now);
        return true;
}

static void log_phase(struct claim_driver *d) {
        char account[ACCOUNT_NAME_MAX + sizeof("BUSYD_ACCOUNT=")];
        const char *const fields[] = { account, NULL };
        bool stuck = claim_phase(&d->claim) == CLAIM_STUCK;
        struct driver_report report;
        enum claim_phase from;

        if (!claim_take_change(&d->claim, &from))
                return;
        driver_report(d, &report);
        (void) snprintf(account, sizeof(account), "BUSYD_ACCOUNT=%s", d->doors.account);
        log_full(stuck ? LOG_WARNING : LOG_INFO, stuck ? LOG_ID_CLAIM_STUCK : LOG_ID_CLAIM_CHANGED, fields,
                 "Account %s: %s %s -> %s%s%s", d->doors.account, kind(d)->name, claim_phase_to_string(from),
                 report.claim, report.note[0] ? ": " : "", report.note);
}

bool driver_step(struct claim_driver *d, bool may, usec_t now) {
        struct claim_request step;
        enum claim_phase before;

        d->may = may;
        log_phase(d);
        tell_machines(d);
        d->deadline = USEC_NEVER;
        if (tell_output(d, now))
                return true;
        if (!may)
                return false;
        if (kind(d)->run)
                d->deadline = kind(d)->run(d->output, now);
        if (kind(d)->occupied && kind(d)->occupied(d->output))
                return false;
        hear_machines(d, now);
        if (is_hearing(d, now)) {
                d->deadline = usec_min(d->deadline, d->hear_until);
                return false;
        }
        if (is_telling(d, now)) {
                d->deadline = usec_min(d->deadline, d->tell_until);
                return false;
        }
        claim_set_deaf(&d->claim, d->doors.is_hearing(d->doors.userdata));
        before = claim_phase(&d->claim);
        step = claim_decide(&d->claim, now);
        switch (step.step) {
        case CLAIM_NOTHING:
                d->deadline = usec_min(d->deadline, step.wake_at);
                return claim_phase(&d->claim) != before; /* others hear of it in this turn */
        case CLAIM_JOURNAL:
                write_journal(d, now);
                break;
        case CLAIM_USE:
                go_on(d, now);
                break;
        case CLAIM_FORGET:
                clear_journal(d, now);
                break;
        case CLAIM_READ:
        case CLAIM_WRITE:
        case CLAIM_CURE:
                start_request(d, &step, now);
                break;
        }
        return true;
}

usec_t driver_deadline(const struct claim_driver *d) {
        return d->deadline;
}

usec_t driver_writes_since(const struct claim_driver *d) {
        return d->request && d->writing ? d->begun_at : USEC_NEVER;
}

bool driver_owes(const struct claim_driver *d) {
        return claim_owed(&d->claim) != NULL;
}

bool driver_is_at_rest(const struct claim_driver *d) {
        /* Who is not told so would wait for this machine. */
        return claim_is_at_rest(&d->claim) && !d->doors.is_telling(d->doors.userdata);
}

bool driver_is_looking(const struct claim_driver *d, usec_t now) {
        if (d->request)
                return claim_phase(&d->claim) == CLAIM_HELD && !d->writing;
        return d->may && claim_is_to_be_read(&d->claim, now);
}

bool driver_is_shared(const struct claim_driver *d) {
        return claim_phase(&d->claim) == CLAIM_SHARED;
}

/* ---- words ---- */

static const char *describe(const struct claim_driver *d, char *buf, const struct claim_value *v) {
        char text[CLAIM_TEXT_MAX], state[CLAIM_STATE_MAX];

        (void) text_printable(text, sizeof(text), v->text);
        (void) text_printable(state, sizeof(state), kind(d)->words ? kind(d)->words(v->state) : v->state);
        (void) snprintf(buf, SENTENCE_MAX, text[0] ? "%s, \"%s\"" : "%s", state, text);
        return buf;
}

/* Only what will happen: a part that is not claimed is not put back, and neither is one that a person has changed or
 * that was left to another machine; on a device of its own the state is taken away whatever became of the words. */
static const char *describe_restore(struct claim_driver *d) {
        const struct claim_owed *owed = claim_owed(&d->claim);
        bool changed = claim_phase(&d->claim) == CLAIM_YIELDED;
        struct claim_value prior;
        char text[CLAIM_TEXT_MAX];

        if (!owed || claim_phase(&d->claim) == CLAIM_SHARED)
                return "";
        prior = claim_prior(&d->claim);
        (void) text_printable(text, sizeof(text), prior.text);
        if (changed && (!d->claim.traits.per_device || !owed->state_claimed))
                return "";
        if (changed)
                (void) snprintf(d->restore, sizeof(d->restore), "%s", prior.state);
        else if (!owed->state_claimed)
                (void) snprintf(d->restore, sizeof(d->restore), "message \"%s\"", text);
        else
                (void) describe(d, d->restore, &prior);
        return d->restore;
}

static const char *describe_trouble(const struct claim_driver *d) {
        return d->problem[0] ? d->problem : d->why ? d->why : "";
}

/* Nothing is owed, and yet it is taken: also what an earlier run could not give back, since another session had caught
 * it. Only where changes are told, as it may be long gone elsewhere. */
static bool is_held_elsewhere(const struct claim_driver *d) {
        const struct claim_traits *t = &d->claim.traits;
        const struct claim_value *shown = claim_shown(&d->claim);

        return shown && t->pushed && t->taken && streq(shown->state, t->taken) &&
               !claim_others_now(&d->claim.others).state_is_about;
}

static const char *describe_phase(struct claim_driver *d) {
        const char *until = kind(d)->stuck_until ? kind(d)->stuck_until(d->output) : NULL;

        switch (claim_phase(&d->claim)) {
        case CLAIM_STUCK:
                (void) snprintf(d->note, sizeof(d->note), "another session of yours holds it%s%s", until ? "; " : "",
                                until ? until : "");
                return d->note;
        case CLAIM_SHARED:
                return "you are on a call on another machine: it will put back what was there";
        case CLAIM_YIELDED:
                return "changed by you meanwhile: left alone until the call ends";
        case CLAIM_FOREIGN:
                if (claim_waits_to_hear(&d->claim))
                        return "perhaps set by another machine of yours, and none is heard: left alone";
                return kind(d)->follows_calls ? "set by another of your clients: left alone"
                                              : "was busy before the call: left alone";
        case CLAIM_REFUSED:
                return d->problem[0] ? d->problem : "the server does not take it";
        case CLAIM_NO_EFFECT:
                (void) snprintf(d->note, sizeof(d->note), "the server takes it and does not show it%s%s",
                                kind(d)->no_effect ? ": " : "", kind(d)->no_effect ? kind(d)->no_effect : "");
                return d->note;
        case CLAIM_FREE:
                if (claim_wanted(&d->claim))
                        return "waits until a write of the last call cannot arrive any more";
                return is_held_elsewhere(d) ? "another session of yours holds it" : describe_trouble(d);
        case CLAIM_ENTERING:
        case CLAIM_HELD:
        case CLAIM_LEAVING:
                return describe_trouble(d);
        }
        return "";
}

void driver_report(struct claim_driver *d, struct driver_report *ret) {
        const struct claim_value *shown = claim_shown(&d->claim);
        bool off = !d->usable && claim_phase(&d->claim) == CLAIM_FREE;

        *ret = (struct driver_report){
                .output = kind(d)->name,
                .claim = off ? "off" : claim_phase_to_string(claim_phase(&d->claim)),
                .shows = shown ? describe(d, d->shows, shown) : "",
                .restore = describe_restore(d),
                .note = describe_phase(d),
        };
}

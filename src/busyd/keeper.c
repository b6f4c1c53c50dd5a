#include "busyd/keeper.h"

#include <errno.h>
#include <stdio.h>

#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"

/* A locked account is opened by people: minutes, not seconds. */
#define LOCKED_RETRY (5 * USEC_PER_MIN)

/* The user's other machines should know first, and be heard, but a slow server must not keep busy waiting. */
#define TELL_MAX (2 * USEC_PER_SEC)

/* Room for a state, a text and a few words around them. */
#define SENTENCE_MAX (CLAIM_STATE_MAX + CLAIM_TEXT_MAX + 64)

struct keeper {
        struct account *account;
        const struct output *output;
        struct state *state;
        struct keeper_handler handler;

        struct claim claim;
        struct output_request *request; /* the step under way */
        bool usable;
        const char *why; /* not usable, or less than busy; static */
        char problem[256];
        usec_t since_wall; /* of what is owed */
        enum claim_phase logged;
        struct claim_other *others; /* HEARD_MAX, as the claim has them; NULL: there never were any */
        usec_t tell_until;          /* what is owed now is being told to them */
        bool was_wanted;            /* when they were heard last */
        usec_t hear_until;          /* what they have told meanwhile is being asked for */

        char shows[SENTENCE_MAX], restore[SENTENCE_MAX], note[SENTENCE_MAX];
};

static void refresh_traits(struct keeper *k) {
        struct claim_traits traits;

        k->output->traits(k->account, &traits);
        claim_set_traits(&k->claim, &traits);
}

static void tell_others(struct keeper *k) {
        struct claim_other news;

        if (claim_tell_others(&k->claim, &news))
                account_tell_others(k->account, k->output->name, &news);
        else if (!claim_owed(&k->claim))
                account_tell_others(k->account, k->output->name, NULL);
}

static void resume(struct keeper *k) {
        struct state_claim owed;

        if (state_get_claim(k->state, account_name(k->account), k->output->name, &owed) < 0)
                return;
        claim_resume(&k->claim, &owed.owed);
        k->since_wall = owed.since_wall;
        /* Otherwise they would hear first that nothing is. */
        tell_others(k);
        log_info("Account %s: the %s set by an earlier run is still owed back", account_name(k->account),
                 k->output->name);
}

int keeper_new(struct keeper **ret, struct account *account, const struct output *output, struct state *state,
               const struct keeper_handler *handler) {
        struct claim_traits traits;
        struct keeper *k = calloc(1, sizeof(*k));

        if (!k)
                return -ENOMEM;
        k->account = account;
        k->output = output;
        k->state = state;
        k->handler = *handler;
        output->traits(account, &traits);
        claim_init(&k->claim, &traits);
        resume(k);
        *ret = k;
        return 0;
}

struct keeper *keeper_free(struct keeper *k) {
        if (!k)
                return NULL;
        output_request_free(k->request);
        free(k->others);
        free(k);
        return NULL;
}

const struct output *keeper_output(const struct keeper *k) {
        return k->output;
}

/* ---- facts ---- */

/* Before the server is known, its traits are not, and nothing can be done right. */
static bool can_act(const struct keeper *k) {
        return account_is_known(k->account) && account_state(k->account) != ACCOUNT_SIGNED_OUT &&
               account_state(k->account) != ACCOUNT_BROKEN;
}

void keeper_set_busy(struct keeper *k, bool busy, const struct output_situation *situation) {
        struct claim_want want = k->claim.want;
        struct output_situation here = *situation;

        refresh_traits(k);
        here.owed = claim_owed(&k->claim);
        k->usable = k->output->usable(k->account, &k->why);
        if (!busy || !k->usable) {
                claim_set_want(&k->claim, NULL);
                return;
        }
        if (!k->claim.wanted)
                k->output->want(k->account, &here, &want, &k->why);
        else if (situation->message && want.text_claimed &&
                 claim_value_set(&want.value, want.value.state, situation->message) < 0)
                return;
        claim_set_want(&k->claim, &want);
}

void keeper_seen(struct keeper *k, const struct claim_value *v) {
        claim_on_seen(&k->claim, v, clock_now());
}

void keeper_unsure(struct keeper *k) {
        claim_on_unsure(&k->claim);
}

void keeper_erased(struct keeper *k) {
        claim_on_erased(&k->claim);
}

void keeper_calls_changed(struct keeper *k, bool released) {
        if (k->output->follows_calls)
                claim_on_doubt(&k->claim, released, clock_now());
}

void keeper_online(struct keeper *k) {
        claim_on_reconnected(&k->claim);
}

void keeper_others_changed(struct keeper *k) {
        struct claim_other others[HEARD_MAX];
        size_t n = account_others(k->account, k->output->name, others);

        if (n == 0 && !k->others)
                return;
        if (!k->others)
                k->others = calloc(HEARD_MAX, sizeof(*k->others));
        if (!k->others) {
                log_warning("Account %s: out of memory for what other machines tell", account_name(k->account));
                return;
        }
        memcpy(k->others, others, n * sizeof(*others));
        claim_on_others(&k->claim, k->others, n, clock_now());
}

static enum claim_failure failure_of(enum matrix_outcome outcome) {
        switch (outcome) {
        case MATRIX_RETRY:
        case MATRIX_LOCKED:
                return CLAIM_FAILED_NOT_APPLIED;
        case MATRIX_SIGNED_OUT:
                return CLAIM_FAILED_SIGNED_OUT;
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
static void fall_back(struct keeper *k) {
        struct claim_want want = k->claim.want;

        if (claim_phase(&k->claim) != CLAIM_REFUSED || !k->output->fall_back(k->account, &want))
                return;
        log_info("Account %s: the server refuses %s '%s', trying '%s'", account_name(k->account), k->output->name,
                 k->claim.want.value.state, want.state_claimed ? want.value.state : "the message alone");
        k->why = "the server refuses more";
        claim_set_want(&k->claim, &want);
}

static void on_failure(struct keeper *k, const struct output_result *result) {
        usec_t now = clock_now(), retry_at = USEC_NEVER;
        bool wrote = k->claim.in_flight == CLAIM_WRITE;

        if (result->outcome == MATRIX_LOCKED)
                retry_at = usec_add(now, LOCKED_RETRY);
        if (result->retry_after != USEC_NEVER)
                retry_at = usec_add(now, result->retry_after);
        (void) text_printable(k->problem, sizeof(k->problem), result->problem ? result->problem : "");
        log_debug("Account %s: %s: %s (%s)", account_name(k->account), k->output->name, k->problem,
                  matrix_outcome_to_string(result->outcome));
        claim_on_failure(&k->claim, failure_of(result->outcome), retry_at, now, random_u32());
        if (wrote)
                fall_back(k);
}

static void on_success(struct keeper *k, const struct output_result *result) {
        const struct claim_value *written = claim_written(&k->claim);
        struct claim_value value = result->hidden && written ? *written : result->value;

        (void) text_printable(k->problem, sizeof(k->problem), result->problem);
        if (k->claim.in_flight == CLAIM_READ)
                claim_on_read(&k->claim, &value, clock_now(), random_u32());
        else
                claim_on_written(&k->claim, clock_now());
}

static void on_answer(const struct output_result *result, void *userdata) {
        struct keeper *k = userdata;

        k->request = NULL;
        if (result->outcome == MATRIX_OK)
                on_success(k, result);
        else
                on_failure(k, result);
        k->handler.changed(k->handler.userdata);
}

/* ---- steps ---- */

static bool is_telling(const struct keeper *k, usec_t now) {
        return now < k->tell_until && account_is_telling(k->account);
}

/* A claim begins or ends by what the others have told until now. */
static void hear_others(struct keeper *k, usec_t now) {
        if (k->claim.wanted == k->was_wanted)
                return;
        k->was_wanted = k->claim.wanted;
        account_catch_up(k->account);
        k->hear_until = usec_add(now, TELL_MAX);
}

static bool is_hearing(const struct keeper *k, usec_t now) {
        return now < k->hear_until && account_is_catching_up(k->account);
}

static void fail_step(struct keeper *k, usec_t now, const char *what, int error) {
        (void) snprintf(k->problem, sizeof(k->problem), "%s: %s", what, strerror(-error));
        log_warning("Account %s: %s, trying again", account_name(k->account), k->problem);
        claim_on_failure(&k->claim, CLAIM_FAILED_NOT_APPLIED, USEC_NEVER, now, random_u32());
}

static void write_journal(struct keeper *k, usec_t now) {
        struct state_claim entry = {
                .account = account_name(k->account),
                .output = k->output->name,
                .owed = *claim_owed(&k->claim),
        };
        int r;

        if (k->since_wall == 0)
                k->since_wall = clock_wall_now();
        entry.since_wall = k->since_wall;
        r = state_put_claim(k->state, &entry);
        if (r < 0) {
                fail_step(k, now, "what would be owed cannot be stored, so nothing is written", r);
                return;
        }
        claim_on_journalled(&k->claim);
        tell_others(k);
        k->tell_until = usec_add(now, TELL_MAX);
}

static void clear_journal(struct keeper *k, usec_t now) {
        int r = state_remove_claim(k->state, account_name(k->account), k->output->name);

        if (r < 0) {
                fail_step(k, now, "what was given back cannot be crossed out", r);
                return;
        }
        k->since_wall = 0;
        claim_on_forgotten(&k->claim);
}

static int start_cure(struct keeper *k, const struct claim_value *v) {
        struct claim_value prior = claim_prior(&k->claim);

        return k->output->cure(k->account, v, &prior, on_answer, k, &k->request);
}

static void start_request(struct keeper *k, const struct claim_request *step, usec_t now) {
        int r;

        if (step->step == CLAIM_READ)
                r = k->output->read(k->account, on_answer, k, &k->request);
        else if (claim_phase(&k->claim) == CLAIM_LEAVING && k->output->give_back && step->step == CLAIM_WRITE)
                r = k->output->give_back(k->account, &step->value, claim_owed(&k->claim), on_answer, k, &k->request);
        else if (step->step == CLAIM_CURE)
                r = start_cure(k, &step->value);
        else
                r = k->output->write(k->account, &step->value, on_answer, k, &k->request);
        if (r < 0)
                fail_step(k, now, "the request cannot be made", r);
}

static void log_phase(struct keeper *k) {
        enum claim_phase phase = claim_phase(&k->claim);
        struct keeper_report report;

        if (phase == k->logged)
                return;
        keeper_report(k, &report);
        log_full(phase == CLAIM_STUCK ? LOG_WARNING : LOG_INFO, LOG_ID_CLAIM_CHANGED, NULL,
                 "Account %s: %s %s -> %s%s%s", account_name(k->account), k->output->name,
                 claim_phase_to_string(k->logged), report.claim, report.note[0] ? ": " : "", report.note);
        k->logged = phase;
}

usec_t keeper_run(struct keeper *k, usec_t now) {
        struct claim_request step = { .wake_at = USEC_NEVER };

        while (can_act(k)) {
                /* What keeps a claim alive must have ended before the claim is given back. */
                if (k->output->set_standing)
                        k->output->set_standing(k->account, claim_is_standing(&k->claim));
                hear_others(k, now);
                if (is_hearing(k, now)) {
                        step.wake_at = k->hear_until;
                        break;
                }
                if (is_telling(k, now)) {
                        step.wake_at = k->tell_until;
                        break;
                }
                step = claim_decide(&k->claim, now);
                if (step.step == CLAIM_JOURNAL)
                        write_journal(k, now);
                else if (step.step == CLAIM_FORGET)
                        clear_journal(k, now);
                else if (step.step != CLAIM_NOTHING)
                        start_request(k, &step, now);
                else
                        break;
        }
        tell_others(k);
        log_phase(k);
        return step.wake_at;
}

bool keeper_is_at_rest(const struct keeper *k) {
        if (k->claim.signed_out || !can_act(k))
                return true;
        /* Who is not told so would wait for this machine. */
        return (!claim_owed(&k->claim) || keeper_is_shared(k)) && !account_is_telling(k->account);
}

bool keeper_is_shared(const struct keeper *k) {
        return claim_phase(&k->claim) == CLAIM_SHARED;
}

bool keeper_is_stuck(const struct keeper *k) {
        return claim_phase(&k->claim) == CLAIM_STUCK;
}

/* ---- words ---- */

static const char *describe(char *buf, const struct claim_value *v) {
        char text[CLAIM_TEXT_MAX], state[CLAIM_STATE_MAX];

        (void) text_printable(text, sizeof(text), v->text);
        (void) text_printable(state, sizeof(state), v->state);
        (void) snprintf(buf, SENTENCE_MAX, text[0] ? "%s, \"%s\"" : "%s", state, text);
        return buf;
}

/* A part that is not claimed is not put back either; what others have changed since is kept in any case. */
static const char *describe_restore(struct keeper *k) {
        const struct claim_owed *owed = claim_owed(&k->claim);
        struct claim_value prior;
        char text[CLAIM_TEXT_MAX];

        if (!owed)
                return "";
        prior = claim_prior(&k->claim);
        (void) text_printable(text, sizeof(text), prior.text);
        if (!owed->state_claimed)
                (void) snprintf(k->restore, sizeof(k->restore), "message \"%s\"", text);
        else
                (void) describe(k->restore, &prior);
        return k->restore;
}

static const char *describe_phase(struct keeper *k) {
        const char *until = account_traits(k->account)->stuck_until;

        switch (claim_phase(&k->claim)) {
        case CLAIM_STUCK:
                (void) snprintf(k->note, sizeof(k->note), "stuck: another session of yours holds it%s%s",
                                until ? "; " : "", until ? until : "");
                return k->note;
        case CLAIM_SHARED:
                return "you are on a call on another machine: it will put back what was there";
        case CLAIM_YIELDED:
                return "changed by you meanwhile: left alone until the call ends";
        case CLAIM_FOREIGN:
                return k->output->follows_calls ? "set by another of your clients: left alone"
                                                : "was busy before the call: left alone";
        case CLAIM_REFUSED:
                (void) snprintf(k->note, sizeof(k->note), "refused by the server: %s", k->problem);
                return k->note;
        case CLAIM_NO_EFFECT:
                (void) snprintf(k->note, sizeof(k->note), "the server takes it and does not show it%s%s",
                                k->output->no_effect ? ": " : "", k->output->no_effect ? k->output->no_effect : "");
                return k->note;
        case CLAIM_FREE:
        case CLAIM_ENTERING:
        case CLAIM_HELD:
        case CLAIM_LEAVING:
                return k->problem[0] ? k->problem : k->why ? k->why : "";
        }
        return "";
}

void keeper_report(struct keeper *k, struct keeper_report *ret) {
        const struct claim_value *shown = claim_shown(&k->claim);
        bool off = !k->usable && claim_phase(&k->claim) == CLAIM_FREE;

        *ret = (struct keeper_report){
                .claim = off ? "off" : claim_phase_to_string(claim_phase(&k->claim)),
                .shows = shown ? describe(k->shows, shown) : "",
                .restore = describe_restore(k),
                .note = describe_phase(k),
        };
}

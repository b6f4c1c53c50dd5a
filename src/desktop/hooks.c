/* See hooks.h. States:
 *
 *   resting   no hook runs; `told` is what the last one was told, or would have been: without a command nothing runs
 *   running   `command` runs; the facts wait
 *   ended     it has ended and told its status; the next hooks_run() tells and puts it away, which it may not do
 * itself as it is called from within the command */
#include "desktop/hooks.h"

#include <errno.h>
#include <stdio.h>

#include "util/command.h"
#include "util/log.h"
#include "util/text.h"
#include "util/words.h"

/* In the journal: on-busy has run, and on-free has not ended since. */
#define JOURNAL_NAME  "hooks"
#define JOURNAL_VALUE "busy"

#define APPS_MAX   4096 /* bytes of a list of applications that a hook is given */
#define REASON_MAX 256

struct hooks {
        struct desktop_context context;
        char *lines[2]; /* by `busy`; NULL: none */
        usec_t time_max;
        bool told;    /* busy or free */
        bool is_owed; /* what the journal says */
        struct command *command;
        bool ended;
        int status;
};

static const char *hook_name(bool busy) {
        return busy ? "on-busy" : "on-free";
}

/* ---- journal ---- */

/* A hook that cannot be written down is run all the same: at worst the other one is missed after a crash. */
static void set_owed(struct hooks *h, bool is_owed) {
        const struct desktop_journal *j = &h->context.journal;
        int r;

        if (h->is_owed == is_owed)
                return;
        r = j->put(j->userdata, JOURNAL_NAME, is_owed ? JOURNAL_VALUE : NULL);
        if (r < 0)
                log_warning("It cannot be stored that %s was run: %s", hook_name(h->told), strerror(-r));
        else
                h->is_owed = is_owed;
}

/* ---- running ---- */

static void on_done(char *output, size_t size, int status, void *userdata) {
        struct hooks *h = userdata;

        h->ended = true;
        h->status = status;
        h->context.touched(h->context.userdata);
}

static void tell(const struct hooks *h, int status) {
        char outcome[128];

        if (status == -ETIMEDOUT) {
                char span[64];

                (void) snprintf(outcome, sizeof(outcome), "it did not end within %s, and was ended",
                                format_duration(span, sizeof(span), h->time_max));
        } else if (status == -ENOENT || status == 127)
                (void) snprintf(outcome, sizeof(outcome), "there is no such program");
        else if (status < 0)
                (void) snprintf(outcome, sizeof(outcome), "it cannot be started: %s", strerror(-status));
        else if (status == 0)
                (void) snprintf(outcome, sizeof(outcome), "it has run");
        else
                (void) snprintf(outcome, sizeof(outcome), "it ended with code %d", status);
        h->context.done(h->context.userdata, hook_name(h->told), status == 0, outcome);
}

static int start(struct hooks *h, const char *line, const struct desktop_facts *facts) {
        SCOPED(words_free) char **words = NULL;
        char availability[32], apps[APPS_MAX], printable[REASON_MAX], reason[REASON_MAX + 16], since[64];
        const char *const environment[] = { availability, apps, since, reason, NULL };
        int r = words_parse(line, getenv("HOME"), &words);

        if (r < 0)
                return r;
        (void) snprintf(availability, sizeof(availability), "BUSYD_AVAILABILITY=%s", facts->busy ? "busy" : "free");
        (void) snprintf(apps, sizeof(apps), "BUSYD_APPS=%s", facts->apps);
        (void) snprintf(since, sizeof(since), "BUSYD_SINCE=%llu",
                        (unsigned long long) (facts->since_wall / USEC_PER_SEC));
        (void) snprintf(reason, sizeof(reason), "BUSYD_REASON=%s",
                        text_printable(printable, sizeof(printable), facts->reason));
        h->ended = false;
        return command_start(&h->command, h->context.event, h->context.bus,
                             &(struct command_options){ .argv = (const char *const *) words,
                                                        .environment = environment,
                                                        .output_is_log = true,
                                                        .time_max = h->time_max },
                             on_done, h);
}

/* What is written down before on-busy runs is taken back after on-free has. */
static void begin(struct hooks *h, const struct desktop_facts *facts) {
        const char *line = h->lines[facts->busy];
        int r;

        h->told = facts->busy;
        if (h->told && (h->lines[true] || h->lines[false]))
                set_owed(h, true);
        if (line) {
                r = start(h, line, facts);
                if (r == 0)
                        return;
                tell(h, r);
        }
        if (!h->told)
                set_owed(h, false);
}

static void conclude(struct hooks *h) {
        h->command = command_free(h->command);
        if (!h->told)
                set_owed(h, false);
        tell(h, h->status);
}

usec_t hooks_run(struct hooks *h, const struct desktop_facts *facts, usec_t now) {
        usec_t wake_at = USEC_NEVER;

        if (h->command) {
                wake_at = command_run(h->command, now);
                if (!h->ended)
                        return wake_at;
                conclude(h);
        }
        if (!facts->known || facts->busy == h->told)
                return USEC_NEVER;
        begin(h, facts);
        return h->command ? command_run(h->command, now) : USEC_NEVER;
}

bool hooks_are_at_rest(const struct hooks *h) {
        return !h->command && !h->told;
}

/* ---- making and ending ---- */

int hooks_configure(struct hooks *h, const struct hooks_settings *settings) {
        SCOPED(free) char *on_busy = NULL, *on_free = NULL;

        if (settings->on_busy && !(on_busy = strdup(settings->on_busy)))
                return -ENOMEM;
        if (settings->on_free && !(on_free = strdup(settings->on_free)))
                return -ENOMEM;
        free(h->lines[true]);
        free(h->lines[false]);
        h->lines[true] = TAKE(on_busy);
        h->lines[false] = TAKE(on_free);
        h->time_max = settings->time_max;
        return 0;
}

int hooks_new(struct hooks **ret, const struct desktop_context *context) {
        struct hooks *h = calloc(1, sizeof(*h));
        const char *value;

        if (!h)
                return -ENOMEM;
        h->context = *context;
        value = context->journal.get(context->journal.userdata, JOURNAL_NAME);
        h->told = h->is_owed = value && streq(value, JOURNAL_VALUE);
        *ret = h;
        return 0;
}

struct hooks *hooks_free(struct hooks *h) {
        if (!h)
                return NULL;
        command_free(h->command);
        free(h->lines[true]);
        free(h->lines[false]);
        free(h);
        return NULL;
}

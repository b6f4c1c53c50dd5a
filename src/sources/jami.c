/* Jami's daemon, where it runs on its own: asked for accounts, their calls, and the state of each; then it tells
 * changes. Where it is built into the program there is no such service, and the reason it gives for keeping the
 * session awake has to do. Who the other party is stands in the same answers and is skipped. */
#include <errno.h>
#include <stdio.h>

#include "sources/services.h"
#include "sources/bus-source.h"

#define NAME    "cx.ring.Ring"
#define CALLS   "cx.ring.Ring.CallManager"
#define CONFIG  "cx.ring.Ring.ConfigurationManager"
#define PATH(x) "/cx/ring/Ring/" x

#define ID_SIZE 256 /* of "ACCOUNT CALL"; they are numbers */

struct jami {
        struct bus_source bus;
};

static struct jami *jami_of(void *s) {
        return s;
}

static const struct {
        const char *word;
        enum call_phase phase;
} states[] = {
        { "INCOMING", CALL_RINGING_IN }, { "CONNECTING", CALL_RINGING_OUT },
        { "RINGING", CALL_RINGING_OUT }, { "CURRENT", CALL_ACTIVE },
        { "UNHOLD", CALL_ACTIVE },       { "HOLD", CALL_HELD },
        { "HUNGUP", CALL_GONE },         { "BUSY", CALL_GONE },
        { "PEER_BUSY", CALL_GONE },      { "FAILURE", CALL_GONE },
        { "OVER", CALL_GONE },           { "INACTIVE", CALL_GONE },
};

static void take(struct source *s, const char *id, const char *word, sd_bus_message *m) {
        struct call_report r = { .id = id, .app = "jami", .what = "call in Jami", .evidence = EVIDENCE_PROOF };

        r.lasts = USEC_NEVER;
        for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
                if (!streq(states[i].word, word))
                        continue;
                r.phase = states[i].phase;
                if (r.phase == CALL_GONE)
                        source_end(s, id);
                else
                        source_report(s, &r);
                return;
        }
        source_tell_bad(s, m, "a call is in a state that is not known");
}

static bool make_id(char buf[ID_SIZE], const char *account, const char *call) {
        int r = snprintf(buf, ID_SIZE, "%s %s", account, call);

        return r > 0 && r < ID_SIZE;
}

/* ---- what goes on now ---- */

static int read_details(struct source *s, const char *id, sd_bus_message *m) {
        const char *key, *value;
        int r = sd_bus_message_enter_container(m, 'a', "{ss}");

        while (r > 0 && (r = sd_bus_message_read(m, "{ss}", &key, &value)) > 0)
                if (streq(key, "CALL_STATE"))
                        take(s, id, value, m);
        return r;
}

static void on_details(void *s, const char *id, sd_bus_message *reply, const sd_bus_error *error) {
        if (reply && read_details(s, id, reply) < 0)
                source_tell_bad(s, reply, "a call cannot be read");
}

/* Strings of an answer, each handed to `each`. */
static void each_string(struct source *s, const char *subject, sd_bus_message *m,
                        int (*each)(struct source *s, const char *subject, const char *value)) {
        const char *value;
        int r = sd_bus_message_enter_container(m, 'a', "s");

        while (r > 0 && (r = sd_bus_message_read(m, "s", &value)) > 0)
                if (each(s, subject, value) < 0)
                        source_tell_bad(s, m, "there is more than is asked about");
        if (r < 0)
                source_tell_bad(s, m, "a list cannot be read");
}

static int ask_call(struct source *s, const char *account, const char *call) {
        char id[ID_SIZE];

        if (!make_id(id, account, call))
                return -E2BIG;
        return bus_service_call(jami_of(s)->bus.service, PATH("CallManager"), CALLS, "getCallDetails", id, on_details,
                                "ss", account, call);
}

static void on_calls(void *s, const char *account, sd_bus_message *reply, const sd_bus_error *error) {
        if (reply)
                each_string(s, account, reply, ask_call);
}

static int ask_account(struct source *s, const char *subject, const char *account) {
        return bus_service_call(jami_of(s)->bus.service, PATH("CallManager"), CALLS, "getCallList", account, on_calls,
                                "s", account);
}

static void on_accounts(void *s, const char *subject, sd_bus_message *reply, const sd_bus_error *error) {
        if (reply)
                each_string(s, NULL, reply, ask_account);
        else
                bus_service_fail(jami_of(s)->bus.service, "its accounts are not told", error);
}

/* ---- changes ---- */

static int on_state(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const char *account, *call, *state;
        char id[ID_SIZE];
        int32_t code;

        if (sd_bus_message_read(m, "sssi", &account, &call, &state, &code) < 0 || !make_id(id, account, call))
                source_tell_bad(userdata, m, "a change of a call cannot be read");
        else
                take(userdata, id, state, m);
        return 0;
}

static int begin(void *s) {
        struct bus_service *w = jami_of(s)->bus.service;
        int r = bus_service_match(w, "path='" PATH("CallManager") "',interface='" CALLS "',member='callStateChanged'",
                                  on_state);

        if (r >= 0)
                r = bus_service_call(w, PATH("ConfigurationManager"), CONFIG, "getAccountList", NULL, on_accounts, "");
        return r;
}

static const struct bus_service_ops ops = { begin, bus_source_reset, bus_source_changed };

static int start(struct source **ret, const struct source_kind *kind, const struct source_context *context) {
        return bus_source_start(ret, sizeof(struct jami), kind, context, context->user_bus, NAME, "Jami's daemon",
                                &ops);
}

const struct source_kind source_jami = {
        .name = "jami",
        .description = "calls in Jami, where its daemon runs on its own",
        .start = start,
        .stop = bus_source_stop,
        .run = bus_source_run,
};

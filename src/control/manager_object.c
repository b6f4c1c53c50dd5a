/* The Manager interface: unpacks, checks, calls one function of the manager, replies. The vtable follows the XML
 * member by member. */
#include <errno.h>

#include "control/arguments.h"
#include "control/children.h"
#include "control/internal.h"
#include "util/log.h"
#include "util/text.h"

enum {
        MANAGER_AVAILABILITY,
        MANAGER_SINCE,
        MANAGER_MODE,
        MANAGER_MODE_UNTIL,
        MANAGER_MODE_UNTIL_CALLS_END,
        MANAGER_MESSAGE,
        MANAGER_SETTLED,
        MANAGER_PROBLEM,
        MANAGER_VERSION,
        MANAGER_PROPERTIES,
};
_Static_assert(MANAGER_PROPERTIES <= OBJECT_PROPERTIES_MAX, "one value for each property");

static const char *const manager_names[] = {
        [MANAGER_AVAILABILITY] = "Availability",
        [MANAGER_SINCE] = "Since",
        [MANAGER_MODE] = "Mode",
        [MANAGER_MODE_UNTIL] = "ModeUntil",
        [MANAGER_MODE_UNTIL_CALLS_END] = "ModeUntilCallsEnd",
        [MANAGER_MESSAGE] = "Message",
        [MANAGER_SETTLED] = "Settled",
        [MANAGER_PROBLEM] = "Problem",
        [MANAGER_VERSION] = "Version",
};

static struct control *control_of(void *userdata) {
        const struct object *o = userdata;

        return o->userdata;
}

/* The manager's sentence where it has one, else one that names the errno. */
static int fail(sd_bus_error *error, const char *name, int r, const char *what, const char *problem) {
        if (problem)
                return sd_bus_error_set(error, name, problem);
        return sd_bus_error_setf(error, name, "Cannot %s: %s", what, strerror(-r));
}

/* ---- modes ---- */

static int set_mode(struct control *c, sd_bus_message *m, enum mode mode, usec_t duration, bool until_calls_end,
                    const char *message, sd_bus_error *error) {
        SCOPED(free) char *problem = NULL;
        int r;

        r = c->ops.set_mode(c->ops.userdata, mode, duration, until_calls_end, message, &problem);
        if (r == -ENOENT && until_calls_end)
                return sd_bus_error_set(error, CONTROL_ERROR_NO_CALL,
                                        problem ? problem : "There is no call to wait for");
        if (r < 0)
                return fail(error, r == -EINVAL ? CONTROL_ERROR_INVALID_ARGUMENT : CONTROL_ERROR_FAILED, r,
                            "set the mode", problem);
        return sd_bus_reply_method_return(m, NULL);
}

static int check_set_mode(enum mode mode, usec_t duration, const char *message, sd_bus_error *error) {
        int r;

        r = check_duration(duration, /* may_be_0= */ true, error);
        if (r < 0)
                return r;
        if (mode == MODE_AUTO && duration != 0)
                return sd_bus_error_set(error, CONTROL_ERROR_INVALID_ARGUMENT,
                                        "duration must be 0 with mode \"auto\", to which all others fall back");
        if (mode != MODE_BUSY && message[0] != '\0')
                return sd_bus_error_set(error, CONTROL_ERROR_INVALID_ARGUMENT,
                                        "message must be empty except with mode \"busy\"");
        return check_text("message", message, error);
}

static int on_set_mode(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *word, *message;
        enum mode mode;
        usec_t duration;
        int r;

        r = sd_bus_message_read(m, "sts", &word, &duration, &message);
        if (r < 0)
                return r;
        r = check_mode(word, &mode, error);
        if (r < 0)
                return r;
        r = check_set_mode(mode, duration, message, error);
        if (r < 0)
                return r;
        return set_mode(control_of(userdata), m, mode, duration, /* until_calls_end= */ false, message, error);
}

static int on_set_free_until_calls_end(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return set_mode(control_of(userdata), m, MODE_FREE, 0, /* until_calls_end= */ true, "", error);
}

/* ---- holds ---- */

static int too_many(sd_bus_error *error, int r) {
        if (r == -EDQUOT)
                return sd_bus_error_setf(error, CONTROL_ERROR_TOO_MANY_HOLDS,
                                         "The caller has %d holds, as many as one may have; release one first",
                                         CONTROL_HOLDS_PER_PEER_MAX);
        return sd_bus_error_setf(error, CONTROL_ERROR_TOO_MANY_HOLDS,
                                 "There are as many holds as there may be (%d); release one first", CONTROL_HOLDS_MAX);
}

/* `duration` 0: until released. */
static int hold(struct control *c, sd_bus_message *m, const char *app, const char *reason, usec_t duration,
                sd_bus_error *error) {
        const char *sender = sd_bus_message_get_sender(m);
        uint32_t cookie;
        int r;

        r = check_name("app", app, error);
        if (r < 0)
                return r;
        r = check_text("reason", reason, error);
        if (r < 0)
                return r;
        r = sender ? holds_add(c->holds, sender, duration > 0, &cookie) : -ENOTCONN;
        if (r >= 0) {
                r = c->ops.hold(c->ops.userdata, cookie, app, reason, duration);
                if (r < 0)
                        holds_remove(c->holds, cookie);
        }
        if (r == -EDQUOT || r == -E2BIG)
                return too_many(error, r);
        if (r < 0)
                return fail(error, CONTROL_ERROR_FAILED, r, "hold", NULL);
        return sd_bus_reply_method_return(m, "u", cookie);
}

static int on_hold(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *app, *reason;
        int r;

        r = sd_bus_message_read(m, "ss", &app, &reason);
        if (r < 0)
                return r;
        return hold(control_of(userdata), m, app, reason, 0, error);
}

static int on_hold_for(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *app, *reason;
        usec_t duration;
        int r;

        r = sd_bus_message_read(m, "sst", &app, &reason, &duration);
        if (r < 0)
                return r;
        r = check_duration(duration, /* may_be_0= */ false, error);
        if (r < 0)
                return r;
        return hold(control_of(userdata), m, app, reason, duration, error);
}

static int on_release(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct control *c = control_of(userdata);
        const char *sender = sd_bus_message_get_sender(m);
        uint32_t cookie;
        int r;

        r = sd_bus_message_read(m, "u", &cookie);
        if (r < 0)
                return r;
        if (!sender || !holds_may_release(c->holds, sender, cookie))
                return sd_bus_error_setf(error, CONTROL_ERROR_NO_SUCH_HOLD,
                                         "The caller has no hold with the cookie %u", cookie);
        holds_remove(c->holds, cookie);
        c->ops.release(c->ops.userdata, cookie);
        return sd_bus_reply_method_return(m, NULL);
}

/* ---- questions ---- */

static int on_explain(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct control *c = control_of(userdata);
        __attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r < 0)
                return r;
        r = children_append_evidence(c->objects, reply);
        if (r < 0)
                return r;
        r = children_append_restore(c->objects, reply);
        return r < 0 ? r : sd_bus_message_send(reply);
}

static int append_history(struct control *c, sd_bus_message *reply, size_t n) {
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(tss)");
        for (size_t i = 0; r >= 0 && i < n; i++) {
                const char *reason = NULL;
                bool busy = false;
                usec_t at = 0;

                r = c->ops.history(c->ops.userdata, i, &at, &busy, &reason);
                if (r <= 0)
                        break;
                r = sd_bus_message_append(reply, "(tss)", at, busy ? "busy" : "free", reason ? reason : "");
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_effects(struct control *c, sd_bus_message *reply, size_t n) {
        struct control_effect_view e;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(tsbs)");
        for (size_t i = 0; r >= 0 && i < n && c->ops.effects(c->ops.userdata, i, &e) > 0; i++)
                r = sd_bus_message_append(reply, "(tsbs)", e.at_wall, e.name, (int) e.ok, e.outcome);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

typedef int (*append_t)(struct control *c, sd_bus_message *reply, size_t n);

/* The newest of a list, as many as asked for, up to CONTROL_HISTORY_MAX. */
static int answer_newest(sd_bus_message *m, struct control *c, append_t append) {
        __attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
        uint32_t n;
        int r;

        r = sd_bus_message_read(m, "u", &n);
        if (r < 0)
                return r;
        r = sd_bus_message_new_method_return(m, &reply);
        if (r < 0)
                return r;
        r = append(c, reply, n < CONTROL_HISTORY_MAX ? n : CONTROL_HISTORY_MAX);
        return r < 0 ? r : sd_bus_message_send(reply);
}

static int on_history(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return answer_newest(m, control_of(userdata), append_history);
}

static int on_effects(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return answer_newest(m, control_of(userdata), append_effects);
}

/* What is wrong is said as if it were left out and the rest taken, as at a start. */
static int fail_reload(sd_bus_error *error, const char *problem) {
        return sd_bus_error_setf(error, CONTROL_ERROR_CONFIG,
                                 "%s. Nothing of the file is taken: the configuration stays as it was", problem);
}

static int on_reload(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct control *c = control_of(userdata);
        SCOPED(free) char *problem = NULL;
        int r;

        r = c->ops.reload(c->ops.userdata, &problem);
        if (r < 0)
                return problem ? fail_reload(error, problem)
                               : fail(error, CONTROL_ERROR_CONFIG, r, "read the configuration", NULL);
        return sd_bus_reply_method_return(m, NULL);
}

static int on_reload_accounts(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct control *c = control_of(userdata);
        int r = c->ops.reload_accounts(c->ops.userdata);

        if (r < 0)
                return fail(error, CONTROL_ERROR_FAILED, r, "look at the accounts", NULL);
        return sd_bus_reply_method_return(m, NULL);
}

static int on_let_go(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct control *c = control_of(userdata);
        const char *account;
        int r = sd_bus_message_read(m, "s", &account);

        if (r < 0)
                return r;
        r = check_name("account", account, error);
        if (r < 0)
                return r;
        r = c->ops.let_go(c->ops.userdata, account);
        if (r == -ENOENT)
                return sd_bus_error_setf(error, CONTROL_ERROR_NO_SUCH_ACCOUNT, "There is no account \"%s\"", account);
        if (r < 0)
                return fail(error, CONTROL_ERROR_FAILED, r, "let go of the account", NULL);
        return sd_bus_reply_method_return(m, NULL);
}

/* ---- applications that do not count ---- */

static int check_ignored(const char *app, const char *source, sd_bus_error *error) {
        int r = check_name("app", app, error);

        return r < 0 ? r : check_text("source", source, error);
}

/* `none`: what -ENOENT is called. */
static int fail_ignored(sd_bus_error *error, int r, const char *none, const char *none_problem, const char *problem) {
        if (r == -ENOENT)
                return sd_bus_error_set(error, none, problem ? problem : none_problem);
        return fail(error, r == -EINVAL ? CONTROL_ERROR_INVALID_ARGUMENT : CONTROL_ERROR_FAILED, r,
                    "change what is ignored", problem);
}

static int on_ignore(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct control *c = control_of(userdata);
        SCOPED(free) char *problem = NULL;
        const char *app, *source;
        int once, r;

        r = sd_bus_message_read(m, "ssb", &app, &source, &once);
        if (r < 0)
                return r;
        r = check_ignored(app, source, error);
        if (r < 0)
                return r;
        r = c->ops.ignore(c->ops.userdata, app, source, once, &problem);
        if (r < 0)
                return fail_ignored(error, r, CONTROL_ERROR_NO_CALL, "There is no such call now", problem);
        return sd_bus_reply_method_return(m, NULL);
}

static int on_allow(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct control *c = control_of(userdata);
        SCOPED(free) char *problem = NULL;
        const char *app, *source;
        int r;

        r = sd_bus_message_read(m, "ss", &app, &source);
        if (r < 0)
                return r;
        r = check_ignored(app, source, error);
        if (r < 0)
                return r;
        r = c->ops.allow(c->ops.userdata, app, source, &problem);
        if (r < 0)
                return fail_ignored(error, r, CONTROL_ERROR_NOT_IGNORED, "That is not ignored", problem);
        return sd_bus_reply_method_return(m, NULL);
}

static int append_ignored(struct control *c, sd_bus_message *reply) {
        const char *app, *source;
        int r = sd_bus_message_open_container(reply, 'a', "(ss)");

        for (size_t i = 0; r >= 0 && c->ops.ignored(c->ops.userdata, i, &app, &source) > 0; i++)
                r = sd_bus_message_append(reply, "(ss)", app, source);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int on_ignored(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        __attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
        int r = sd_bus_message_new_method_return(m, &reply);

        if (r < 0)
                return r;
        r = append_ignored(control_of(userdata), reply);
        return r < 0 ? r : sd_bus_message_send(reply);
}

/* ---- what was looked at ---- */

struct stream_list {
        sd_bus_message *reply;
        size_t n;
        int problem;
};

/* What programs call themselves is text from outside. */
static int append_text(sd_bus_message *m, const char *text) {
        char printable[CONTROL_TEXT_MAX];

        return sd_bus_message_append(m, "s", text_printable(printable, sizeof(printable), text));
}

static int append_names(sd_bus_message *m, const char *const *names) {
        int r = sd_bus_message_open_container(m, 'a', "s");

        for (; r >= 0 && *names; names++)
                r = append_text(m, *names);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_stream(sd_bus_message *m, const struct control_stream_view *v) {
        const char *const texts[] = { v->source, v->id, v->app, v->what, v->why, v->evidence };
        int r = sd_bus_message_open_container(m, 'r', "ssssssas");

        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(texts); i++)
                r = append_text(m, texts[i]);
        if (r >= 0)
                r = append_names(m, v->names);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int take_stream(void *taker, const struct control_stream_view *v) {
        struct stream_list *l = taker;

        if (l->n++ == CONTROL_STREAMS_MAX)
                return -E2BIG;
        l->problem = append_stream(l->reply, v);
        return l->problem;
}

static int on_streams(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct control *c = control_of(userdata);
        __attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
        struct stream_list list = { 0 };
        int r = sd_bus_message_new_method_return(m, &reply);

        if (r < 0)
                return r;
        r = sd_bus_message_open_container(reply, 'a', "(ssssssas)");
        if (r < 0)
                return r;
        list.reply = reply;
        c->ops.streams(c->ops.userdata, take_stream, &list);
        if (list.problem < 0)
                return list.problem;
        r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_message_send(reply);
}

/* ---- the object ---- */

#define CHANGES SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE
#define METHOD  SD_BUS_VTABLE_UNPRIVILEGED

static const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        OBJECT_PROPERTY("Availability", "s", object_get_text, MANAGER_AVAILABILITY, CHANGES),
        OBJECT_PROPERTY("Since", "t", object_get_number, MANAGER_SINCE, CHANGES),
        OBJECT_PROPERTY("Mode", "s", object_get_text, MANAGER_MODE, CHANGES),
        OBJECT_PROPERTY("ModeUntil", "t", object_get_number, MANAGER_MODE_UNTIL, CHANGES),
        OBJECT_PROPERTY("ModeUntilCallsEnd", "b", object_get_bool, MANAGER_MODE_UNTIL_CALLS_END, CHANGES),
        OBJECT_PROPERTY("Message", "s", object_get_text, MANAGER_MESSAGE, CHANGES),
        OBJECT_PROPERTY("Settled", "b", object_get_bool, MANAGER_SETTLED, CHANGES),
        OBJECT_PROPERTY("Problem", "s", object_get_text, MANAGER_PROBLEM, CHANGES),
        OBJECT_PROPERTY("Version", "s", object_get_text, MANAGER_VERSION, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_METHOD_WITH_ARGS("SetMode", SD_BUS_ARGS("s", mode, "t", duration, "s", message), SD_BUS_NO_RESULT,
                                on_set_mode, METHOD),
        SD_BUS_METHOD_WITH_ARGS("SetFreeUntilCallsEnd", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, on_set_free_until_calls_end,
                                METHOD),
        SD_BUS_METHOD_WITH_ARGS("Hold", SD_BUS_ARGS("s", app, "s", reason), SD_BUS_RESULT("u", cookie), on_hold,
                                METHOD),
        SD_BUS_METHOD_WITH_ARGS("HoldFor", SD_BUS_ARGS("s", app, "s", reason, "t", duration),
                                SD_BUS_RESULT("u", cookie), on_hold_for, METHOD),
        SD_BUS_METHOD_WITH_ARGS("Release", SD_BUS_ARGS("u", cookie), SD_BUS_NO_RESULT, on_release, METHOD),
        SD_BUS_METHOD_WITH_ARGS("Explain", SD_BUS_NO_ARGS,
                                SD_BUS_RESULT("a(tsssssbts)", evidence, "a(ssssss)", restore), on_explain, METHOD),
        SD_BUS_METHOD_WITH_ARGS("History", SD_BUS_ARGS("u", n), SD_BUS_RESULT("a(tss)", changes), on_history, METHOD),
        SD_BUS_METHOD_WITH_ARGS("Effects", SD_BUS_ARGS("u", n), SD_BUS_RESULT("a(tsbs)", effects), on_effects, METHOD),
        SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, on_reload, METHOD),
        SD_BUS_METHOD_WITH_ARGS("ReloadAccounts", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, on_reload_accounts, METHOD),
        SD_BUS_METHOD_WITH_ARGS("LetGo", SD_BUS_ARGS("s", account), SD_BUS_NO_RESULT, on_let_go, METHOD),
        SD_BUS_METHOD_WITH_ARGS("Ignore", SD_BUS_ARGS("s", app, "s", source, "b", once), SD_BUS_NO_RESULT, on_ignore,
                                METHOD),
        SD_BUS_METHOD_WITH_ARGS("Allow", SD_BUS_ARGS("s", app, "s", source), SD_BUS_NO_RESULT, on_allow, METHOD),
        SD_BUS_METHOD_WITH_ARGS("Ignored", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(ss)", applications), on_ignored, METHOD),
        SD_BUS_METHOD_WITH_ARGS("Streams", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(ssssssas)", streams), on_streams, METHOD),
        SD_BUS_VTABLE_END,
};

static const struct object_type manager_type = {
        .interface = "org.busyd.Busyd1.Manager",
        .vtable = manager_vtable,
        .names = manager_names,
        .n_names = ARRAY_SIZE(manager_names),
};

int manager_object_add(struct control *c) {
        int r;

        r = object_add(&c->root, c->objects, &manager_type, "", c);
        if (r < 0)
                return r;
        object_set_text(c->root, MANAGER_AVAILABILITY, "free");
        object_set_text(c->root, MANAGER_MODE, mode_to_string(MODE_AUTO));
        object_set_text(c->root, MANAGER_MESSAGE, "");
        object_set_text(c->root, MANAGER_PROBLEM, "");
        object_set_text(c->root, MANAGER_VERSION, BUSYD_VERSION);
        object_set_announced(c->root);
        return object_commit(c->root);
}

void control_set_manager(struct control *c, const struct control_manager_view *v) {
        struct object *o = c->root;

        object_set_text(o, MANAGER_AVAILABILITY, v->busy ? "busy" : "free");
        object_set_time(o, MANAGER_SINCE, v->since_wall);
        object_set_text(o, MANAGER_MODE, mode_to_string(v->mode));
        object_set_time(o, MANAGER_MODE_UNTIL, v->mode_until_wall);
        object_set_number(o, MANAGER_MODE_UNTIL_CALLS_END, v->mode_until_calls_end);
        object_set_text(o, MANAGER_MESSAGE, v->message);
        object_set_number(o, MANAGER_SETTLED, v->settled);
        object_set_text(o, MANAGER_PROBLEM, v->problem);
        if (object_commit(o) < 0)
                log_error("Out of memory: the bus shows an older state until the next change");
}

/* The presence output: busy with a message, or as much of it as the server and the user's settings allow. */
#include "matrix/outputs/presence.h"

#include <errno.h>
#include <stdio.h>

#include "matrix/outputs/cure.h"
#include "matrix/outputs/output.h"
#include "util/clock.h"
#include "json/json.h"

static const char presence_is_off[] = "this server has presence switched off: nobody sees who is busy there";

static const char nobody_looks[] = "you share no room with anybody there, so nobody sees it";

static const char would_stick[] =
        "only the message: another of your clients is online, would catch the busy from this server and keep it after "
        "the call (see \"busyctl doctor\" for a cure; presence = busy does it all the same)";

static const char cure_fails[] =
        "only the message: another of your clients is online and would keep the busy after the call, and the server "
        "does not take the cure that is set up (see \"busyctl doctor\")";

static bool usable(const struct account *a, const char **ret_why) {
        if (account_settings(a)->presence == PRESENCE_OFF) {
                *ret_why = "switched off (presence = off)";
                return false;
        }
        return true;
}

static enum presence_cure cure_state(const struct account *a) {
        const struct cure *c = account_cure(a);

        return !c ? CURE_NONE : cure_works(c) ? CURE_WORKS : CURE_FAILS;
}

static void traits(const struct account *a, struct claim_traits *ret) {
        const struct server_traits *t = account_traits(a);
        usec_t refresh = account_settings(a)->refresh_interval;

        if (refresh == 0)
                refresh = t->refresh_interval;
        *ret = (struct claim_traits){
                .per_device = t->presence_per_device,
                .withdrawn = PRESENCE_STATE_OFFLINE,
                .taken = PRESENCE_STATE_BUSY,
                .sticky = t->copies_busy,
                .person_writes_whole = !t->presence_per_device,
                .text_tells_person = true,
                .pushed = t->pushes_own_presence && account_settings(a)->presence != PRESENCE_OFF,
                .curable = cure_state(a) == CURE_WORKS,
                .refresh_interval = refresh,
        };
}

/* Design, section 6: busy unless it is known that it would stick. */
void presence_want(const struct presence_facts *f, struct claim_want *ret, const char **ret_why) {
        const char *state = f->takes_busy ? PRESENCE_STATE_BUSY : PRESENCE_STATE_UNAVAILABLE;
        const char *why = f->takes_busy ? NULL : "the server does not offer busy (MSC3026): idle instead";

        *ret = (struct claim_want){ .state_claimed = true, .text_claimed = f->message && *f->message };
        if (f->mode == PRESENCE_STATUS || f->mode == PRESENCE_OFF) {
                ret->state_claimed = false;
                why = "only the message, as configured (presence = status)";
        } else if (f->mode == PRESENCE_AUTO && f->takes_busy && (f->copies_busy || f->sticks) && f->live &&
                   f->cure != CURE_WORKS) {
                ret->state_claimed = false;
                why = f->cure == CURE_FAILS ? cure_fails : would_stick;
        }
        if (claim_value_set(&ret->value, ret->state_claimed ? state : "", ret->text_claimed ? f->message : "") < 0) {
                ret->text_claimed = false;
                (void) claim_value_set(&ret->value, ret->state_claimed ? state : "", "");
                why = "the message is too long to be set";
        }
        *ret_why = why;
}

static void want(const struct account *a, const struct output_situation *s, struct claim_want *ret,
                 const char **ret_why) {
        const struct account_settings *settings = account_settings(a);
        const char *why;
        usec_t first, last;

        account_presence_live(a, &first, &last);
        presence_want(&(struct presence_facts){ .mode = settings->presence,
                                                .takes_busy = account_versions(a)->busy_presence,
                                                .copies_busy = account_traits(a)->copies_busy,
                                                .sticks = s->sticks,
                                                .live = presence_is_live(first, last, s->now),
                                                .cure = cure_state(a),
                                                .message = s->message ? s->message : settings->message },
                      ret, &why);
        if (ret_why)
                *ret_why = why;
}

bool presence_fall_back(struct claim_want *w) {
        if (!w->state_claimed)
                return false;
        if (streq(w->value.state, PRESENCE_STATE_BUSY)) {
                (void) snprintf(w->value.state, sizeof(w->value.state), "%s", PRESENCE_STATE_UNAVAILABLE);
                return true;
        }
        w->state_claimed = false;
        w->value.state[0] = '\0';
        return w->text_claimed;
}

static bool fall_back(const struct account *a, struct claim_want *w) {
        return presence_fall_back(w);
}

static bool is_switched_off(const struct matrix_reply *reply) {
        return reply->status == 403;
}

static void refuse(struct output_result *result, const char *problem) {
        result->outcome = MATRIX_REFUSED;
        result->problem = problem;
}

static void translate_read(struct account *a, const struct matrix_reply *reply, struct output_result *result) {
        const char *presence = NULL, *status_msg = NULL;

        if (reply->outcome == MATRIX_OK) {
                presence = json_member_string(reply->body, "presence");
                status_msg = json_member_string(reply->body, "status_msg");
        } else if (reply->outcome == MATRIX_NOT_FOUND) {
                result->outcome = MATRIX_OK; /* or nothing was ever set */
                result->problem = nobody_looks;
                result->hidden = true;
        } else {
                if (is_switched_off(reply))
                        refuse(result, presence_is_off);
                return;
        }
        if (presence_value(&result->value, presence, status_msg) < 0)
                refuse(result, "your status message is too long to be put back after a call: left alone");
        else
                account_presence_read(a, &result->value);
}

static void translate_write(struct account *a, const struct matrix_reply *reply, struct output_result *result) {
        if (is_switched_off(reply))
                refuse(result, presence_is_off);
}

static int presence_read(struct account *a, output_done_t done, void *userdata, struct output_request **ret) {
        SCOPED(output_request_free) struct output_request *request = NULL;
        int r = output_request_new(&request, a, translate_read, done, userdata);

        if (r < 0)
                return r;
        r = matrix_presence_get(account_client(a), account_user_id(a), output_request_answered, request,
                                output_request_http(request));
        if (r < 0)
                return r;
        *ret = TAKE(request);
        return 0;
}

const char *presence_word(const char *state, const struct server_traits *t) {
        if (streq(state, PRESENCE_STATE_BUSY))
                return t->busy_wire;
        return *state ? state : PRESENCE_STATE_OFFLINE;
}

static int presence_write(struct account *a, const struct claim_value *v, output_done_t done, void *userdata,
                          struct output_request **ret) {
        SCOPED(output_request_free) struct output_request *request = NULL;
        const char *word = presence_word(v->state, account_traits(a));
        int r = output_request_new(&request, a, translate_write, done, userdata);

        if (r < 0)
                return r;
        account_presence_written(a, v->state);
        r = matrix_presence_put(account_client(a), account_user_id(a), word, v->text, output_request_answered, request,
                                output_request_http(request));
        if (r < 0)
                return r;
        *ret = TAKE(request);
        return 0;
}

/* ---- giving back where each device has a message of its own ---- */

/* Another device's message shows by itself once ours is gone; a copy of it on our device would outlive what the person
 * does to it. Only one that shows no more is put back. */
struct withdrawal {
        struct claim_value value;
        struct claim_owed owed;
        bool looked, put_back;
};

static bool is_somebodys(const struct claim_owed *owed, const char *message) {
        if (!message || !*message)
                return false;
        for (unsigned i = 0; i < owed->n_ours; i++)
                if (owed->text_claimed && streq(message, owed->ours[i].text))
                        return false;
        return true;
}

static int withdraw_more(struct output_request *request, struct account *a, const struct matrix_reply *reply,
                         void *data) {
        struct withdrawal *w = data;
        int r;

        if (w->put_back || (!w->looked && reply->outcome != MATRIX_OK))
                return 0;
        if (!w->looked) {
                w->looked = true;
                r = matrix_presence_get(account_client(a), account_user_id(a), output_request_answered, request,
                                        output_request_http(request));
                return r < 0 ? r : 1;
        }
        if (reply->outcome == MATRIX_OK && is_somebodys(&w->owed, json_member_string(reply->body, "status_msg")))
                return 0;
        w->put_back = true;
        r = matrix_presence_put(account_client(a), account_user_id(a),
                                presence_word(w->value.state, account_traits(a)), w->value.text,
                                output_request_answered, request, output_request_http(request));
        return r < 0 ? r : 1;
}

static int presence_give_back(struct account *a, const struct claim_value *v, const struct claim_owed *owed,
                              output_done_t done, void *userdata, struct output_request **ret) {
        SCOPED(output_request_free) struct output_request *request = NULL;
        struct withdrawal *w;
        int r;

        if (!account_traits(a)->message_per_device || !v->text[0])
                return presence_write(a, v, done, userdata, ret);
        r = output_request_new(&request, a, translate_write, done, userdata);
        if (r < 0)
                return r;
        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        output_request_chain(request, withdraw_more, w);
        w->value = *v;
        w->owed = *owed;
        account_presence_written(a, v->state);
        r = matrix_presence_put(account_client(a), account_user_id(a), presence_word(v->state, account_traits(a)), "",
                                output_request_answered, request, output_request_http(request));
        if (r < 0)
                return r;
        *ret = TAKE(request);
        return 0;
}

/* ---- the cure ---- */

struct curing {
        struct cure_plan plan;
        size_t next;
        bool planned;
        struct claim_value prior;
        char message[CLAIM_TEXT_MAX];
};

static bool device_is_gone(const struct matrix_reply *reply) {
        return reply->status == 400 && reply->errcode && strstr(reply->errcode, "M_UNKNOWN_DEVICE");
}

static int cure_more(struct output_request *request, struct account *a, const struct matrix_reply *reply, void *data) {
        struct curing *c = data;
        const struct cure_target *target;
        int r;

        if (!account_cure(a))
                return -ECANCELED;
        if (reply->outcome != MATRIX_OK && !(c->planned && device_is_gone(reply)))
                return 0;
        if (!c->planned)
                cure_plan(&c->plan, json_member_array(reply->body, "devices"), account_device_id(a), account_heard(a),
                          &c->prior, clock_wall_now());
        c->planned = true;
        if (c->next == c->plan.n)
                return 0;
        target = &c->plan.targets[c->next++];
        r = cure_put(account_cure(a), target, c->message, output_request_answered, request,
                     output_request_http(request));
        return r < 0 ? r : 1;
}

/* Nothing is wrong with the account itself. */
static void translate_cure(struct account *a, const struct matrix_reply *reply, struct output_result *result) {
        if (reply->outcome != MATRIX_SIGNED_OUT && reply->outcome != MATRIX_REFUSED &&
            reply->outcome != MATRIX_NOT_FOUND && reply->outcome != MATRIX_UNRECOGNIZED)
                return;
        cure_broke(account_cure(a));
        refuse(result, "the server refuses the cure; see \"busyctl doctor\"");
}

static int presence_cure(struct account *a, const struct claim_value *v, const struct claim_value *prior,
                         output_done_t done, void *userdata, struct output_request **ret) {
        SCOPED(output_request_free) struct output_request *request = NULL;
        struct curing *c;
        int r = output_request_new(&request, a, translate_cure, done, userdata);

        if (r < 0)
                return r;
        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        output_request_chain(request, cure_more, c);
        c->prior = *prior;
        (void) snprintf(c->message, sizeof(c->message), "%s", v->text);
        account_presence_written(a, v->state);
        r = cure_devices_get(account_cure(a), output_request_answered, request, output_request_http(request));
        if (r < 0)
                return r;
        *ret = TAKE(request);
        return 0;
}

const struct output output_presence = {
        .name = PRESENCE_OUTPUT,
        .no_effect = "presence is probably switched off there",
        .usable = usable,
        .traits = traits,
        .want = want,
        .fall_back = fall_back,
        .read = presence_read,
        .write = presence_write,
        .give_back = presence_give_back,
        .cure = presence_cure,
        .set_standing = account_set_held,
};

/* What /sync is asked for, and how long. */
#include <criterion/criterion.h>

#include <errno.h>

#include "matrix/sync/sync.h"
#include "matrix/sync/words.h"
#include "json/json.h"

struct types {
        json_t *messages, *state, *in_call;
        struct sync_wants wants;
};

static struct types types_new(void) {
        struct types t = {
                .messages = json_pack("[ss]", "m.call.invite", "m.call.hangup"),
                .state = json_pack("[s]", "m.call.member"),
                .in_call = json_pack("[ss]", "m.room.member", "m.room.redaction"),
        };

        t.wants = (struct sync_wants){ t.messages, t.state, t.in_call };
        return t;
}

static void types_done_scoped(struct types *t) {
        cr_assert_eq(json_array_size(t->messages), 2, "what is wanted is only read");
        json_decref(t->messages);
        json_decref(t->state);
        json_decref(t->in_call);
}

static const json_t *at(const json_t *j, const char *a, const char *b) {
        return json_object_get(json_object_get(json_object_get(j, "room"), a), b);
}

static bool has(const json_t *types, const char *type) {
        size_t i;
        json_t *t;

        json_array_foreach(types, i, t) if (streq(json_string_value(t), type)) return true;
        return false;
}

static const struct filter_row {
        const char *what;
        enum sync_filter kind;
        bool own_presence;
        size_t n_timeline;
        bool member;
} filters[] = {
        { "initial", SYNC_FILTER_STATE, false, 0, false },
        { "idle", SYNC_FILTER_IDLE, true, 3, false },
        { "idle, presence off", SYNC_FILTER_IDLE, false, 3, false },
        { "in a call", SYNC_FILTER_IN_CALL, true, 5, true },
};

Test(matrix_sync, filter) {
        SCOPED(types_done) struct types types = types_new();

        for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
                const struct filter_row *row = &filters[i];
                SCOPED(json_decref)
                json_t *f = sync_filter_new(&types.wants, row->kind, "@me:hs", row->own_presence, "org.example.");
                const json_t *presence = json_object_get(f, "presence");
                const json_t *timeline = at(f, "timeline", "types");

                cr_assert_not_null(f, "%s", row->what);
                cr_assert_eq(json_array_size(timeline), row->n_timeline, "%s", row->what);
                cr_assert_eq(has(timeline, "m.room.member"), row->member, "%s", row->what);
                cr_assert_eq(has(timeline, "m.room.redaction"), row->member, "%s", row->what);
                cr_assert_eq(has(timeline, "m.call.member"), row->n_timeline > 0, "%s: state is there too", row->what);
                cr_assert(json_is_true(at(f, "state", "lazy_load_members")), "%s", row->what);
                cr_assert_eq(json_array_size(at(f, "state", "types")), 1, "%s", row->what);
                cr_assert_eq(has(at(f, "state", "senders"), "@me:hs"), row->kind == SYNC_FILTER_STATE,
                             "%s: others may replace an own key later, but are not asked for at first", row->what);
                cr_assert(json_is_array(at(f, "ephemeral", "types")), "%s", row->what);
                cr_assert(json_is_array(at(f, "account_data", "types")), "%s", row->what);
                cr_assert(has(json_object_get(json_object_get(f, "account_data"), "types"), "org.example.*"), "%s",
                          row->what);
                cr_assert_eq(json_array_size(json_object_get(presence, "types")), row->own_presence ? 1 : 0, "%s",
                             row->what);
                if (row->own_presence)
                        cr_assert(has(json_object_get(presence, "senders"), "@me:hs"), "%s", row->what);
        }
}

Test(matrix_sync, filter_without_wildcards) {
        SCOPED(types_done) struct types types = types_new();
        SCOPED(json_decref) json_t *f = sync_filter_new(&types.wants, SYNC_FILTER_IDLE, "@me:hs", false, NULL);

        cr_assert_null(json_object_get(json_object_get(f, "account_data"), "types"), "all types are asked for");
        cr_assert(json_is_array(at(f, "account_data", "types")), "but not those of rooms");
}

Test(matrix_sync, message_types_for_gaps) {
        SCOPED(types_done) struct types types = types_new();
        SCOPED(json_decref) json_t *idle = sync_message_types_new(&types.wants, false);
        SCOPED(json_decref) json_t *in_call = sync_message_types_new(&types.wants, true);

        cr_assert_eq(json_array_size(idle), 2);
        cr_assert_eq(json_array_size(in_call), 4);
        cr_assert_not(has(idle, "m.call.member"), "state comes whole, it is not read back");
}

static const struct path_row {
        const char *what;
        struct sync_query query;
        const char *path;
} paths[] = {
        { "initial",
          { "0", NULL, 7 * USEC_PER_MSEC, SET_PRESENCE_OFFLINE },
          "/_matrix/client/v3/sync?filter=0&timeout=7&set_presence=offline" },
        { "long poll",
          { "12", "s1_2", 600 * USEC_PER_SEC, SET_PRESENCE_UNAVAILABLE },
          "/_matrix/client/v3/sync?filter=12&timeout=600000&set_presence=unavailable&since=s1_2" },
        { "catching up",
          { "12", "a&b=c", 0, SET_PRESENCE_OFFLINE },
          "/_matrix/client/v3/sync?filter=12&timeout=0&set_presence=offline&since=a%26b%3Dc" },
        { "inline filter",
          { "{}", "s", USEC_PER_SEC, SET_PRESENCE_ONLINE },
          "/_matrix/client/v3/sync?filter=%7B%7D&timeout=1000&set_presence=online&since=s" },
};

Test(matrix_sync, path) {
        for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
                SCOPED(free) char *path = sync_path_new(&paths[i].query);

                cr_assert_str_eq(path, paths[i].path, "%s", paths[i].what);
        }
}

/* ---- pace ---- */

#define MAX (600 * USEC_PER_SEC)

static const struct cut_row {
        const char *what;
        long status;
        enum matrix_outcome outcome;
        usec_t ran;
        bool cut;
        const char *errcode;
} cuts[] = {
        { "gateway timeout", 504, MATRIX_UNSURE, 60 * USEC_PER_SEC, true, NULL },
        { "bad gateway", 502, MATRIX_UNSURE, 60 * USEC_PER_SEC, true, NULL },
        { "a number of the proxy's own", 524, MATRIX_UNSURE, 9 * USEC_PER_SEC, true, NULL },
        { "no capacity", 503, MATRIX_UNSURE, 60 * USEC_PER_SEC, true, NULL },
        { "request timeout", 408, MATRIX_UNSURE, 60 * USEC_PER_SEC, true, NULL },
        { "a page of a firewall", 403, MATRIX_NOT_MATRIX, 60 * USEC_PER_SEC, true, NULL },
        { "no capacity, says the homeserver", 503, MATRIX_UNSURE, 60 * USEC_PER_SEC, false, "M_UNKNOWN" },
        { "connection closed", 0, MATRIX_UNSURE, 60 * USEC_PER_SEC, true, NULL },
        { "bad gateway at once: the server is down", 502, MATRIX_UNSURE, USEC_PER_SEC, false, NULL },
        { "closed at once", 0, MATRIX_UNSURE, USEC_PER_SEC, false, NULL },
        { "nothing came in the whole time: the network is gone", 0, MATRIX_UNSURE, MAX + 30 * USEC_PER_SEC, false,
          NULL },
        { "no connection", 0, MATRIX_RETRY, 20 * USEC_PER_SEC, false, NULL },
        { "trouble in the server", 500, MATRIX_UNSURE, 60 * USEC_PER_SEC, false, "M_UNKNOWN" },
        { "too many requests", 429, MATRIX_RETRY, 60 * USEC_PER_SEC, false, NULL },
        { "signed out", 401, MATRIX_SIGNED_OUT, 60 * USEC_PER_SEC, false, NULL },
};

Test(matrix_sync, what_counts_as_cut) {
        for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
                const struct cut_row *row = &cuts[i];
                struct matrix_reply reply = { .status = row->status,
                                              .outcome = row->outcome,
                                              .errcode = row->errcode };
                struct sync_pace p;

                sync_pace_init(&p, MAX);
                cr_assert_eq(sync_pace_cut(&p, &reply, MAX, row->ran, USEC_PER_HOUR), row->cut, "%s", row->what);
                cr_assert_eq(sync_pace_timeout(&p, USEC_PER_HOUR), row->cut ? MAX / 2 : MAX, "%s", row->what);
        }
}

Test(matrix_sync, halves_to_a_floor_and_recovers_slowly) {
        struct matrix_reply cut = { .status = 504, .outcome = MATRIX_UNSURE };
        usec_t now = USEC_PER_HOUR, t;
        struct sync_pace p;

        sync_pace_init(&p, MAX);
        for (int i = 0; i < 20; i++) {
                t = sync_pace_timeout(&p, now);
                (void) sync_pace_cut(&p, &cut, t, 9 * USEC_PER_SEC, now);
        }
        t = sync_pace_timeout(&p, now);
        cr_assert_eq(t, 10 * USEC_PER_SEC);
        cr_assert_eq(sync_pace_timeout(&p, now + USEC_PER_HOUR - 1), t, "not before an hour");
        now += USEC_PER_HOUR;
        cr_assert_eq(sync_pace_timeout(&p, now), 2 * t);
        cr_assert_eq(sync_pace_timeout(&p, now), 2 * t, "one step at a time");
        for (int i = 0; i < 20; i++)
                t = sync_pace_timeout(&p, now += USEC_PER_HOUR);
        cr_assert_eq(t, MAX, "and never beyond what is set");
}

/* ---- what a poll says ---- */

static const struct word_row {
        const char *what;
        enum set_presence said;
        usec_t every; /* another client's state shows in between */
        unsigned turns;
        enum set_presence idle, held; /* are said afterwards */
} words[] = {
        { "a fight while held", SET_PRESENCE_UNAVAILABLE, USEC_PER_SEC, 5, SET_PRESENCE_NONE, SET_PRESENCE_NONE },
        { "hardly begun", SET_PRESENCE_UNAVAILABLE, USEC_PER_SEC, 4, SET_PRESENCE_NONE, SET_PRESENCE_UNAVAILABLE },
        { "as seldom as writes", SET_PRESENCE_UNAVAILABLE, 15 * USEC_PER_SEC, 100, SET_PRESENCE_NONE,
          SET_PRESENCE_UNAVAILABLE },
        { "none is no word that anybody sees", SET_PRESENCE_NONE, USEC_PER_SEC, 1, SET_PRESENCE_UNAVAILABLE,
          SET_PRESENCE_UNAVAILABLE },
};

static void take_turns(struct sync_words *w, enum set_presence said, usec_t every, unsigned turns) {
        for (unsigned i = 0; i < turns; i++) {
                sync_words_seen(w, said, "online", i * every);
                sync_words_seen(w, said, set_presence_to_string(said), i * every + USEC_PER_SEC / 2);
        }
}

Test(matrix_sync, a_word_that_fights_with_another_client_is_kept_back) {
        const struct set_presence_words says = { .while_idle = SET_PRESENCE_NONE,
                                                 .while_held = SET_PRESENCE_UNAVAILABLE,
                                                 .idle_if_refused = SET_PRESENCE_UNAVAILABLE };

        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                const struct word_row *row = &words[i];
                struct sync_words w;

                sync_words_init(&w);
                take_turns(&w, row->said, row->every, row->turns);
                cr_assert_eq(sync_words_pick(&w, &says, false), row->idle, "%s", row->what);
                cr_assert_eq(sync_words_pick(&w, &says, true), row->held, "%s", row->what);
        }
}

static bool is_minded(struct sync_words *w, usec_t now) {
        bool minded = sync_words_are_minded(w);

        sync_words_refused(w, /* sent_along= */ false, now);
        return minded;
}

/* Who refused may have been a proxy in a bad minute; a server that shows it goes on to. */
Test(matrix_sync, that_a_server_insists_on_a_word_is_asked_again) {
        const struct set_presence_words says = { .while_idle = SET_PRESENCE_NONE,
                                                 .idle_if_refused = SET_PRESENCE_UNAVAILABLE };

        for (unsigned shown = 0; shown < 2; shown++) {
                struct sync_words w;

                sync_words_init(&w);
                cr_assert(is_minded(&w, 0));
                if (shown)
                        sync_words_seen(&w, SET_PRESENCE_NONE, "none", 0);
                sync_words_age(&w, USEC_PER_MIN - 1);
                cr_assert_eq(sync_words_pick(&w, &says, false), SET_PRESENCE_UNAVAILABLE);
                sync_words_age(&w, USEC_PER_MIN);
                cr_assert_eq(sync_words_pick(&w, &says, false), shown ? SET_PRESENCE_UNAVAILABLE : SET_PRESENCE_NONE);
        }
}

Test(matrix_sync, a_server_that_insists_on_a_word_is_asked_again_once_an_hour_in_the_end) {
        struct sync_words w;
        usec_t span = 0, now = 0;

        sync_words_init(&w);
        for (unsigned i = 0; i < 10; i++) {
                cr_assert(is_minded(&w, now));
                cr_assert_gt(w.none_until, now);
                cr_assert_geq(w.none_until - now, span);
                span = w.none_until - now;
                sync_words_taken(&w, SET_PRESENCE_UNAVAILABLE);
                now = w.none_until;
                sync_words_age(&w, now);
        }
        cr_assert_eq(span, USEC_PER_HOUR);
        sync_words_taken(&w, SET_PRESENCE_NONE);
        cr_assert_not(is_minded(&w, now));
        cr_assert(is_minded(&w, now));
        cr_assert_eq(w.none_until - now, USEC_PER_MIN);
}

Test(matrix_sync, where_each_word_fights_the_least_harmful_is_said_again) {
        const struct set_presence_words says = { .while_idle = SET_PRESENCE_NONE,
                                                 .while_held = SET_PRESENCE_NONE,
                                                 .idle_if_refused = SET_PRESENCE_UNAVAILABLE,
                                                 .held_if_refused = SET_PRESENCE_UNAVAILABLE };
        struct sync_words w;

        sync_words_init(&w);
        w.none = SYNC_NONE_REFUSED;
        take_turns(&w, SET_PRESENCE_UNAVAILABLE, USEC_PER_SEC, 5);
        cr_assert_eq(sync_words_pick(&w, &says, false), SET_PRESENCE_OFFLINE);
        cr_assert_eq(sync_words_pick(&w, &says, true), SET_PRESENCE_OFFLINE);
        take_turns(&w, SET_PRESENCE_OFFLINE, USEC_PER_SEC, 5);
        cr_assert_eq(sync_words_pick(&w, &says, false), SET_PRESENCE_UNAVAILABLE);
        sync_words_age(&w, 59 * USEC_PER_MIN);
        cr_assert_gt(w.fights_until[SET_PRESENCE_OFFLINE], 0);
        sync_words_age(&w, USEC_PER_HOUR + USEC_PER_MIN);
        cr_assert_eq(w.fights_until[SET_PRESENCE_OFFLINE], 0, "the other client may be gone by now");
        cr_assert_eq(w.fights_until[SET_PRESENCE_UNAVAILABLE], 0);
}

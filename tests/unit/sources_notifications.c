/* What notifications mean, and what becomes of them: on a virtual clock, without a bus. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "sources/notifications-table.h"

#define S USEC_PER_SEC

/* ---- what the fields say ---- */

static const struct meaning_row {
        const char *what;
        struct notification n;
        enum notification_meaning meaning;
        enum call_evidence evidence; /* of those that ring or go on */
} meaning_rows[] = {
        { "1 incoming", { .category = "call.incoming" }, NOTIFICATION_RINGING, EVIDENCE_STRONG },
        { "2 KDE's incoming", { .category = "x-kde.incoming-call" }, NOTIFICATION_RINGING, EVIDENCE_STRONG },
        { "3 ongoing, unknown program", { .category = "call.ongoing" }, NOTIFICATION_ONGOING, EVIDENCE_WEAK },
        { "4 ongoing, call program",
          { .category = "call.ongoing", .known = true },
          NOTIFICATION_ONGOING,
          EVIDENCE_STRONG },
        { "5 ended", { .category = "call.ended" }, NOTIFICATION_ENDED, 0 },
        { "6 unanswered", { .category = "call.unanswered" }, NOTIFICATION_UNANSWERED, 0 },
        { "7 GNOME's unanswered", { .category = "x-gnome.call.unanswered" }, NOTIFICATION_UNANSWERED, 0 },
        { "8 the class alone", { .category = "call" }, NOTIFICATION_OTHER, 0 },
        { "9 the class, to be accepted",
          { .category = "call", .accept = "accept" },
          NOTIFICATION_RINGING,
          EVIDENCE_WEAK },
        { "10 the class, to be declined, call program",
          { .category = "call", .decline = "reject", .known = true },
          NOTIFICATION_RINGING,
          EVIDENCE_STRONG },
        { "11 the sound", { .sound = "phone-incoming-call" }, NOTIFICATION_RINGING, EVIDENCE_WEAK },
        { "12 the sound, but it is over",
          { .category = "call.ended", .sound = "phone-incoming-call" },
          NOTIFICATION_ENDED,
          0 },
        { "13 an event of KDE",
          { .kde_app = "plasma-dialer", .kde_event = "ringing" },
          NOTIFICATION_RINGING,
          EVIDENCE_STRONG },
        { "14 such an event of another", { .kde_app = "kalarm", .kde_event = "ringing" }, NOTIFICATION_OTHER, 0 },
        { "15 buttons alone", { .accept = "accept", .decline = "reject" }, NOTIFICATION_OTHER, 0 },
        { "16 a message", { .category = "im.received", .known = true }, NOTIFICATION_OTHER, 0 },
        { "17 an unknown kind of call", { .category = "call.missed" }, NOTIFICATION_OTHER, 0 },
        { "18 nothing", { .category = "" }, NOTIFICATION_OTHER, 0 },
};

Test(notification, meaning) {
        for (size_t i = 0; i < ARRAY_SIZE(meaning_rows); i++) {
                const struct meaning_row *row = &meaning_rows[i];
                enum notification_meaning m = notification_meaning(&row->n);

                cr_expect_eq(m, row->meaning, "%s: %d", row->what, m);
                if (m == NOTIFICATION_RINGING || m == NOTIFICATION_ONGOING)
                        cr_expect_eq(notification_evidence(&row->n), row->evidence, "%s: evidence", row->what);
        }
}

static const struct action_row {
        const char *what, *key, *purpose;
        bool accepts, declines;
} action_rows[] = {
        { "1 Dino", "accept", "", true, false },
        { "2 Dino", "reject", "", false, true },
        { "3 Linphone", "decline", "", false, true },
        { "4 an action of an application", "app.accept-call", "", true, false },
        { "5 upper case", "Answer", "", true, false },
        { "6 a purpose", "app.x", "call.decline", false, true },
        { "7 hanging up", "app.x", "call.hang-up", false, true },
        { "8 the body", "default", "", false, false },
        { "9 part of a word", "unacceptable", "", false, false },
        { "10 nothing", "", "", false, false },
        { "11 longer than any key", "0123456789012345678901234567890123456789012345678901234567890123456789.accept",
          "", false, false },
};

Test(notification, actions) {
        for (size_t i = 0; i < ARRAY_SIZE(action_rows); i++) {
                const struct action_row *row = &action_rows[i];
                struct notification n = { .category = "call" };

                notification_add_action(&n, row->key, row->purpose);
                cr_expect_eq(n.accept[0] != 0, row->accepts, "%s", row->what);
                cr_expect_eq(n.decline[0] != 0, row->declines, "%s", row->what);
        }
}

/* ---- what becomes of them ---- */

/* A call table stands in for the manager. */
struct seen {
        struct call_table *calls;
        usec_t now;
        unsigned ends, reports;
};

static void take_report(void *userdata, const struct call_report *r) {
        struct seen *s = userdata;
        struct call_report named = *r;

        cr_assert_str_empty(r->source);
        named.source = "test";
        s->reports++;
        cr_assert_geq(call_table_report(s->calls, &named), 0);
        call_table_date(s->calls, s->now);
}

static void take_end(void *userdata, const char *source, const char *id) {
        struct seen *s = userdata;

        s->ends++;
        (void) call_table_end(s->calls, "test", id);
}

struct fixture {
        struct seen seen;
        struct call_sink sink;
        struct notification_table *table;
};

static void begin(struct fixture *f) {
        *f = (struct fixture){ .seen.now = 1000 * S };
        f->sink = (struct call_sink){ .report = take_report, .end = take_end, .userdata = &f->seen };
        cr_assert_eq(call_table_new(&f->seen.calls), 0);
        cr_assert_eq(notification_table_new(&f->table, &f->sink), 0);
}

static void end(struct fixture *f) {
        notification_table_free(f->table);
        call_table_free(f->seen.calls);
}

static void turn(struct fixture *f) {
        (void) notification_table_run(f->table, f->seen.now);
}

static size_t count(struct fixture *f, enum call_phase phase) {
        size_t n = 0;

        turn(f);
        call_table_expire(f->seen.calls, f->seen.now);
        for (const struct call *c = call_table_next(f->seen.calls, NULL); c; c = call_table_next(f->seen.calls, c))
                n += c->phase == phase;
        return n;
}

static const char *notify(struct fixture *f, const char *sender, uint32_t replaces, uint64_t cookie,
                          const char *category) {
        struct notification n = { .accept = "accept", .decline = "decline", .app = "app" };
        const char *id;

        turn(f);
        notification_set(n.category, category);
        id = notification_table_notify(
                f->table, &(struct notification_key){ .sender = sender, .number = replaces, .cookie = cookie }, &n,
                false);
        turn(f);
        return id;
}

static void closed(struct fixture *f, const char *sender, uint32_t number) {
        notification_table_closed(f->table, &(struct notification_key){ .sender = sender, .number = number });
}

static void act(struct fixture *f, uint32_t number, const char *key) {
        notification_table_action(f->table, &(struct notification_key){ .sender = "", .number = number }, key);
        turn(f);
}

Test(notification_table, rings_no_longer_than_it_may, .description = "case 1") {
        struct fixture f;

        begin(&f);
        notify(&f, ":1.1", 0, 5, "call.incoming");
        notification_table_replied(f.table, ":1.1", 5, 7);
        f.seen.now += NOTIFICATION_RINGING_MAX - 1;
        cr_assert_eq(count(&f, CALL_RINGING_IN), 1);
        notify(&f, ":1.1", 7, 6, "call.incoming"); /* again, with another text: not anew */
        f.seen.now += 1;
        cr_assert_eq(count(&f, CALL_RINGING_IN), 0);
        act(&f, 7, "accept"); /* better late than never */
        cr_assert_eq(count(&f, CALL_ACTIVE), 1);
        end(&f);
}

Test(notification_table, accepted_counts_for_a_moment, .description = "case 2") {
        struct fixture f;

        begin(&f);
        notify(&f, ":1.1", 0, 5, "call.incoming");
        notification_table_replied(f.table, ":1.1", 5, 7);
        f.seen.now += 30 * S;
        act(&f, 7, "accept");
        closed(&f, "", 7);
        cr_assert_eq(count(&f, CALL_ACTIVE), 1);
        f.seen.now += NOTIFICATION_ANSWERED_MAX - 1;
        cr_assert_eq(count(&f, CALL_ACTIVE), 1);
        f.seen.now += 1;
        cr_assert_eq(count(&f, CALL_ACTIVE), 0);
        end(&f);
}

Test(notification_table, ongoing_goes_on, .description = "cases 3 and 4") {
        struct fixture f;

        begin(&f);
        notify(&f, ":1.1", 0, 5, "call.incoming");
        notification_table_replied(f.table, ":1.1", 5, 7);
        act(&f, 7, "accept");
        notify(&f, ":1.1", 7, 6, "call.ongoing");
        notification_table_replied(f.table, ":1.1", 6, 7);
        f.seen.now += USEC_PER_HOUR;
        cr_assert_eq(count(&f, CALL_ACTIVE), 1);
        act(&f, 7, "decline");
        cr_assert_eq(count(&f, CALL_ACTIVE), 0);
        end(&f);
}

Test(notification_table, without_a_number_nothing_lasts) {
        struct fixture f;

        begin(&f);
        notify(&f, ":1.1", 0, 0, "call.ongoing"); /* no reply is coming */
        notify(&f, ":1.1", 0, 9, "call.ongoing"); /* the reply is lost */
        f.seen.now += NOTIFICATION_RINGING_MAX - 1;
        cr_assert_eq(count(&f, CALL_ACTIVE), 2);
        f.seen.now += 1;
        cr_assert_eq(count(&f, CALL_ACTIVE), 0);
        end(&f);
}

Test(notification_table, replies_find_their_own) {
        struct fixture f;

        begin(&f);
        notify(&f, ":1.1", 0, 5, "call.incoming");
        notify(&f, ":1.2", 0, 5, "call.incoming");
        notification_table_replied(f.table, ":1.3", 5, 9); /* somebody else's */
        notification_table_replied(f.table, ":1.2", 6, 9); /* another question */
        notification_table_replied(f.table, ":1.2", 5, 8);
        notification_table_replied(f.table, ":1.1", 5, 7);
        closed(&f, "", 9);
        cr_assert_eq(count(&f, CALL_RINGING_IN), 2);
        closed(&f, ":1.1", 8); /* not its own */
        cr_assert_eq(count(&f, CALL_RINGING_IN), 2);
        closed(&f, ":1.2", 8);
        cr_assert_eq(count(&f, CALL_RINGING_IN), 1);
        notification_table_sender_gone(f.table, ":1.2");
        cr_assert_eq(count(&f, CALL_RINGING_IN), 1);
        notification_table_sender_gone(f.table, ":1.1");
        cr_assert_eq(count(&f, CALL_RINGING_IN), 0);
        end(&f);
}

Test(notification_table, an_error_ends_it) {
        struct fixture f;

        begin(&f);
        notify(&f, ":1.1", 0, 5, "call.incoming");
        notification_table_replied(f.table, ":1.1", 5, 0);
        cr_assert_eq(count(&f, CALL_RINGING_IN), 0);
        end(&f);
}

Test(notification_table, a_number_used_again_belongs_to_the_new_one) {
        struct fixture f;

        begin(&f);
        notify(&f, ":1.1", 0, 5, "call.incoming");
        notification_table_replied(f.table, ":1.1", 5, 7);
        notify(&f, ":1.2", 0, 6, "call.incoming");
        notification_table_replied(f.table, ":1.2", 6, 7);
        cr_assert_eq(count(&f, CALL_RINGING_IN), 1);
        end(&f);
}

Test(notification_table, ends_the_only_call_it_can_mean, .description = "case 6") {
        struct fixture f;

        begin(&f);
        notify(&f, ":1.1", 0, 5, "call.ongoing");
        notify(&f, ":1.1", 0, 6, "call.incoming");
        notify(&f, ":1.2", 0, 7, "call.unanswered"); /* another program's */
        notify(&f, ":1.1", 0, 8, "call.ended");      /* which one? */
        cr_assert_eq(count(&f, CALL_RINGING_IN) + count(&f, CALL_ACTIVE), 2);
        notify(&f, ":1.1", 0, 9, "call.unanswered"); /* only one rings */
        cr_assert_eq(count(&f, CALL_RINGING_IN), 0);
        notify(&f, ":1.1", 0, 10, "call.unanswered"); /* what goes on was answered */
        cr_assert_eq(count(&f, CALL_ACTIVE), 1);
        notify(&f, ":1.1", 0, 11, "call.ended");
        cr_assert_eq(count(&f, CALL_ACTIVE), 0);
        end(&f);
}

Test(notification_table, one_turn_is_one_report) {
        struct fixture f;

        begin(&f);
        (void) notification_table_notify(f.table, &(struct notification_key){ .sender = ":1.1", .cookie = 5 },
                                         &(struct notification){ .category = "call.incoming" }, false);
        notification_table_replied(f.table, ":1.1", 5, 7);
        cr_assert(notification_table_has_news(f.table));
        cr_assert_eq(f.seen.reports, 0, "nobody has told the time yet");
        cr_assert_eq(notification_table_run(f.table, f.seen.now), f.seen.now + NOTIFICATION_RINGING_MAX);
        cr_assert_eq(f.seen.reports, 1);
        cr_assert_not(notification_table_has_news(f.table));
        end(&f);
}

Test(notification_table, the_portal_counts_apart) {
        const struct notification n = { .category = "call.incoming" };
        const struct notification_key one = { .sender = ":1.1", .portal_id = "a" },
                                      two = { .sender = ":1.2", .portal_id = "a" },
                                      any = { .sender = "", .portal_id = "a" };
        struct fixture f;
        const char *id;

        begin(&f);
        id = notification_table_notify(f.table, &one, &n, true);
        cr_assert_not_null(id);
        cr_assert_eq(count(&f, CALL_RINGING_IN), 0, "it has no name yet");
        notification_table_name(f.table, id, "dino", true);
        cr_assert_eq(count(&f, CALL_RINGING_IN), 1);
        cr_assert_null(notification_table_notify(f.table, &one, &n, true), "told twice");
        notification_table_closed(f.table, &two);
        notification_table_server_gone(f.table, false);
        cr_assert_eq(count(&f, CALL_RINGING_IN), 1);
        notification_table_closed(f.table, &any);
        cr_assert_eq(count(&f, CALL_RINGING_IN), 0);
        end(&f);
}

Test(notification_table, is_bounded) {
        struct fixture f;
        char sender[32];

        begin(&f);
        for (unsigned i = 1; i <= 1000; i++)
                notify(&f, ":1.1", 0, i, "call.incoming");
        cr_assert_eq(count(&f, CALL_RINGING_IN), NOTIFICATIONS_PER_PROGRAM_MAX);
        cr_assert_eq(f.seen.reports, NOTIFICATIONS_PER_PROGRAM_MAX, "what is too much makes no noise");
        f.seen.now += 1;
        notify(&f, ":1.2", 0, 1, "call.ongoing");
        for (unsigned i = 3; i <= 1000; i++) {
                f.seen.now += 1;
                (void) snprintf(sender, sizeof(sender), ":1.%u", i);
                notify(&f, sender, 0, i, "call.incoming");
        }
        cr_assert_eq(count(&f, CALL_RINGING_IN), NOTIFICATIONS_MAX - 1);
        cr_assert_eq(count(&f, CALL_ACTIVE), 1, "ringing goes first");
        f.seen.now += NOTIFICATION_RINGING_MAX;
        cr_assert_not_null(notify(&f, ":1.1", 0, 5000, "call.incoming"), "too old ones do not count");
        notification_table_clear(f.table);
        cr_assert_eq(count(&f, CALL_RINGING_IN) + count(&f, CALL_ACTIVE), 0);
        end(&f);
}

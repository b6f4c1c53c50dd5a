/* Whose the calls of a telephony service are, so that they end with it. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "sources/telephony.h"

#define MODEM   "/Modem/0"
#define ANOTHER "/Modem/1"
#define CALL    "/Call/0"

struct stage {
        struct phone phone;
        struct call_sink sink;
        struct source_context context;
        char going[32]; /* the call that was told of and has not ended; "" */
};

static void on_report(void *userdata, const struct call_report *r) {
        struct stage *t = userdata;

        (void) snprintf(t->going, sizeof(t->going), "%s", r->id);
}

static void on_end(void *userdata, const char *source, const char *id) {
        struct stage *t = userdata;

        if (streq(t->going, id))
                t->going[0] = '\0';
}

static void reset(void *userdata) {
}

static const struct bus_service_ops ops = { .reset = reset };
static const struct source_kind kind = { .name = "phone" };

static struct stage *stage_new(void) {
        struct stage *t = calloc(1, sizeof(*t));

        cr_assert(t);
        t->sink = (struct call_sink){ .report = on_report, .end = on_end, .userdata = t };
        t->context.sink = &t->sink;
        source_init(&t->phone.bus.source, &kind, &t->context);
        t->phone.service = &phone_modemmanager;
        cr_assert_eq(bus_service_new(&t->phone.bus.service, NULL, "a.b", "A", &ops, t), 0);
        return t;
}

static void stage_free(struct stage *t) {
        while (t->phone.n_calls > 0)
                phone_gone(&t->phone, t->phone.calls[0].path);
        bus_service_free(t->phone.bus.service);
        free(t);
}

Test(sources_telephony, a_call_ends_with_its_modem_whoever_told_of_it_first) {
        struct stage *t = stage_new();

        phone_seen(&t->phone, CALL, "", CALL_ACTIVE);
        cr_expect_str_eq(t->going, CALL);
        phone_belongs(&t->phone, CALL, MODEM);
        phone_modem_gone(&t->phone, ANOTHER);
        cr_expect_str_eq(t->going, CALL);
        phone_modem_gone(&t->phone, MODEM);
        cr_expect_str_eq(t->going, "");
        stage_free(t);
}

Test(sources_telephony, it_is_known_whose_a_call_is_before_it_is_known_how_it_goes) {
        struct stage *t = stage_new();

        phone_belongs(&t->phone, CALL, MODEM);
        cr_expect_str_eq(t->going, "");
        phone_seen(&t->phone, CALL, "", CALL_ACTIVE);
        cr_expect_str_eq(t->going, CALL);
        phone_modem_gone(&t->phone, MODEM);
        cr_expect_str_eq(t->going, "");
        stage_free(t);
}

Test(sources_telephony, an_answer_says_whose_a_call_is_that_is_known) {
        struct stage *t = stage_new();

        phone_seen(&t->phone, CALL, "", CALL_RINGING_IN);
        phone_seen(&t->phone, CALL, MODEM, CALL_GONE);
        phone_seen(&t->phone, CALL, "", CALL_ACTIVE);
        phone_modem_gone(&t->phone, MODEM);
        cr_expect_str_eq(t->going, "");
        cr_expect_eq(t->phone.n_calls, 0);
        stage_free(t);
}

/* Whose a call is that does not go on takes no place from those that do. */
Test(sources_telephony, calls_that_go_on_have_precedence) {
        struct stage *t = stage_new();
        char path[32];

        for (int i = 0; i < PHONE_CALLS_MAX; i++) {
                (void) snprintf(path, sizeof(path), "/Call/%d", i + 1);
                phone_belongs(&t->phone, path, MODEM);
        }
        phone_seen(&t->phone, CALL, MODEM, CALL_ACTIVE);
        cr_expect_str_eq(t->going, CALL);
        cr_expect_eq(t->phone.n_calls, PHONE_CALLS_MAX);
        phone_modem_gone(&t->phone, MODEM);
        cr_expect_eq(t->phone.n_calls, 0);
        stage_free(t);
}

/* Which sources run: by their sections, by the buses that are there, and by who sits in front. No bus is there here,
 * so that each source says at once that it is unavailable. */
#include <criterion/criterion.h>
#include <errno.h>

#include "sources/base.h"
#include "sources/set.h"

static struct fixture {
        sd_event *event;
        struct source_set *set;
        struct call_sink sink;
        unsigned n_touched, n_ends;
} f;

static void on_report(void *userdata, const struct call_report *r) {
        cr_assert_fail("there is nothing to report");
}

static void on_end(void *userdata, const char *source, const char *id) {
        f.n_ends++;
}

static void on_touched(void *userdata) {
        f.n_touched++;
}

static void setup(void) {
        (void) unsetenv("XDG_RUNTIME_DIR");
        (void) unsetenv("PIPEWIRE_RUNTIME_DIR");
        f = (struct fixture){ .sink = { .report = on_report, .end = on_end } };
        cr_assert_geq(sd_event_new(&f.event), 0);
        cr_assert_eq(source_set_new(&f.set, f.event, NULL, &(struct source_set_handler){ &f.sink, on_touched, NULL }),
                     0);
}

static void teardown(void) {
        source_set_free(f.set);
        sd_event_unref(f.event);
}

TestSuite(source_set, .init = setup, .fini = teardown);

static struct source_view view_of(const char *name) {
        struct source_view v = { 0 };
        size_t i = 0;

        while (source_set_view(f.set, i, &v) && !streq(v.name, name))
                i++;
        cr_assert_str_eq(v.name, name, "there is no source of that name");
        return v;
}

static void expect(const char *name, enum source_state state, const char *detail) {
        struct source_view v = view_of(name);

        cr_expect_eq(v.state, state, "%s is %s", name, source_state_to_string(v.state));
        cr_expect_str_eq(v.detail, detail);
}

static const char *const some[] = { "a", "b", NULL }, *const others[] = { "a", "c", NULL }, *const none[] = { NULL };

Test(source_set, only_what_changed_begins_again) {
        struct source_settings st = { .enabled = true, .ignore = some };

        cr_assert_eq(source_set_configure(f.set, "jami", &st), 1, "begins");
        cr_assert_eq(source_set_configure(f.set, "bluez", &st), 1);
        f.n_touched = f.n_ends = 0;
        cr_assert_eq(source_set_configure(f.set, "jami", &st), 0, "the same");
        st.only = none;
        cr_assert_eq(source_set_configure(f.set, "jami", &st), 0, "an empty list is none");
        cr_assert_eq(f.n_touched, 0);
        st.ignore = others;
        cr_assert_eq(source_set_configure(f.set, "jami", &st), 1, "another list");
        st.call_apps = some;
        cr_assert_eq(source_set_configure(f.set, "jami", &st), 1);
        st.reasons = some;
        cr_assert_eq(source_set_configure(f.set, "jami", &st), 1);
        cr_assert_gt(f.n_touched, 0);
        cr_assert_eq(source_set_configure(f.set, "jamy", &st), -ENOENT);
}

Test(source_set, what_is_not_enabled_is_off) {
        struct source_settings st = { .enabled = true };

        expect("jami", SOURCE_OFF, "");
        (void) source_set_configure(f.set, "jami", &st);
        expect("jami", SOURCE_UNAVAILABLE, "the bus is not there");
        st.enabled = false;
        cr_assert_eq(source_set_configure(f.set, "jami", &st), 1);
        expect("jami", SOURCE_OFF, "");
}

Test(source_set, says_why_it_does_not_watch) {
        const struct source_settings st = { .enabled = true };

        (void) source_set_configure(f.set, "jami", &st);
        (void) source_set_configure(f.set, "bluez", &st);
        expect("bluez", SOURCE_UNAVAILABLE, "there is no system bus");
        source_set_set_system_bus(f.set, NULL, "the system bus is gone");
        expect("bluez", SOURCE_UNAVAILABLE, "the system bus is gone");
        source_set_set_away(f.set, true);
        expect("bluez", SOURCE_UNAVAILABLE, "your session is not in front");
        expect("jami", SOURCE_UNAVAILABLE, "your session is not in front");
        expect("ofono", SOURCE_OFF, "");
        source_set_set_away(f.set, false);
        expect("bluez", SOURCE_UNAVAILABLE, "the system bus is gone");
}

Test(source_set, is_settled_once_all_have_told) {
        const struct source_settings st = { .enabled = true };

        for (size_t i = 0; source_kinds[i]; i++)
                cr_assert_eq(source_set_configure(f.set, source_kinds[i]->name, &st), 1);
        cr_assert(source_set_is_settled(f.set));
        cr_assert_eq(source_set_run(f.set, 1000), USEC_NEVER, "nothing to try again: what is missing will tell");
}

/* Where a library was not there to build with. */
Test(source_set, what_was_not_built_says_so) {
        const struct source_kind kind = { .name = "none",
                                          .row = "busyd was built without it",
                                          .start = source_start_absent };
        struct source *s = NULL;

        cr_assert_eq(kind.start(&s, &kind, &(struct source_context){ .sink = &f.sink, .touched = on_touched }), 0);
        cr_expect_eq(source_state(s), SOURCE_OFF);
        cr_expect_str_eq(source_detail(s), "busyd was built without it");
        cr_expect_eq(f.n_touched, 1);
        cr_assert_null(source_stop_absent(s));
}

/* The driver of a claim and its journal without memory: nothing is written that is not owed on disk, and all is given
 * back in the end. */
#include "busyd/journal-door.h"
#include "matrix_driver_stage.h"
#include "scarce/scarce.h"
#include "util_temp.h"

/* In place of the C library's: nothing here has to outlive the machine, and there are thousands. */
int fsync(int fd) {
        return 0;
}

struct play {
        struct temp_dir dir;
        struct journal_door door;
        struct stage *stage;
};

static bool is_owed(struct stage *s) {
        struct claim_owed owed;

        return s->door.get(s->door.userdata, "home", "scripted", &owed) == 0;
}

/* Called while memory is refused: what is asserted needs none as long as it holds. */
static void look(struct stage *s) {
        if (s->asked == WRITE && streq(s->written.state, "busy"))
                cr_assert(is_owed(s), "busy is on its way, and nobody knows");
}

static void open_state(struct play *p) {
        cr_assert_eq(state_open(&p->door.state, p->dir.path, NULL, NULL), 0);
        p->stage->door = journal_door_of(&p->door);
}

static void play_open(struct play *p) {
        p->stage = calloc(1, sizeof(*p->stage));
        *p->stage = stage_of_kind(p->stage, /* fixed= */ true);
        p->stage->look = look;
        open_state(p);
        start(p->stage);
}

static void play_close(struct play *p) {
        driver_free(p->stage->driver);
        state_free(p->door.state);
        free(p->stage);
}

static void expect_given_back(struct play *p, const struct scarce *s) {
        go_on(p->stage, USEC_PER_HOUR);
        cr_assert_str_eq(phase(p->stage), "free", "%s", scarce_where(s));
        cr_assert_str_eq(p->stage->shown.state, "online", "stuck busy, %s", scarce_where(s));
        cr_assert_str_eq(p->stage->shown.text, "Reading", "%s", scarce_where(s));
        cr_assert_not(is_owed(p->stage), "%s", scarce_where(s));
}

static void pass_scarcely(struct play *p, struct scarce *s, bool busy, usec_t span) {
        scarce_begin(s);
        set_busy(p->stage, busy, NULL);
        go_on(p->stage, span);
        scarce_end(s);
}

Test(matrix_driver_scarce, what_is_written_is_owed_and_given_back) {
        struct play p = { .dir = temp_dir() };

        for (struct scarce s = scarce(); scarce_again(&s);) {
                play_open(&p);
                pass_scarcely(&p, &s, true, USEC_PER_MIN);
                pass_scarcely(&p, &s, false, USEC_PER_MIN);
                cr_assert(streq(p.stage->shown.state, "online") || is_owed(p.stage), "crossed out too early, %s",
                          scarce_where(&s));
                expect_given_back(&p, &s);
                play_close(&p);
        }
        temp_dir_scoped(&p.dir);
}

/* With all the memory again, the call shows. */
Test(matrix_driver_scarce, a_call_shows_as_soon_as_there_is_memory) {
        struct play p = { .dir = temp_dir() };

        for (struct scarce s = scarce(); scarce_again(&s);) {
                play_open(&p);
                pass_scarcely(&p, &s, true, USEC_PER_SEC);
                go_on(p.stage, 10 * USEC_PER_MIN);
                cr_assert_str_eq(p.stage->shown.state, "busy", "%s", scarce_where(&s));
                set_busy(p.stage, false, NULL);
                expect_given_back(&p, &s);
                play_close(&p);
        }
        temp_dir_scoped(&p.dir);
}

/* busyd dies of it, in the middle of the call or of its end. */
static void die_and_come_back(bool ends) {
        struct play p = { .dir = temp_dir() };

        for (struct scarce s = scarce(); scarce_again(&s);) {
                play_open(&p);
                scarce_begin(&s);
                set_busy(p.stage, true, NULL);
                go_on(p.stage, USEC_PER_SEC);
                if (ends) {
                        set_busy(p.stage, false, NULL);
                        run(p.stage);
                }
                scarce_end(&s);
                driver_free(p.stage->driver);
                p.stage->asked = NOTHING;
                state_free(p.door.state);
                open_state(&p);
                start(p.stage);
                expect_given_back(&p, &s);
                play_close(&p);
        }
        temp_dir_scoped(&p.dir);
}

Test(matrix_driver_scarce, what_stands_is_given_back_after_a_death_in_the_call) {
        die_and_come_back(false);
}

Test(matrix_driver_scarce, what_stands_is_given_back_after_a_death_at_its_end) {
        die_and_come_back(true);
}

/* What other machines tell is told again; without memory, what they told before stands. */
Test(matrix_driver_scarce, what_other_machines_tell) {
        struct play p = { .dir = temp_dir() };

        for (struct scarce s = scarce(); scarce_again(&s);) {
                struct claim_other others[2] = { { .live = true }, { .live = true } };

                play_open(&p);
                for (size_t i = 0; i < ARRAY_SIZE(others); i++)
                        others[i].owed = (struct claim_owed){ .prior = { "online", "Reading" },
                                                              .ours = { { "busy", "In a call" } },
                                                              .n_ours = 1,
                                                              .order = (unsigned) i + 1,
                                                              .state_claimed = true };
                scarce_begin(&s);
                driver_machines_changed(p.stage->driver, others, 1, p.stage->now);
                driver_machines_changed(p.stage->driver, others, 2, p.stage->now);
                scarce_end(&s);
                driver_machines_changed(p.stage->driver, NULL, 0, p.stage->now);
                set_busy(p.stage, true, NULL);
                go_on(p.stage, 10 * USEC_PER_MIN);
                set_busy(p.stage, false, NULL);
                expect_given_back(&p, &s);
                play_close(&p);
        }
        temp_dir_scoped(&p.dir);
}

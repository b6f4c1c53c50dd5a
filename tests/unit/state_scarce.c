/* What survives busyd, without memory: what is owed is never lost, and nothing is kept by half. */
#include <errno.h>
#include "json/json.h"

#include "scarce/scarce.h"
#include "state/crypto-store.h"
#include "state/owed.h"
#include "state/session.h"
#include "state/state.h"
#include "util_temp.h"

/* In place of the C library's: nothing here has to outlive the machine, and there are thousands. */
int fsync(int fd) {
        return 0;
}

static struct state *open_state(const struct temp_dir *t, struct told *told) {
        struct state *s = NULL;

        cr_assert_eq(state_open(&s, t->path, told ? told_add : NULL, told), 0);
        return s;
}

static struct state_claim claim(const char *words, const char *prior) {
        struct state_claim c = { .account = "home", .output = "presence", .since_wall = 5 };

        (void) claim_value_set(&c.owed.prior, "online", prior);
        (void) claim_value_set(&c.owed.ours[0], "busy", words);
        c.owed.n_ours = 1;
        c.owed.order = 3;
        c.owed.state_claimed = c.owed.text_claimed = c.owed.unsure = c.owed.given_back = c.owed.ahead = true;
        c.owed.added = CLAIM_STATE | CLAIM_TEXT;
        return c;
}

static void expect_claim(const struct state *s, const struct state_claim *c, const char *where) {
        struct state_claim back;

        cr_assert_eq(state_get_claim(s, c->account, c->output, &back), 0, "lost, %s", where);
        cr_assert(claim_value_equal(&back.owed.prior, &c->owed.prior), "%s", where);
        cr_assert_eq(back.owed.n_ours, 1, "%s", where);
        cr_assert(claim_value_equal(&back.owed.ours[0], &c->owed.ours[0]), "%s", where);
        cr_assert(back.owed.state_claimed && back.owed.text_claimed && back.owed.unsure && back.owed.given_back &&
                          back.owed.ahead && back.owed.added == (CLAIM_STATE | CLAIM_TEXT),
                  "a mark is gone, %s", where);
        cr_assert_eq(back.since_wall, c->since_wall, "%s", where);
}

/* A file that is put aside was taken for damaged, and it never is. */
static struct state *reopen(struct state *s, const struct temp_dir *t, const char *where) {
        static struct told told;

        told.n = 0;
        state_free(s);
        s = open_state(t, &told);
        cr_assert_eq(told.n, 0, "%s: %s", where, told.sentences[0]);
        return s;
}

Test(state_scarce, a_claim_is_kept_whole_or_what_was_there_before) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();

        for (struct scarce s = scarce(); scarce_again(&s);) {
                struct state *state = open_state(&t, NULL);
                struct state_claim one = claim("In a call", "At my desk"), two = claim("Busy", "Reading");
                const struct state_claim *now;
                int r;

                cr_assert_eq(state_put_claim(state, &one), 0);
                scarce_begin(&s);
                r = state_put_claim(state, &two);
                scarce_end(&s);
                cr_assert(r == 0 || r == -ENOMEM, "%d, %s", r, scarce_where(&s));
                now = r == 0 ? &two : &one;
                expect_claim(state, now, scarce_where(&s));
                state = reopen(state, &t, scarce_where(&s));
                expect_claim(state, now, scarce_where(&s));
                state_free(state);
        }
}

Test(state_scarce, a_claim_that_cannot_be_crossed_out_stays) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();

        for (struct scarce s = scarce(); scarce_again(&s);) {
                struct state *state = open_state(&t, NULL);
                struct state_claim one = claim("In a call", "At my desk"), other = claim("In a call", "Away"), back;
                int r;

                other.account = "work";
                cr_assert_eq(state_put_claim(state, &one), 0);
                cr_assert_eq(state_put_claim(state, &other), 0);
                scarce_begin(&s);
                r = state_remove_claim(state, "home", "presence");
                scarce_end(&s);
                cr_assert(r == 0 || r == -ENOMEM);
                state = reopen(state, &t, scarce_where(&s));
                expect_claim(state, &other, scarce_where(&s));
                if (r < 0)
                        expect_claim(state, &one, scarce_where(&s));
                else
                        cr_assert_eq(state_get_claim(state, "home", "presence", &back), -ENOENT);
                state_free(state);
        }
}

Test(state_scarce, what_is_owed_is_read_or_the_start_fails) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct state_claim one = claim("In a call", "At my desk");
        static struct told told;

        for (struct scarce s = scarce(); scarce_again(&s);) {
                struct state *state = open_state(&t, NULL);
                int r;

                cr_assert_eq(state_put_claim(state, &one), 0);
                cr_assert_eq(
                        state_put_account(state, "home", &(struct state_account){ .since = "s1", .device_id = "D" }),
                        0);
                state = state_free(state);
                told.n = 0;
                scarce_begin(&s);
                r = state_open(&state, t.path, told_add, &told);
                scarce_end(&s);
                cr_assert(r == 0 || r == -ENOMEM, "%d, %s", r, scarce_where(&s));
                cr_assert_eq(told.n, 0, "%s: %s", scarce_where(&s), told.sentences[0]);
                if (r == 0) {
                        expect_claim(state, &one, scarce_where(&s));
                        state = reopen(state, &t, scarce_where(&s));
                } else
                        state = open_state(&t, &told);
                expect_claim(state, &one, scarce_where(&s));
                state_free(state);
        }
        cr_assert_not(temp_exists(&t, "claims.json.broken"));
}

/* As `busyctl logout` asks. */
Test(state_scarce, whether_something_is_owed_is_never_denied) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct state *state = open_state(&t, NULL);
        struct state_claim one = claim("In a call", "At my desk");

        cr_assert_eq(state_put_claim(state, &one), 0);
        state_free(state);
        for (struct scarce s = scarce(); scarce_again(&s);) {
                int r;

                scarce_begin(&s);
                r = state_owes(t.path, "home");
                scarce_end(&s);
                cr_assert(r == 1 || r == -ENOMEM, "%d, %s", r, scarce_where(&s));
        }
}

Test(state_scarce, a_position_is_kept_with_its_device) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();

        for (struct scarce s = scarce(); scarce_again(&s);) {
                struct state *state = open_state(&t, NULL);
                const struct state_account before = { .since = "s1", .device_id = "ONE", .since_at_wall = 1 };
                const struct state_account after = { .since = "s2", .device_id = "TWO", .since_at_wall = 2 };
                struct state_account back;
                int r;

                cr_assert_eq(state_put_account(state, "home", &before), 0);
                scarce_begin(&s);
                r = state_put_account(state, "home", &after);
                scarce_end(&s);
                cr_assert(r == 0 || r == -ENOMEM, "%d, %s", r, scarce_where(&s));
                for (int i = 0; i < 2; i++) {
                        cr_assert_eq(state_get_account(state, "home", &back), 0);
                        cr_assert(back.since && back.device_id, "kept by half, %s", scarce_where(&s));
                        cr_assert_str_eq(back.since, r == 0 ? "s2" : "s1");
                        cr_assert_str_eq(back.device_id, r == 0 ? "TWO" : "ONE");
                        state = reopen(state, &t, scarce_where(&s));
                }
                state_free(state);
        }
}

/* Written later, once a turn, and at the end. */
Test(state_scarce, what_cannot_be_written_is_written_later) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        usec_t now = 1;

        for (struct scarce s = scarce(); scarce_again(&s);) {
                struct state *state = open_state(&t, NULL);
                struct state_account back;

                cr_assert_eq(state_put_account(state, "home", &(struct state_account){ .since = "s1" }), 0);
                cr_assert_eq(state_put_mode(state, &(struct state_mode){ .mode = MODE_FREE }), 0);
                scarce_begin(&s);
                (void) state_run(state, now);
                (void) state_run(state, now + USEC_PER_SEC);
                scarce_end(&s);
                now += USEC_PER_HOUR;
                (void) state_run(state, now);
                (void) state_run(state, now + USEC_PER_HOUR);
                cr_assert_str_eq(state_problem(state), "");
                state = reopen(state, &t, scarce_where(&s));
                cr_assert_eq(state_get_account(state, "home", &back), 0);
                cr_assert(back.since, "%s", scarce_where(&s));
                state_free(state);
        }
}

/* The rest of it: whatever is said to be kept is, in whole. */
Test(state_scarce, the_users_word_and_the_history) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        const struct state_ignored ignored = { .app = "recorder", .source = "pipewire" };

        for (struct scarce s = scarce(); scarce_again(&s);) {
                struct state *state = open_state(&t, NULL);
                int mode, ignore, allow, change, effect, desktop, undone;
                struct state_effect e;
                struct state_ignored i;
                struct state_mode m;

                (void) state_remove_ignored(state, &ignored);
                scarce_begin(&s);
                mode = state_put_mode(
                        state,
                        &(struct state_mode){ .mode = MODE_BUSY, .until_wall = 7, .message = "At the dentist" });
                ignore = state_add_ignored(state, &ignored);
                change = state_add_change(state, &(struct state_change){ 9, true, "a call" });
                effect = state_add_effect(state, &(struct state_effect){ 9, "on-busy", true, "done" });
                desktop = state_put_desktop(state, "quiet", "off");
                scarce_end(&s);
                for (int round = 0; round < 2; round++) {
                        cr_assert_eq(state_get_mode(state, &m), 0);
                        cr_assert(mode < 0 || (m.mode == MODE_BUSY && streq(m.message, "At the dentist")));
                        cr_assert(ignore < 0 || (state_ignored_at(state, 0, &i) == 0 && streq(i.source, "pipewire")));
                        cr_assert(change < 0 || streq(state_change(state, 0)->reason, "a call"));
                        cr_assert(effect < 0 || (state_effect_at(state, 0, &e) == 0 && streq(e.outcome, "done")));
                        cr_assert(desktop < 0 || streq(state_get_desktop(state, "quiet"), "off"));
                        state = reopen(state, &t, scarce_where(&s));
                }
                scarce_begin(&s);
                allow = state_remove_ignored(state, &ignored);
                undone = state_remove_desktop(state, "quiet");
                scarce_end(&s);
                cr_assert(allow < 0 || state_ignored_at(state, 0, &i) == -ENOENT);
                cr_assert(undone < 0 || !state_get_desktop(state, "quiet"));
                state_free(state);
        }
}

Test(state_scarce, what_is_owed_as_json) {
        struct state_claim one = claim("In a call", "At my desk");

        for (struct scarce s = scarce(); scarce_again(&s);) {
                SCOPED(json_decref) json_t *o = NULL;
                struct claim_owed back;

                scarce_begin(&s);
                o = owed_to_json(&one.owed);
                scarce_end(&s);
                if (!o) {
                        cr_assert_gt(s.refused, 0);
                        continue;
                }
                cr_assert(owed_from_json(o, &back), "%s", scarce_where(&s));
                cr_assert(back.unsure && back.given_back && back.ahead && back.added == one.owed.added, "%s",
                          scarce_where(&s));
        }
}

/* ---- sessions ---- */

static const struct session oauth = {
        .homeserver = (char *) "https://hs",
        .user_id = (char *) "@me:hs",
        .device_id = (char *) "D",
        .access_token = (char *) "syt_access",
        .refresh_token = (char *) "syr_refresh",
        .expires_at = 1700000000 * USEC_PER_SEC,
        .client_id = (char *) "client",
        .token_endpoint = (char *) "https://as/token",
        .revocation_endpoint = (char *) "https://as/revoke",
        .keyring_id = (char *) "item",
};

static void expect_session(const struct session *s, const char *where) {
        cr_assert(session_is_same(s, &oauth), "%s", where);
        cr_assert_str_eq(s->access_token, "syt_access", "%s", where);
        cr_assert(s->refresh_token && s->client_id && s->token_endpoint && s->revocation_endpoint && s->keyring_id,
                  "kept by half, %s", where);
        cr_assert_eq(s->expires_at, oauth.expires_at, "%s", where);
}

Test(state_scarce, a_session_is_written_whole_or_not_at_all) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();

        for (struct scarce s = scarce(); scarce_again(&s);) {
                SCOPED(session_done) struct session back = { 0 };
                int r;

                (void) session_remove(t.path, "home");
                scarce_begin(&s);
                r = session_save(t.path, "home", &oauth);
                scarce_end(&s);
                cr_assert(r == 0 || r == -ENOMEM, "%d, %s", r, scarce_where(&s));
                cr_assert_eq(session_load(t.path, "home", &back), r == 0 ? 0 : -ENOENT, "%s", scarce_where(&s));
                if (r == 0)
                        expect_session(&back, scarce_where(&s));
        }
}

Test(state_scarce, a_session_is_read_whole_or_not_at_all) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();

        cr_assert_eq(session_save(t.path, "home", &oauth), 0);
        for (struct scarce s = scarce(); scarce_again(&s);) {
                SCOPED(session_done) struct session back = { 0 };
                int r;

                scarce_begin(&s);
                r = session_load(t.path, "home", &back);
                scarce_end(&s);
                cr_assert(r == 0 || r == -ENOMEM, "taken for a broken one: %d, %s", r, scarce_where(&s));
                if (r == 0)
                        expect_session(&back, scarce_where(&s));
        }
}

Test(state_scarce, the_tokens_go_to_the_keyring_and_back_whole) {
        for (struct scarce s = scarce(); scarce_again(&s);) {
                SCOPED(session_done) struct session back = { 0 };
                SCOPED(erase_and_free) char *secret = NULL;
                int r;

                cr_assert_eq(session_copy(&back, &oauth), 0);
                scarce_begin(&s);
                r = session_secret_make(&oauth, &secret);
                if (r == 0)
                        r = session_secret_take(&back, secret);
                scarce_end(&s);
                cr_assert(r == 0 || r == -ENOMEM, "%d, %s", r, scarce_where(&s));
                expect_session(&back, scarce_where(&s));
        }
}

Test(state_scarce, a_copy_and_new_tokens) {
        const struct token_pair pair = { .access_token = "new", .refresh_token = "newer", .expires_wall = 5 };

        for (struct scarce s = scarce(); scarce_again(&s);) {
                SCOPED(session_done) struct session copy = { 0 };
                int r, k = -1, token = -1;

                scarce_begin(&s);
                r = session_copy(&copy, &oauth);
                if (r == 0)
                        k = session_set_tokens(&copy, &pair);
                if (k == 0)
                        token = session_set_token(&copy, "newest");
                scarce_end(&s);
                if (r < 0)
                        cr_assert_null(copy.homeserver);
                else if (k < 0)
                        expect_session(&copy, scarce_where(&s));
                else if (token < 0)
                        cr_assert_str_eq(copy.refresh_token, "newer");
                else
                        cr_assert_null(copy.refresh_token);
        }
}

/* ---- the device for encrypted rooms ---- */

static struct crypto_store device(void) {
        struct crypto_store c = { .user_id = (char *) "@me:hs", .device_id = (char *) "D", .has_key = true };

        c.receiver = json_pack("{ss}", "sessions", "...");
        return c;
}

Test(state_scarce, a_device_is_kept_whole_or_not_at_all) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct crypto_store c = device();

        for (struct scarce s = scarce(); scarce_again(&s);) {
                SCOPED(crypto_store_done) struct crypto_store back = { 0 };
                int r, k;

                (void) crypto_store_remove(t.path, "home");
                scarce_begin(&s);
                r = crypto_store_save(t.path, "home", &c);
                scarce_end(&s);
                cr_assert(r == 0 || r == -ENOMEM, "%d, %s", r, scarce_where(&s));
                k = crypto_store_load(t.path, "home", &back);
                cr_assert_eq(k, r == 0 ? 0 : -ENOENT, "kept without its key: %d, %s", k, scarce_where(&s));
        }
        json_decref(c.receiver);
}

Test(state_scarce, a_device_is_read_whole_or_not_at_all) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct crypto_store c = device();

        cr_assert_eq(crypto_store_save(t.path, "home", &c), 0);
        for (struct scarce s = scarce(); scarce_again(&s);) {
                SCOPED(crypto_store_done) struct crypto_store back = { 0 };
                int r;

                scarce_begin(&s);
                r = crypto_store_load(t.path, "home", &back);
                scarce_end(&s);
                cr_assert(r == 0 || r == -ENOMEM, "%d, %s", r, scarce_where(&s));
                cr_assert_eq(back.receiver != NULL, r == 0);
        }
        json_decref(c.receiver);
}

/* Nobody who is short of memory throws away what is whole in it. */
Test(state_scarce, what_is_whole_in_a_damaged_file_is_found) {
        SCOPED(temp_dir) struct temp_dir t = temp_dir();
        struct state_claim one = claim("In a call", "At my desk"), other = claim("In a call", "Away");
        struct state *state = open_state(&t, NULL);
        SCOPED(free) char *text = NULL;

        other.account = "work";
        cr_assert_eq(state_put_claim(state, &one), 0);
        cr_assert_eq(state_put_claim(state, &other), 0);
        state_free(state);
        cr_assert_eq(file_read(temp_path(&t, "claims.json"), 8192, &text, NULL), 0);
        *strstr(text, "Away") = 'x';
        for (struct scarce s = scarce(); scarce_again(&s);) {
                int r;

                temp_write(&t, "claims.json", text);
                (void) unlink(temp_path(&t, "claims.json.broken"));
                scarce_begin(&s);
                r = state_open(&state, t.path, NULL, NULL);
                scarce_end(&s);
                cr_assert(r == 0 || r == -ENOMEM, "%d, %s", r, scarce_where(&s));
                if (r < 0)
                        state = open_state(&t, NULL);
                expect_claim(state, &one, scarce_where(&s));
                state = reopen(state, &t, scarce_where(&s));
                expect_claim(state, &one, scarce_where(&s));
                state_free(state);
        }
}

/* The receiving device without memory: what came to it is dealt with in the end, whatever ran out on the way. */
#include "crypto/device-stage.h"
#include "scarce/scarce.h"

static void begin_scarcely(void) {
        fill_errors();
        begin();
}

TestSuite(crypto_scarce, .init = begin_scarcely, .fini = end);

/* For the next round. */
static void put_back(json_t *before) {
        r = receiver_free(r);
        json_decref(disk);
        disk = json_incref(before);
}

static struct receiver_sync messages_only(const json_t *messages) {
        return (struct receiver_sync){ .to_device = messages };
}

/* As its owner would: what it says is stored. */
static int take_and_store(const json_t *messages) {
        struct receiver_sync sync = messages_only(messages);
        struct receiver_order o = { .step = RECEIVER_IDLE };
        json_t *stored = NULL;
        int e = receiver_take_sync(r, &sync, &at), e2 = receiver_decide_unasked(r, &at, &o);

        if (e2 < 0 || o.step != RECEIVER_SAVE)
                return e < 0 ? e : e2;
        e2 = receiver_store(r, key, &stored);
        if (e2 < 0)
                return e2;
        json_decref(disk);
        disk = stored;
        receiver_saved(r);
        return e;
}

static void read_scarcely(bool dies) {
        SCOPED(json_decref) json_t *messages = NULL, *before = NULL, *event = NULL;

        get_going();
        claim(&bob);
        messages = json_pack("[oo]", key_message(&bob), key_message(&bob));
        event = invite(&bob);
        before = json_incref(disk);
        for (struct scarce s = scarce(); scarce_again(&s);) {
                int e;

                load();
                scarce_begin(&s);
                e = take_and_store(messages);
                scarce_end(&s);
                cr_assert(e == 0 || (e == -ENOMEM && s.refused > 0), "%s: %d", scarce_where(&s), e);
                if (dies)
                        load();
                if (dies || e < 0)
                        cr_assert_eq(take_and_store(messages), 0);
                cr_assert_eq(receiver_facts(r).n_room_keys, 2, "%zu, %s", receiver_facts(r).n_room_keys,
                             scarce_where(&s));
                cr_assert_eq(receiver_facts(r).n_unreadable + receiver_facts(r).n_refused, 0, "%s", scarce_where(&s));
                load();
                cr_assert_eq(verdict_as(&bob, "$1", json_incref(event)), ROOM_READ, "%s", scarce_where(&s));
                put_back(before);
        }
}

Test(crypto_scarce, a_key_that_came_is_kept) {
        read_scarcely(false);
}

Test(crypto_scarce, a_key_that_came_is_kept_over_a_death) {
        read_scarcely(true);
}

/* ---- what the server says of devices ---- */

static struct receiver_order query(void) {
        struct receiver_order o;

        cr_assert_eq(receiver_decide(r, &at, &o), 0);
        cr_assert_eq(o.step, RECEIVER_QUERY);
        return o;
}

Test(crypto_scarce, what_was_asked_of_devices_is_known_or_asked_again) {
        SCOPED(json_decref) json_t *event = NULL, *before = NULL;

        get_going();
        claim(&carol);
        take_messages(json_pack("[o]", key_message_without_device(&carol)));
        event = invite(&carol);
        save();
        before = json_incref(disk);
        for (struct scarce s = scarce(); scarce_again(&s);) {
                struct receiver_order o;
                SCOPED(json_decref) json_t *answer = NULL;
                enum own_state state;

                load();
                o = query();
                answer = query_answer(o.body);
                json_decref(o.body);
                scarce_begin(&s);
                (void) receiver_queried(r, answer, &at);
                scarce_end(&s);
                state = receiver_facts(r).own;
                cr_assert(state == OWN_SIGNED || (state == OWN_UNKNOWN && s.refused > 0), "%d, %s", state,
                          scarce_where(&s));
                cr_assert_eq(receiver_facts(r).n_room_keys, 1, "%s", scarce_where(&s));
                at.now += USEC_PER_HOUR;
                cr_assert(work());
                cr_assert_eq(receiver_facts(r).own, OWN_SIGNED, "%s", scarce_where(&s));
                cr_assert_eq(verdict_as(&carol, "$1", json_incref(event)), ROOM_READ, "%s", scarce_where(&s));
                put_back(before);
        }
}

/* Nobody is asked about it again. */
Test(crypto_scarce, a_key_of_a_device_that_is_known_is_proven) {
        SCOPED(json_decref) json_t *message = NULL, *event = NULL, *before = NULL;

        get_going();
        claim(&carol);
        take_messages(json_pack("[o]", key_message_without_device(&carol)));
        save();
        before = json_incref(disk);
        message = json_pack("[o]", key_message_without_device(&carol));
        event = invite(&carol);
        for (struct scarce s = scarce(); scarce_again(&s);) {
                int e;

                load();
                at.now += USEC_PER_HOUR;
                cr_assert(work());
                scarce_begin(&s);
                e = take_and_store(message);
                scarce_end(&s);
                if (e < 0)
                        cr_assert_eq(take_and_store(message), 0);
                cr_assert_eq(verdict_as(&carol, "$1", json_incref(event)), ROOM_READ, "%s", scarce_where(&s));
                put_back(before);
        }
}

/* ---- healing ---- */

static struct receiver_order claim_of(struct sender *s) {
        SCOPED(json_decref) json_t *message = NULL;
        struct receiver_order o = { .step = RECEIVER_SAVE };

        sender_begin(s, &own, own.curve25519);
        message = json_pack("[o]", key_message(s));
        cr_assert_eq(take_and_store(message), 0);
        while (o.step != RECEIVER_CLAIM) {
                SCOPED(json_decref) json_t *answer = NULL;

                cr_assert_eq(receiver_decide(r, &at, &o), 0);
                if (o.step == RECEIVER_SAVE)
                        receiver_saved(r);
                else if (o.step == RECEIVER_QUERY) {
                        answer = query_answer(o.body);
                        json_decref(o.body);
                        cr_assert_eq(receiver_queried(r, answer, &at), 0);
                } else
                        cr_assert_eq(o.step, RECEIVER_CLAIM);
        }
        return o;
}

Test(crypto_scarce, what_heals_a_session_is_sent_in_the_end) {
        SCOPED(json_decref) json_t *before = NULL;

        get_going();
        before = json_incref(disk);
        for (struct scarce s = scarce(); scarce_again(&s);) {
                SCOPED(json_decref) json_t *answer = NULL;
                struct receiver_order o;

                load();
                n_sent = 0;
                o = claim_of(&bob);
                answer = claim_answer(o.body);
                json_decref(o.body);
                scarce_begin(&s);
                (void) receiver_claimed(r, answer, &at);
                scarce_end(&s);
                cr_assert(work());
                cr_assert_eq(n_sent, 1, "%zu, %s", n_sent, scarce_where(&s));
                take_messages(json_pack("[o]", key_message(&bob)));
                cr_assert_eq(receiver_facts(r).n_unreadable, 1, "%s", scarce_where(&s));
                cr_assert_eq(verdict_as(&bob, "$1", invite(&bob)), ROOM_READ, "%s", scarce_where(&s));
                at.now += 2 * USEC_PER_HOUR;
                put_back(before);
        }
}

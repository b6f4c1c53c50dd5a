/* What the words of a legacy call mean for one of the users in its room. The cases, as the tests number them:
 *
 *  outgoing   1 invited                     -> ringing out until its lifetime is over
 *             2 somebody answers            -> in call, with who answered first
 *             3 own select_answer           -> in call with that party; ended if it had rejected
 *             4 reject before any answer    -> ended
 *             5 hangup by me, by the callee -> ended; before an answer also by a version 0 callee
 *  incoming  11 invited (me or all)         -> ringing in until its lifetime is over
 *            12 I answer from any device    -> in call
 *            13 caller selects my answer    -> in call
 *            14 caller selects another      -> ended; in version 0 another's earlier answer does it; one that is not
 *                                              known: as if it had never rung, until that is my answer
 *            15 I reject, before an answer  -> ended
 *            16 hangup by the caller, by me -> ended
 *  unknown   21 I answer                    -> in call
 *            22 I negotiate                 -> in call
 *            23 hangup by me, by anybody    -> ended
 *
 * A hangup during the call counts only from a party of it; a party that is not said on either side is everybody. */
#include "matrix/calls/voip-call.h"

#include <errno.h>

#include "json/json.h"
#include "matrix/calls/names.h"

/* Of ids that have no limit of their own in the specification. */
#define PARTY_ID_BYTES_MAX 255
/* The specification's least lifetime, for an invite that has none. */
#define LIFETIME_DEFAULT_MSEC 90000

int voip_call_new(struct voip_call **ret, const char *room_id, const char *call_id, const char *report_id) {
        SCOPED(voip_call_free) struct voip_call *c = calloc(1, sizeof(*c));

        if (!c)
                return -ENOMEM;
        c->room_id = strdup(room_id);
        c->call_id = strdup(call_id);
        c->report_id = strdup(report_id);
        if (!c->room_id || !c->call_id || !c->report_id)
                return -ENOMEM;
        c->last_at = INT64_MIN;

        *ret = TAKE(c);
        return 0;
}

static void party_done(struct voip_party *p) {
        free(p->sender);
        free(p->party_id);
        free(p->selected);
}

struct voip_call *voip_call_free(struct voip_call *c) {
        if (!c)
                return NULL;
        for (size_t i = 0; i < c->n_parties; i++)
                party_done(&c->parties[i]);
        free(c->parties);
        free(c->room_id);
        free(c->call_id);
        free(c->report_id);
        free(c->caller);
        free(c->caller_party);
        free(c->invitee);
        free(c);
        return NULL;
}

/* ---- facts ---- */

static bool plays_a_part(const struct voip_call *c, const char *user_id) {
        return (c->caller && streq(c->caller, user_id)) || (c->invitee && streq(c->invitee, user_id));
}

static struct voip_party *find_party(const struct voip_call *c, const char *sender, const char *party_id) {
        for (size_t i = 0; i < c->n_parties; i++)
                if (streq(c->parties[i].sender, sender) && same_or_both_absent(c->parties[i].party_id, party_id))
                        return &c->parties[i];
        return NULL;
}

/* Makes room for one who matters at the cost of the newest who matters less; my own words matter most. */
static bool displace_party(struct voip_call *c, const char *me, const char *sender) {
        for (size_t i = c->n_parties; i > 0; i--) {
                struct voip_party *p = &c->parties[i - 1];

                if (streq(p->sender, me) || (plays_a_part(c, p->sender) && !streq(sender, me)))
                        continue;
                party_done(p);
                *p = c->parties[--c->n_parties];
                return true;
        }
        return false;
}

static int add_party(struct voip_call *c, const char *me, const char *sender, const char *party_id,
                     struct voip_party **ret) {
        struct voip_party p = { .last_at = INT64_MIN };
        struct voip_party *bigger;

        if (c->n_parties >= VOIP_PARTIES_MAX) {
                if (!streq(sender, me) && !plays_a_part(c, sender))
                        return -E2BIG;
                if (!displace_party(c, me, sender))
                        return -E2BIG;
        }
        bigger = reallocarray(c->parties, c->n_parties + 1, sizeof(p));
        if (!bigger)
                return -ENOMEM;
        c->parties = bigger;

        p.sender = strdup(sender);
        p.party_id = party_id ? strdup(party_id) : NULL;
        if (!p.sender || (party_id && !p.party_id)) {
                party_done(&p);
                return -ENOMEM;
        }
        c->parties[c->n_parties] = p;
        *ret = &c->parties[c->n_parties++];
        return 0;
}

static int get_party(struct voip_call *c, const char *me, const char *sender, const char *party_id,
                     struct voip_party **ret) {
        struct voip_party *p = find_party(c, sender, party_id);

        if (!p)
                return add_party(c, me, sender, party_id, ret);
        *ret = p;
        return 0;
}

/* Any version but the number 0 is to be read as "1". */
static bool says_version_0(const json_t *content) {
        return said_int(content, "version", 1) == 0;
}

/* An empty one is none: whoever has no party says so in either way. */
static const char *party_id_in(const json_t *content, const char *key) {
        const char *s = json_member_string(content, key);

        return s && s[0] && strlen(s) <= PARTY_ID_BYTES_MAX ? s : NULL;
}

static int add_invite(struct voip_call *c, const struct matrix_event *e, moment_t at) {
        int64_t lifetime = said_int(e->content, "lifetime", LIFETIME_DEFAULT_MSEC);
        const char *party_id = party_id_in(e->content, "party_id");
        const char *invitee = json_member_string(e->content, "invitee");

        if (invitee && strlen(invitee) > PARTY_ID_BYTES_MAX)
                return -EINVAL;
        if (c->invited) /* whoever repeats a call id does not change the call */
                return 0;
        free(c->caller);
        free(c->caller_party);
        free(c->invitee);
        c->caller = strdup(e->sender);
        c->caller_party = party_id ? strdup(party_id) : NULL;
        c->invitee = invitee ? strdup(invitee) : NULL;
        if (!c->caller || (party_id && !c->caller_party) || (invitee && !c->invitee))
                return -ENOMEM;

        c->invited = true;
        c->v0 = says_version_0(e->content);
        c->invited_at = at;
        c->rings_until =
                moment_min(moment_add_msec(at, lifetime > 0 ? lifetime : 0), moment_add_usec(at, VOIP_RING_MAX));
        return 0;
}

static int add_selection(struct voip_party *p, const char *party_id) {
        char *copy = party_id ? strdup(party_id) : NULL;

        if (party_id && !copy)
                return -ENOMEM;
        free(p->selected);
        p->selected = copy;
        p->selects = true;
        return 0;
}

static int add_word(struct voip_call *c, struct voip_party *p, enum voip_kind kind, const struct matrix_event *e,
                    moment_t at) {
        p->last_at = moment_max(p->last_at, at);
        switch (kind) {
        case VOIP_ANSWER:
                if (!p->answered) {
                        p->answered = ++c->n_words;
                        p->answered_at = at;
                }
                return 0;
        case VOIP_REJECT:
                if (!p->rejected)
                        p->rejected = ++c->n_words;
                return 0;
        case VOIP_SELECT_ANSWER:
                return add_selection(p, party_id_in(e->content, "selected_party_id"));
        case VOIP_HANGUP:
                p->hung_up = true;
                return 0;
        case VOIP_NEGOTIATE:
                p->negotiated = true;
                return 0;
        case VOIP_INVITE:
        case VOIP_ALIVE:
                return 0;
        }
        return 0;
}

int voip_call_add(struct voip_call *c, const char *me, enum voip_kind kind, const struct matrix_event *e,
                  moment_t at) {
        struct voip_party *p;
        int r;

        if (kind == VOIP_INVITE) {
                r = add_invite(c, e, at);
                if (r < 0)
                        return r;
        }
        c->last_at = moment_max(c->last_at, at);
        r = get_party(c, me, e->sender, party_id_in(e->content, "party_id"), &p);
        if (r < 0)
                return r;
        return add_word(c, p, kind, e, at);
}

static bool has_answer_of(const struct voip_call *c, const char *user_id) {
        for (size_t i = 0; i < c->n_parties; i++)
                if (c->parties[i].answered && streq(c->parties[i].sender, user_id))
                        return true;
        return false;
}

int voip_call_add_departure(struct voip_call *c, const char *user_id) {
        struct voip_party *p;
        int r;

        if (!plays_a_part(c, user_id) && !has_answer_of(c, user_id))
                return 0;
        r = get_party(c, user_id, user_id, NULL, &p);
        if (r < 0)
                return r;
        p->hung_up = true;
        return 0;
}

static moment_t began_at(const struct voip_call *c) {
        moment_t first = c->invited ? c->invited_at : MOMENT_NEVER;

        for (size_t i = 0; i < c->n_parties; i++)
                if (c->parties[i].answered)
                        first = moment_min(first, c->parties[i].answered_at);
        return first == MOMENT_NEVER ? INT64_MIN : first;
}

/* A hangup is the last word of who says it. */
bool voip_call_may_end_by(const struct voip_call *c, const char *me, const char *sender, moment_t at) {
        bool is_party = streq(sender, me) || plays_a_part(c, sender), is_anybody_else = false;

        for (size_t i = 0; i < c->n_parties; i++) {
                const struct voip_party *p = &c->parties[i];

                if (streq(p->sender, sender)) {
                        is_party = true;
                        if (p->last_at > at)
                                return false;
                } else
                        is_anybody_else |= !streq(p->sender, me);
        }
        return at >= began_at(c) && (is_party || !is_anybody_else);
}

bool voip_call_has_words_of(const struct voip_call *c, const char *me) {
        for (size_t i = 0; i < c->n_parties; i++)
                if (streq(c->parties[i].sender, me))
                        return true;
        return false;
}

/* ---- verdict ---- */

static const struct voip_verdict nothing = { .state = VOIP_NOTHING };
static const struct voip_verdict ended = { .state = VOIP_ENDED };

static bool same_party(const char *a, const char *b) {
        return !a || !b || streq(a, b);
}

/* `sender` NULL: anybody but `except`. */
static bool hung_up(const struct voip_call *c, const char *sender, const char *except, const char *party_id) {
        for (size_t i = 0; i < c->n_parties; i++) {
                const struct voip_party *p = &c->parties[i];

                if (!p->hung_up || !same_party(p->party_id, party_id))
                        continue;
                if (sender ? streq(p->sender, sender) : !streq(p->sender, except))
                        return true;
        }
        return false;
}

static unsigned first_word_of(const struct voip_party *p) {
        if (p->answered && p->rejected)
                return p->answered < p->rejected ? p->answered : p->rejected;
        return p->answered ? p->answered : p->rejected;
}

static bool is_refusal(const struct voip_party *p) {
        return p->rejected && first_word_of(p) == p->rejected;
}

/* The party whose answer or reject came first, of those that `who` accepts. */
static const struct voip_party *first_to_speak(const struct voip_call *c, const char *me,
                                               bool (*who)(const struct voip_call *c, const char *me,
                                                           const struct voip_party *p)) {
        const struct voip_party *first = NULL;

        for (size_t i = 0; i < c->n_parties; i++) {
                const struct voip_party *p = &c->parties[i];

                if (first_word_of(p) == 0 || !who(c, me, p))
                        continue;
                if (!first || first_word_of(p) < first_word_of(first))
                        first = p;
        }
        return first;
}

static bool is_mine(const struct voip_call *c, const char *me, const struct voip_party *p) {
        return streq(p->sender, me);
}

/* One who was called. In a call to oneself the sides differ by their party alone. */
static bool is_callee(const struct voip_call *c, const char *me, const struct voip_party *p) {
        if (c->invitee && !streq(c->invitee, p->sender))
                return false;
        if (!c->caller || !streq(p->sender, c->caller))
                return true;
        return !c->caller_party || !p->party_id ? c->invitee != NULL : !streq(p->party_id, c->caller_party);
}

static bool is_other_callee(const struct voip_call *c, const char *me, const struct voip_party *p) {
        return !streq(p->sender, me) && is_callee(c, me, p) && p->answered;
}

static const struct voip_party *find_selector(const struct voip_call *c, const char *caller) {
        for (size_t i = 0; i < c->n_parties; i++)
                if (c->parties[i].selects && (!caller || streq(c->parties[i].sender, caller)))
                        return &c->parties[i];
        return NULL;
}

static const struct voip_party *find_selected(const struct voip_call *c, const char *me, const char *party_id,
                                              bool (*who)(const struct voip_call *c, const char *me,
                                                          const struct voip_party *p)) {
        for (size_t i = 0; i < c->n_parties; i++) {
                const struct voip_party *p = &c->parties[i];

                if (p->party_id && streq(p->party_id, party_id) && first_word_of(p) != 0 && who(c, me, p))
                        return p;
        }
        return NULL;
}

/* The last event of either side; `other` NULL: of everybody. */
static moment_t last_sign_of_life(const struct voip_call *c, const char *me, const char *other) {
        moment_t last = INT64_MIN;

        for (size_t i = 0; i < c->n_parties; i++) {
                const struct voip_party *p = &c->parties[i];

                if (!other || streq(p->sender, me) || streq(p->sender, other))
                        last = moment_max(last, p->last_at);
        }
        return last;
}

static moment_t first_sign_of(const struct voip_call *c, const struct voip_party *callee) {
        if (callee && callee->answered)
                return callee->answered_at;
        return c->invited ? c->invited_at : last_sign_of_life(c, "", NULL);
}

static struct voip_verdict in_call(const struct voip_call *c, const char *me, const char *other,
                                   const struct voip_party *callee, usec_t cap, const struct kind_time *t,
                                   const char *what, const char *sign) {
        struct voip_verdict v = {
                .state = VOIP_IN_CALL,
                .since = first_sign_of(c, callee),
                .until = moment_add_usec(last_sign_of_life(c, me, other), cap),
                .what = what,
                .sign = sign,
        };

        return moment_is_past(v.until, t) ? nothing : v;
}

static struct voip_verdict ringing(const struct voip_call *c, enum voip_state state, const struct kind_time *t,
                                   const char *what, const char *sign) {
        struct voip_verdict v = {
                .state = state, .since = c->invited_at, .until = c->rings_until, .what = what, .sign = sign
        };

        return !c->invited || moment_is_past(v.until, t) ? nothing : v;
}

static bool refused_without_party(const struct voip_call *c, const char *me) {
        for (size_t i = 0; i < c->n_parties; i++) {
                const struct voip_party *p = &c->parties[i];

                if (p->hung_up && !p->party_id && !streq(p->sender, me) && is_callee(c, me, p))
                        return true;
        }
        return false;
}

static struct voip_verdict judge_unanswered_outgoing(const struct voip_call *c, const char *me,
                                                     const struct kind_time *t) {
        if (hung_up(c, me, NULL, NULL) || refused_without_party(c, me))
                return ended;
        return ringing(c, VOIP_RINGING_OUT, t, "you are calling", "m.call.invite sent by you");
}

static struct voip_verdict judge_outgoing(const struct voip_call *c, const char *me, const char *caller_party,
                                          usec_t cap, const struct kind_time *t) {
        const struct voip_party *selector = find_selector(c, me);
        const char *selected = selector ? selector->selected : NULL;
        const struct voip_party *callee =
                selected ? find_selected(c, me, selected, is_callee) : first_to_speak(c, me, is_callee);

        if (callee && is_refusal(callee))
                return ended;
        if (!callee && !selector)
                return judge_unanswered_outgoing(c, me, t);
        if (hung_up(c, me, NULL, caller_party) ||
            hung_up(c, callee ? callee->sender : NULL, me, callee ? callee->party_id : selected))
                return ended;
        return in_call(c, me, callee ? callee->sender : NULL, callee, cap, t, "your call was answered",
                       selector ? "m.call.select_answer sent by you" : "m.call.answer to your call");
}

/* Whose answer stands after the caller's choice; NULL: not mine. */
static const struct voip_party *my_selected_answer(const struct voip_call *c, const char *me,
                                                   const struct voip_party *selector) {
        const struct voip_party *mine = selector->selected ? find_selected(c, me, selector->selected, is_mine)
                                                           : first_to_speak(c, me, is_mine);

        return mine && mine->answered ? mine : NULL;
}

static bool is_anybody(const struct voip_call *c, const char *me, const struct voip_party *p) {
        return true;
}

/* `party_id` NULL: whoever it is. */
static bool has_spoken(const struct voip_call *c, const char *me, const char *party_id) {
        return !party_id || find_selected(c, me, party_id, is_anybody);
}

/* Version 0 has no choice of the caller: the first answer takes the call. */
static bool answered_elsewhere_v0(const struct voip_call *c, const char *me, const struct voip_party *mine) {
        const struct voip_party *other = c->v0 ? first_to_speak(c, me, is_other_callee) : NULL;

        return other && (!mine || other->answered < first_word_of(mine));
}

static struct voip_verdict judge_incoming(const struct voip_call *c, const char *me, const char *caller,
                                          const char *caller_party, usec_t cap, const struct kind_time *t) {
        const struct voip_party *selector = find_selector(c, caller);
        const struct voip_party *mine =
                selector ? my_selected_answer(c, me, selector) : first_to_speak(c, me, is_mine);

        if (c->invitee && !streq(c->invitee, me))
                return nothing;
        /* Who selects without an invite seen may not be the caller at all; and whom they select may be a device of
         * mine whose answer cannot be read yet. */
        if (selector && !mine)
                return c->invited && has_spoken(c, me, selector->selected) ? ended : nothing;
        if (mine && is_refusal(mine) && !selector)
                return ended;
        if (answered_elsewhere_v0(c, me, mine))
                return ended;
        if (hung_up(c, me, NULL, mine ? mine->party_id : NULL) || hung_up(c, caller, NULL, mine ? caller_party : NULL))
                return ended;
        if (!mine)
                return ringing(c, VOIP_RINGING_IN, t, "you are being called", "m.call.invite received");
        return in_call(c, me, caller, mine, cap, t, "you answered",
                       selector ? "m.call.select_answer for your answer" : "m.call.answer sent by you");
}

static struct voip_verdict judge_unknown(const struct voip_call *c, const char *me, usec_t cap,
                                         const struct kind_time *t) {
        const struct voip_party *mine = first_to_speak(c, me, is_mine);
        const char *what = "you answered", *sign = "m.call.answer sent by you";

        for (size_t i = 0; !mine && i < c->n_parties; i++)
                if (c->parties[i].negotiated && streq(c->parties[i].sender, me)) {
                        mine = &c->parties[i];
                        what = "you are on a call";
                        sign = "m.call.negotiate sent by you";
                }
        if (!mine || is_refusal(mine))
                return nothing;
        if (hung_up(c, me, NULL, mine->party_id) || hung_up(c, NULL, me, NULL))
                return ended;
        return in_call(c, me, NULL, mine, cap, t, what, sign);
}

struct voip_verdict voip_call_judge(const struct voip_call *c, const char *me, usec_t cap, const struct kind_time *t) {
        /* Without the invite, only the caller's choice shows who called. */
        const struct voip_party *selector = NULL;
        const char *caller, *caller_party;

        if (!c->invited) {
                selector = find_selector(c, me);
                if (!selector)
                        selector = find_selector(c, NULL);
                if (!selector)
                        return judge_unknown(c, me, cap, t);
        }
        caller = selector ? selector->sender : c->caller;
        caller_party = selector ? selector->party_id : c->caller_party;
        if (streq(caller, me))
                return judge_outgoing(c, me, caller_party, cap, t);
        return judge_incoming(c, me, caller, caller_party, cap, t);
}

/* One legacy call as its room shows it: what was said by whom, and what that means for the user. Facts are only ever
 * added, in any order, also twice; the verdict is worked out anew from all of them. */
#pragma once

#include "matrix/calls/report-set.h"

/* Clients that said something in one call. In a group room each member may answer from several devices. */
#define VOIP_PARTIES_MAX 24
/* A ring goes on this long at most, whatever the invite says. */
#define VOIP_RING_MAX (10 * USEC_PER_MIN)

enum voip_kind {
        VOIP_INVITE,
        VOIP_ANSWER,
        VOIP_SELECT_ANSWER,
        VOIP_REJECT,
        VOIP_HANGUP,
        VOIP_NEGOTIATE,
        VOIP_ALIVE, /* anything else that is sent only during a call */
};

enum voip_state {
        VOIP_NOTHING, /* not a call of the user, or not known to be one, or its time is over */
        VOIP_RINGING_IN,
        VOIP_RINGING_OUT,
        VOIP_IN_CALL,
        VOIP_ENDED, /* for the user, for good */
};

struct voip_verdict {
        enum voip_state state;
        moment_t since, until;   /* of ringing and in call */
        const char *what, *sign; /* static: for people; the event */
};

/* Who speaks: a sender and, since version 1, the client it speaks from. */
struct voip_party {
        char *sender, *party_id;     /* party_id NULL: not said */
        unsigned answered, rejected; /* place among the words of this call, from 1; 0: not said */
        moment_t answered_at, last_at;
        bool hung_up, negotiated, selects;
        char *selected; /* by its select_answer; NULL: names nobody */
};

struct voip_call {
        char *room_id, *call_id, *report_id;
        bool invited; /* the invite was seen; the next five are from there */
        bool v0;
        char *caller, *caller_party, *invitee; /* the last two may be NULL */
        moment_t invited_at, rings_until;
        struct voip_party *parties;
        size_t n_parties;
        unsigned n_words;
        moment_t last_at; /* of anybody's event */
};

int voip_call_new(struct voip_call **ret, const char *room_id, const char *call_id, const char *report_id);
struct voip_call *voip_call_free(struct voip_call *c);
CLEANUP(struct voip_call, voip_call_free);

/* What the event says becomes part of the call. -E2BIG if too many clients have spoken and this one plays no part in
 * it; -EINVAL if it says nothing that makes sense. */
int voip_call_add(struct voip_call *c, const char *me, enum voip_kind kind, const struct matrix_event *e, moment_t at);

/* The user left the room: as a hangup, if the user plays a part in this call. */
int voip_call_add_departure(struct voip_call *c, const char *user_id);

/* `cap`: how long a call counts after the last event of one of its two sides. */
struct voip_verdict voip_call_judge(const struct voip_call *c, const char *me, usec_t cap, const struct kind_time *t);

/* What that sender said at that moment, and nobody has read, may have been its end. */
bool voip_call_may_end_by(const struct voip_call *c, const char *me, const char *sender, moment_t at);

/* The user has said something in it. */
bool voip_call_has_words_of(const struct voip_call *c, const char *me);

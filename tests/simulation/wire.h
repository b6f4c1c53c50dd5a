/* The transport: src/http/http.h, answered in process by the model of a homeserver. Requests travel, arrive, are
 * answered and travel back on the virtual clock, or meet one of the faults a network or a server has. */
#pragma once

#include "core/base.h"
#include "door.h"
#include "model.h"

enum request_kind {
        REQUEST_VERSIONS,
        REQUEST_FACTS, /* federation version, capabilities, whoami and the like */
        REQUEST_FILTER,
        REQUEST_SYNC,
        REQUEST_MESSAGES,
        REQUEST_PRESENCE_GET,
        REQUEST_PRESENCE_PUT,
        REQUEST_PROFILE_GET,
        REQUEST_PROFILE_PUT,
        REQUEST_DATA_GET,
        REQUEST_DATA_PUT,
        REQUEST_OTHER,
        REQUEST_KINDS
};
const char *request_kind_to_string(enum request_kind k);

enum wire_fault_kind {
        WIRE_REFUSED,     /* never reaches the server */
        WIRE_RESET,       /* reaches it and is not carried out */
        WIRE_LOST_ANSWER, /* carried out, the answer is lost */
        WIRE_LATE,        /* told as lost, and lands after a while */
        WIRE_STALL,       /* no answer until the request's own time is over */
        WIRE_STALL_DONE,  /* carried out, no answer until then */
        WIRE_SLOW,        /* all is well, but takes seconds */
        WIRE_CUT,         /* polls are cut after a while, other requests are well */
        WIRE_ANSWER,      /* another answer, as in the table of answers */
        WIRE_ODD,         /* as WIRE_ANSWER, 200 with a body that is not what was asked for */
        WIRE_STRANGER,    /* answers of /sync carry what no parser holds, from somebody else */
        WIRE_SESSION,     /* every token is refused */
        WIRE_FAULT_KINDS
};
const char *wire_fault_kind_to_string(enum wire_fault_kind k);

struct wire_fault {
        enum wire_fault_kind kind;
        uint32_t kinds;   /* bits of the kinds of requests that it meets */
        unsigned percent; /* of those */
        unsigned answer;  /* which of the table, as far as there are so many */
};
#define WIRE_FAULTS_MAX 3

struct wire;

/* What is asked for is told, before it travels. */
struct wire_handler {
        void (*asked)(void *userdata, enum request_kind kind, const char *method, const char *uri, const char *body);
        void *userdata;
};

struct wire *wire_new(struct model *model, struct chance chance, const struct wire_handler *handler);
struct wire *wire_free(struct wire *w);
/* Requests that the product makes are of this wire. */
void wire_select(struct wire *w);
void wire_set_fault(struct wire *w, size_t i, const struct wire_fault *f); /* NULL: none */
/* The product is gone: nothing is delivered any more; what is under way may still land. */
void wire_orphan(struct wire *w);
/* Asleep: nothing is delivered; what was under way is lost when it wakes. */
void wire_set_asleep(struct wire *w, bool asleep);
usec_t wire_deadline(struct wire *w);
/* Everything at the server's end that is due. True: there is an answer to deliver. */
bool wire_run(struct wire *w);
/* Delivers one; false: there was none. */
bool wire_deliver(struct wire *w);
/* Such a request is on its way, also one that nobody waits for any more. */
bool wire_is_under_way(const struct wire *w, enum request_kind kind);
/* ... and has not arrived yet. */
bool wire_travels(const struct wire *w, enum request_kind kind);
/* When the product heard last of such a request: that it failed, or what it asked for; 0: never. */
usec_t wire_failed_at(const struct wire *w, enum request_kind kind);
usec_t wire_answered_at(const struct wire *w, enum request_kind kind);
size_t wire_n_writes_in_flight(const struct wire *w, enum request_kind kind); /* of live requests */

struct wire_counters {
        uint64_t requests[REQUEST_KINDS];
        uint64_t faults[WIRE_FAULT_KINDS];
        uint64_t late, orphans;
};
const struct wire_counters *wire_counters(const struct wire *w);

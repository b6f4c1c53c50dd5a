/* KDE Connect: a paired phone rings. Whether the call is taken, and when it ends, is not told. */
#include <errno.h>
#include <stdio.h>

#include "sources/services.h"
#include "sources/bus-source.h"

#define NAME      "org.kde.kdeconnect"
#define TELEPHONY "org.kde.kdeconnect.device.telephony"

/* Phones give up or go to the mailbox before that; the end of ringing is only told if the call was missed. */
#define RINGING_MAX USEC_PER_MIN

struct kdeconnect {
        struct bus_source bus;
};

static struct kdeconnect *kdeconnect_of(void *s) {
        return s;
}

/* event, number, contact: only the first is looked at. The id is the phone. */
static int on_call(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const char *event, *phone = sd_bus_message_get_path(m);

        if (!sd_bus_message_has_signature(m, "sss") || sd_bus_message_read(m, "s", &event) < 0)
                source_tell_bad(userdata, m, "what a phone tells cannot be read");
        else if (streq(event, "callReceived"))
                source_report(userdata, &(struct call_report){
                                                .id = phone,
                                                .app = "org.kde.kdeconnect",
                                                .what = "a phone rings (KDE Connect)",
                                                .phase = CALL_RINGING_IN,
                                                .evidence = EVIDENCE_PROOF,
                                                .lasts = RINGING_MAX,
                                        });
        else
                source_end(userdata, phone);
        return 0;
}

static int begin(void *s) {
        return bus_service_match(kdeconnect_of(s)->bus.service, "interface='" TELEPHONY "',member='callReceived'",
                                 on_call);
}

static const struct bus_service_ops ops = { begin, bus_source_reset, bus_source_changed };

static int start(struct source **ret, const struct source_kind *kind, const struct source_context *context) {
        return bus_source_start(ret, sizeof(struct kdeconnect), kind, context, context->user_bus, NAME, "KDE Connect",
                                &ops);
}

const struct source_kind source_kdeconnect = {
        .name = "kdeconnect",
        .description = "ringing of a paired phone, through KDE Connect",
        .start = start,
        .stop = bus_source_stop,
        .run = bus_source_run,
};

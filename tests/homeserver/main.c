/* The scripted homeserver as a program, for scripts/demo: reads orders from stdin, a line each, and tells on stdout
 * what happens.
 *
 *   said:   ready URL
 *           presence STATE MESSAGE         at every change
 *           shows STATE MESSAGE            when asked
 *   orders: event ROOM JSON
 *           poll DEVICE STATE              another client keeps syncing; "-": it goes away
 *           put DEVICE STATE MESSAGE       a person's word on another device
 *           show
 *           account-data TYPE JSON         as another client of the user
 *           identity JSON                  likewise
 *           person USER JSON               the keys of somebody else
 *           to-device DEVICE JSON
 *           claim DEVICE                   somebody begins an encrypted conversation with it
 *           quit */
#include <stdio.h>

#include "homeserver.h"

static void say_presence(void *userdata, const char *presence, const char *message) {
        printf("presence %s %s\n", presence, message);
}

static void show(struct hs *s) {
        SCOPED(free) char *state = NULL, *message = NULL;

        hs_presence(s, &state, &message);
        printf("shows %s %s\n", state, message);
}

static const char *word(char **rest) {
        char *w = strsep(rest, " ");

        return w ?: "";
}

static void send_event(struct hs *s, const char *room, json_t *event) {
        (void) hs_send(s, room, event);
}

static void set_identity(struct hs *s, const char *unused, json_t *identity) {
        hs_set_identity(s, identity);
}

/* Orders of a name and some JSON, which they take. */
static const struct json_order {
        const char *order;
        bool has_name;
        void (*obey)(struct hs *s, const char *name, json_t *value);
} json_orders[] = {
        { "event", true, send_event },       { "account-data", true, hs_set_account_data },
        { "identity", false, set_identity }, { "person", true, hs_set_person },
        { "to-device", true, hs_to_device },
};

static bool obey_json(struct hs *s, const char *order, char **rest) {
        for (size_t i = 0; i < ARRAY_SIZE(json_orders); i++) {
                const char *name;
                json_error_t error;
                json_t *value;

                if (!streq(json_orders[i].order, order))
                        continue;
                name = json_orders[i].has_name ? word(rest) : "";
                value = json_loads(*rest ?: "", 0, &error);
                if (value)
                        json_orders[i].obey(s, name, value);
                else
                        fprintf(stderr, "no JSON: %s\n", error.text);
                return true;
        }
        return false;
}

static bool obey(struct hs *s, char *line) {
        char *rest = line;
        const char *order = word(&rest);

        if (streq(order, "quit"))
                return false;
        if (obey_json(s, order, &rest))
                return true;
        if (streq(order, "claim")) {
                json_decref(hs_claim(s, word(&rest)));
        } else if (streq(order, "poll")) {
                const char *device = word(&rest), *state = word(&rest);

                hs_client_polls(s, device, streq(state, "-") ? NULL : state);
        } else if (streq(order, "put")) {
                const char *device = word(&rest), *state = word(&rest);

                hs_person_sets(s, device, state, rest ?: "");
        } else if (streq(order, "show")) {
                show(s);
        } else {
                fprintf(stderr, "unknown order: %s\n", order);
        }
        return true;
}

int main(void) {
        SCOPED(hs_free) struct hs *s = NULL;
        SCOPED(free) char *line = NULL;
        size_t size = 0;
        ssize_t n;

        setvbuf(stdout, NULL, _IOLBF, 0);
        if (hs_new(&s, NULL) < 0) {
                fprintf(stderr, "no port to listen on\n");
                return EXIT_FAILURE;
        }
        hs_on_presence(s, say_presence, NULL);
        printf("ready %s\n", hs_url(s));
        while ((n = getline(&line, &size, stdin)) > 0) {
                line[strcspn(line, "\n")] = 0;
                if (!obey(s, line))
                        break;
        }
        return EXIT_SUCCESS;
}

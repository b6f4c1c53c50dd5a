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

static bool obey(struct hs *s, char *line) {
        char *rest = line;
        const char *order = word(&rest);

        if (streq(order, "quit"))
                return false;
        if (streq(order, "event")) {
                const char *room = word(&rest);
                json_error_t error;
                json_t *event = json_loads(rest ?: "", 0, &error);

                if (event)
                        hs_send(s, room, event);
                else
                        fprintf(stderr, "no event: %s\n", error.text);
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

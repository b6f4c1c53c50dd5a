/* busyctl watch: a line for every change, for as long as it is let. Looks again after any signal of the daemon,
 * once per turn of the loop, and prints when the line has become another one. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "busyctl/bus.h"
#include "busyctl/facts.h"
#include "busyctl/print.h"
#include "json/json.h"
#include "util/text.h"

#define APPS_MAX 512

struct watch {
        struct ctl *ctl;
        const struct args *args;
        sd_event_source *look; /* armed while a look is due */
        char *last;
};

/* The applications of the calls that count, "Element, Zoom", cut at a character if there are too many for a line. */
static void list_apps(const json_t *doc, char *buf, size_t size) {
        const json_t *calls = json_object_get(doc, "calls");
        SCOPED(free) char *all = NULL;
        size_t n = 0, length = 0;
        FILE *f = open_memstream(&all, &length);

        buf[0] = '\0';
        for (size_t i = 0; f && i < json_array_size(calls); i++) {
                const json_t *call = json_array_get(calls, i);
                const char *app = fact_text(call, "app");

                if (fact_bool(call, "counts"))
                        (void) fprintf(f, "%s%s", n++ > 0 ? ", " : "", app[0] ? app : fact_text(call, "source"));
        }
        if (f && fclose(f) == 0)
                (void) text_printable(buf, size, all);
}

/* "off", "paused", "busy" or "free": the one word for a bar. What is not known yet is as good as off. */
static const char *state_word(const json_t *doc) {
        if (!fact_bool(doc, "running") || !fact_bool(doc, "settled"))
                return "off";
        return streq(fact_text(doc, "mode"), "paused") ? "paused" : fact_text(doc, "availability");
}

/* The first account with something to tell. */
static const char *find_problem(const json_t *doc) {
        const json_t *accounts = json_object_get(doc, "accounts");
        const char *problem = fact_text(doc, "problem");

        for (size_t i = 0; problem[0] == '\0' && i < json_array_size(accounts); i++)
                problem = fact_text(json_array_get(accounts, i), "problem");
        return problem;
}

static char *line_for_people(const json_t *doc) {
        const char *mode = fact_text(doc, "mode");
        char apps[APPS_MAX], *line;

        if (!fact_bool(doc, "running"))
                return strdup("busyd is not running");
        if (!fact_bool(doc, "settled"))
                return strdup("not known yet: busyd is still looking around");
        list_apps(doc, apps, sizeof(apps));
        if (asprintf(&line, "%s%s%s%s%s%s", fact_text(doc, "availability"), apps[0] ? "  " : "", apps,
                     streq(mode, "auto") ? "" : "  (by hand: ", streq(mode, "auto") ? "" : mode,
                     streq(mode, "auto") ? "" : ")") < 0)
                return NULL;
        return line;
}

/* Bars read tooltips as markup. */
static char *escape_markup(const char *text) {
        char *escaped = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&escaped, &size);

        if (!f)
                return NULL;
        for (; *text != '\0'; text++)
                switch (*text) {
                case '&':
                        (void) fputs("&amp;", f);
                        break;
                case '<':
                        (void) fputs("&lt;", f);
                        break;
                case '>':
                        (void) fputs("&gt;", f);
                        break;
                default:
                        (void) fputc(*text, f);
                }
        return fclose(f) == 0 ? escaped : NULL;
}

/* The line for people and, below it, what is wrong. */
static char *make_tooltip(const json_t *doc) {
        const char *problem = find_problem(doc);
        char *people = line_for_people(doc), *text = NULL, *tooltip = NULL;

        if (people && asprintf(&text, "%s%s%s", people, problem[0] ? "\n" : "", problem) >= 0) {
                tooltip = escape_markup(text);
                free(text);
        }
        free(people);
        return tooltip;
}

static char *line_for_waybar(const json_t *doc) {
        const char *word = state_word(doc);
        SCOPED(free) char *tooltip = make_tooltip(doc);
        SCOPED(json_decref) json_t *bar = NULL;

        bar = json_pack("{s:s, s:s, s:s, s:s}", "text", streq(word, "off") ? "" : word, "alt", word, "class", word,
                        "tooltip", tooltip ? tooltip : "");
        return bar ? json_dumps_whole(bar, JSON_COMPACT) : NULL;
}

static json_t *look(struct ctl *c) {
        json_t *doc = NULL;

        if (facts_status(c, &doc) != CTL_OK)
                doc = json_object();
        (void) json_object_set_new(doc, "running", json_boolean(json_object_get(doc, "mode") != NULL));
        return doc;
}

static void print_for_people(const char *line) {
        time_t now = time(NULL);
        struct tm tm;
        char clock[16] = "";

        if (localtime_r(&now, &tm))
                (void) strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
        printf("%s  %s\n", clock, line);
}

static int on_look(sd_event_source *s, void *userdata) {
        struct watch *w = userdata;
        SCOPED(json_decref) json_t *doc = look(w->ctl);
        bool people = !w->ctl->json && !w->args->waybar;
        char *line = w->args->waybar ? line_for_waybar(doc)
                     : w->ctl->json  ? json_dumps_whole(doc, JSON_COMPACT)
                                     : line_for_people(doc);

        if (!line)
                return -ENOMEM;
        if (w->last && streq(line, w->last)) {
                free(line);
                return 0;
        }
        free(w->last);
        w->last = line;
        if (people)
                print_for_people(line);
        else
                printf("%s\n", line);
        /* Whoever read us is gone: so are we. */
        return fflush(stdout) == 0 ? 0 : -EPIPE;
}

static int on_change(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct watch *w = userdata;

        (void) sd_event_source_set_enabled(w->look, SD_EVENT_ONESHOT);
        return 0;
}

static int subscribe(struct watch *w) {
        static const char *const matches[] = {
                "type='signal',sender='" BUS_NAME "',path_namespace='" BUS_PATH "'",
                "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                "member='NameOwnerChanged',arg0='" BUS_NAME "'",
        };

        for (size_t i = 0; i < ARRAY_SIZE(matches); i++) {
                int r = sd_bus_add_match(w->ctl->bus, NULL, matches[i], on_change, w);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* SIGINT and SIGTERM end the loop with 0; so does a lost bus, with a failure. */
static int attach(struct watch *w, sd_event *event) {
        int r = sd_event_add_signal(event, NULL, SIGINT | SD_EVENT_SIGNAL_PROCMASK, NULL, NULL);

        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGTERM | SD_EVENT_SIGNAL_PROCMASK, NULL, NULL);
        if (r >= 0)
                r = sd_event_add_defer(event, &w->look, on_look, w);
        if (r >= 0)
                r = sd_event_source_set_exit_on_failure(w->look, true);
        if (r >= 0)
                r = sd_bus_attach_event(w->ctl->bus, event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = sd_bus_set_exit_on_disconnect(w->ctl->bus, true);
        return r < 0 ? r : subscribe(w);
}

enum exit_code verb_watch(struct ctl *c, const struct args *a) {
        struct watch w = { .ctl = c, .args = a };
        enum exit_code code = bus_open(c);
        sd_event *event = NULL;
        int r;

        if (code != CTL_OK)
                return code;
        c->when_absent = ABSENT_LEAVE; /* its coming is noticed */
        c->quiet = true;
        r = sd_event_new(&event);
        if (r >= 0)
                r = attach(&w, event);
        if (r >= 0)
                r = sd_event_loop(event);
        (void) sd_bus_detach_event(c->bus);
        sd_event_source_unref(w.look);
        sd_event_unref(event);
        free(w.last);
        if (r >= 0)
                return r == 0 ? CTL_OK : CTL_UNREACHABLE;
        complain("Cannot watch: %s", strerror(-r));
        return CTL_FAILED;
}

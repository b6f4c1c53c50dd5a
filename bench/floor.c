/* The floor that busyd is measured against: libcurl on sd-event with the two requests that the job takes and nothing
 * else. It looks for two words in the answer, so it has no JSON, no journal, no other clients, no errors: a failed
 * request ends it. What busyd costs above this is what being right costs.
 *
 *   bench-floor FILE
 *
 * FILE has the address of the homeserver, the user's id, the access token, and the file of its certificate or nothing,
 * a line each. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#define FILTER                                                                                                        \
        "{\"presence\":{\"types\":[]},\"account_data\":{\"types\":[]},\"room\":{\"account_data\":{\"types\":[]},"     \
        "\"ephemeral\":{\"types\":[]},\"state\":{\"types\":[]},\"timeline\":{\"types\":[\"m.call.*\"]}}}"

#define NEXT_BATCH "\"next_batch\""

struct floor {
        sd_event *event;
        sd_event_source *timer;
        CURLM *multi;
        CURL *poll, *put;
        struct curl_slist *headers;
        char homeserver[256], user[256], certificate[256], *filter;
        char *body;
        size_t n;
};

static void die(const char *what) {
        (void) fprintf(stderr, "bench-floor: %s\n", what);
        exit(EXIT_FAILURE);
}

static void check_done(struct floor *f);

static int on_socket(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct floor *f = userdata;
        int n, what = (revents & EPOLLIN ? CURL_CSELECT_IN : 0) | (revents & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                      (revents & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);

        (void) source;
        curl_multi_socket_action(f->multi, fd, what, &n);
        check_done(f);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t at, void *userdata) {
        struct floor *f = userdata;
        int n;

        (void) source;
        (void) at;
        curl_multi_socket_action(f->multi, CURL_SOCKET_TIMEOUT, 0, &n);
        check_done(f);
        return 0;
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *source) {
        struct floor *f = userdata;
        uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
        sd_event_source *s = source;

        (void) easy;
        if (what == CURL_POLL_REMOVE)
                sd_event_source_unref(s);
        else if (s)
                sd_event_source_set_io_events(s, events);
        else if (sd_event_add_io(f->event, &s, fd, events, on_socket, f) < 0 ||
                 curl_multi_assign(f->multi, fd, s) != CURLM_OK)
                die("no socket in the loop");
        return 0;
}

static int want_timer(CURLM *multi, long msec, void *userdata) {
        struct floor *f = userdata;

        (void) multi;
        if (msec < 0)
                return sd_event_source_set_enabled(f->timer, SD_EVENT_OFF);
        sd_event_source_set_time_relative(f->timer, (uint64_t) msec * 1000);
        return sd_event_source_set_enabled(f->timer, SD_EVENT_ONESHOT);
}

static size_t on_body(const char *data, size_t size, size_t n, void *userdata) {
        struct floor *f = userdata;
        char *grown = realloc(f->body, f->n + size * n + 1);

        if (!grown)
                return 0;
        f->body = grown;
        memcpy(f->body + f->n, data, size * n);
        f->n += size * n;
        f->body[f->n] = '\0';
        return size * n;
}

static size_t ignore_body(const char *data, size_t size, size_t n, void *userdata) {
        (void) data;
        (void) userdata;
        return size * n;
}

static void start_poll(struct floor *f, const char *since) {
        char url[2048];

        (void) snprintf(url, sizeof(url), "%s/_matrix/client/v3/sync?set_presence=offline&filter=%s&timeout=%d%s%s",
                        f->homeserver, f->filter, since[0] ? 600000 : 0, since[0] ? "&since=" : "", since);
        f->n = 0;
        curl_easy_setopt(f->poll, CURLOPT_URL, url);
        curl_multi_add_handle(f->multi, f->poll);
}

static void start_put(struct floor *f, const char *body) {
        curl_multi_remove_handle(f->multi, f->put);
        curl_easy_setopt(f->put, CURLOPT_COPYPOSTFIELDS, body);
        curl_multi_add_handle(f->multi, f->put);
}

static void poll_done(struct floor *f) {
        char *since = f->body ? strstr(f->body, NEXT_BATCH) : NULL, *end = NULL;

        since = since ? strchr(since + strlen(NEXT_BATCH), '"') : NULL;
        if (since)
                end = strchr(++since, '"');
        if (!end)
                die("no next_batch");
        if (strstr(f->body, "m.call.answer"))
                start_put(f, "{\"presence\":\"org.matrix.msc3026.busy\",\"status_msg\":\"In a call\"}");
        else if (strstr(f->body, "m.call.hangup"))
                start_put(f, "{\"presence\":\"offline\"}");
        *end = '\0';
        start_poll(f, since);
}

static void check_done(struct floor *f) {
        CURLMsg *m;
        int left;

        while ((m = curl_multi_info_read(f->multi, &left))) {
                CURL *easy = m->easy_handle;

                if (m->data.result != CURLE_OK)
                        die(curl_easy_strerror(m->data.result));
                curl_multi_remove_handle(f->multi, easy);
                if (easy == f->poll)
                        poll_done(f);
        }
}

static CURL *easy_new(struct floor *f, size_t (*body)(const char *, size_t, size_t, void *)) {
        CURL *easy = curl_easy_init();

        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, f->headers);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, f);
        curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
        if (f->certificate[0])
                curl_easy_setopt(easy, CURLOPT_CAINFO, f->certificate);
        return easy;
}

static void read_line(FILE *file, char *line, size_t size) {
        if (!fgets(line, (int) size, file))
                die("the file has four lines");
        line[strcspn(line, "\n")] = '\0';
}

static void read_session(struct floor *f, const char *path) {
        FILE *file = fopen(path, "re");
        char token[512], header[600];

        if (!file)
                die("cannot read the file");
        read_line(file, f->homeserver, sizeof(f->homeserver));
        read_line(file, f->user, sizeof(f->user));
        read_line(file, token, sizeof(token));
        read_line(file, f->certificate, sizeof(f->certificate));
        (void) fclose(file);
        (void) snprintf(header, sizeof(header), "Authorization: Bearer %s", token);
        f->headers = curl_slist_append(NULL, header);
}

int main(int argc, char **argv) {
        static struct floor f;
        char url[1024];

        if (argc != 2 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || sd_event_default(&f.event) < 0)
                die("cannot start");
        read_session(&f, argv[1]);
        f.multi = curl_multi_init();
        if (sd_event_add_time_relative(f.event, &f.timer, CLOCK_MONOTONIC, 0, 1, on_timer, &f) < 0)
                die("no timer");
        curl_multi_setopt(f.multi, CURLMOPT_SOCKETFUNCTION, want_socket);
        curl_multi_setopt(f.multi, CURLMOPT_SOCKETDATA, &f);
        curl_multi_setopt(f.multi, CURLMOPT_TIMERFUNCTION, want_timer);
        curl_multi_setopt(f.multi, CURLMOPT_TIMERDATA, &f);
        f.poll = easy_new(&f, on_body);
        f.put = easy_new(&f, ignore_body);
        f.filter = curl_easy_escape(f.poll, FILTER, 0);
        (void) snprintf(url, sizeof(url), "%s/_matrix/client/v3/presence/%s/status", f.homeserver, f.user);
        curl_easy_setopt(f.put, CURLOPT_URL, url);
        curl_easy_setopt(f.put, CURLOPT_CUSTOMREQUEST, "PUT");
        start_poll(&f, "");
        return sd_event_loop(f.event) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

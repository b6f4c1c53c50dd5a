/* Introspection data as a list of tags, so that two texts of different writers can be compared: no comments, no white
 * space, attributes in order, every tag closed. Enough XML for D-Bus interfaces, no more. */
#pragma once

#include <stdio.h>

#include "core/base.h"

#define XML_ATTRIBUTES_MAX 8
#define XML_TEXT_MAX       65536

struct xml_text {
        char text[XML_TEXT_MAX];
};

static void xml_put(struct xml_text *out, const char *part) {
        size_t used = strlen(out->text);

        (void) snprintf(out->text + used, sizeof(out->text) - used, "%s", part);
}

static int xml_compare(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Splits at white space outside quotes; changes `tag`. */
static size_t xml_split(char *tag, char *parts[XML_ATTRIBUTES_MAX]) {
        bool quoted = false, inside = false;
        size_t n = 0;

        for (char *p = tag; *p; p++) {
                if (*p == '"')
                        quoted = !quoted;
                if (!quoted && strchr(" \t\n", *p)) {
                        *p = '\0';
                        inside = false;
                } else if (!inside && n < XML_ATTRIBUTES_MAX) {
                        parts[n++] = p;
                        inside = true;
                }
        }
        return n;
}

/* `tag`: what stands between < and >. */
static void xml_put_tag(struct xml_text *out, char *tag) {
        char *parts[XML_ATTRIBUTES_MAX];
        size_t length = strlen(tag), n;
        bool empty = length > 0 && tag[length - 1] == '/';

        if (empty)
                tag[length - 1] = '\0';
        n = xml_split(tag, parts);
        if (n == 0)
                return;
        qsort(parts + 1, n - 1, sizeof(*parts), xml_compare);
        for (size_t i = 0; i < n; i++) {
                xml_put(out, i > 0 ? " " : "");
                xml_put(out, parts[i]);
        }
        xml_put(out, "\n");
        if (empty) {
                xml_put(out, "/");
                xml_put(out, parts[0]);
                xml_put(out, "\n");
        }
}

/* Appends the description of one interface within `xml` to `out`. Returns whether there is one. */
static bool xml_put_interface(struct xml_text *out, const char *xml, const char *interface) {
        char start[128];
        const char *p, *end;

        (void) snprintf(start, sizeof(start), "<interface name=\"%s\">", interface);
        p = strstr(xml, start);
        end = p ? strstr(p, "</interface>") : NULL;
        if (!end)
                return false;
        while (p && p < end) {
                bool comment = strncmp(p, "<!--", 4) == 0;
                const char *close = strstr(p, comment ? "-->" : ">");
                char tag[512];

                if (!close)
                        return false;
                (void) snprintf(tag, sizeof(tag), "%.*s", (int) (close - p - 1), p + 1);
                if (!comment)
                        xml_put_tag(out, tag);
                p = strchr(close + (comment ? 3 : 1), '<');
        }
        return true;
}

#include "desktop/tray-icon.h"

#include <errno.h>

#define FINE 4 /* points a pixel is looked at, across and down */

static const int sizes[] = { 16, 22, 24, 32, 48 };

static const uint8_t colours[][3] = {
        [TRAY_LOOK_UNKNOWN] = { 0x9a, 0x9a, 0x9a },
        [TRAY_LOOK_FREE] = { 0x2e, 0xa0, 0x43 },
        [TRAY_LOOK_BUSY] = { 0xd1, 0x24, 0x2f },
        [TRAY_LOOK_PAUSED] = { 0x8a, 0x8a, 0x8a },
};

static bool is_between(double from, double x, double to) {
        return from <= x && x <= to;
}

/* At x, y from the middle, where the edge of the picture is 1 away: in the shape, and whether it is the white of it.
 */
static bool is_in(enum tray_look look, double x, double y, bool *ret_white) {
        double far = x * x + y * y;
        double across = x < 0 ? -x : x;

        *ret_white = (look == TRAY_LOOK_BUSY && is_between(-0.5, x, 0.5) && is_between(-0.16, y, 0.16)) ||
                     (look == TRAY_LOOK_PAUSED && is_between(0.12, across, 0.36) && is_between(-0.44, y, 0.44));
        if (look == TRAY_LOOK_FREE || look == TRAY_LOOK_UNKNOWN)
                return is_between(0.58 * 0.58, far, 0.86 * 0.86);
        return far <= 0.9 * 0.9;
}

static void draw_pixel(enum tray_look look, int size, int column, int row, uint8_t *ret) {
        unsigned n = 0, n_white = 0;

        for (int i = 0; i < FINE * FINE; i++) {
                int right = i % FINE, down = i / FINE;
                double x = (column + (right + 0.5) / FINE) * 2 / size - 1;
                double y = (row + (down + 0.5) / FINE) * 2 / size - 1;
                bool white;

                if (!is_in(look, x, y, &white))
                        continue;
                n++;
                n_white += white;
        }
        ret[0] = (uint8_t) (n * 255 / (FINE * FINE));
        for (size_t i = 0; i < 3; i++)
                ret[i + 1] = n > 0 ? (uint8_t) ((colours[look][i] * (n - n_white) + 255 * n_white) / n) : 0;
}

static int append_picture(sd_bus_message *m, enum tray_look look, int size) {
        size_t n = (size_t) size * (size_t) size * 4;
        SCOPED(free) char *pixels = malloc(n);
        int r;

        if (!pixels)
                return -ENOMEM;
        for (int i = 0; i < size * size; i++)
                draw_pixel(look, size, i % size, i / size, (uint8_t *) pixels + (size_t) i * 4);
        r = sd_bus_message_open_container(m, 'r', "iiay");
        if (r >= 0)
                r = sd_bus_message_append(m, "ii", size, size);
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', pixels, n);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int tray_icon_append(sd_bus_message *m, enum tray_look look) {
        int r = sd_bus_message_open_container(m, 'a', "(iiay)");

        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(sizes); i++)
                r = append_picture(m, look, sizes[i]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* QR codes, see qr.h. Two modules to a character; black on white whatever the terminal's colours, since readers want
 * it so. */
#include "busyctl/qr.h"

#ifdef WITH_QRENCODE

#include <langinfo.h>
#include <locale.h>
#include <qrencode.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The standard says four; readers are content with two, and lines are dear. */
#define QUIET  2
#define COLORS "\033[38;5;16;48;5;231m"

static void qr_free_scoped(QRcode **p) {
        if (*p)
                QRcode_free(*p);
}

static bool fits(FILE *f, int width) {
        struct winsize size;
        int side = width + 2 * QUIET;

        if (!isatty(fileno(f)) || ioctl(fileno(f), TIOCGWINSZ, &size) < 0)
                return false;
        (void) setlocale(LC_CTYPE, "");
        return streq(nl_langinfo(CODESET), "UTF-8") && size.ws_col >= side && size.ws_row > (side + 1) / 2;
}

static bool is_dark(const QRcode *qr, int x, int y) {
        if (x < 0 || y < 0 || x >= qr->width || y >= qr->width)
                return false;
        return qr->data[y * qr->width + x] & 1;
}

void qr_print(FILE *f, const char *text) {
        static const char *const blocks[2][2] = { { " ", "▄" }, { "▀", "█" } };
        SCOPED(qr_free) QRcode *qr = QRcode_encodeString(text, 0, QR_ECLEVEL_L, QR_MODE_8, 1);

        if (!qr || !fits(f, qr->width))
                return;
        for (int y = -QUIET; y < qr->width + QUIET; y += 2) {
                (void) fputs(COLORS, f);
                for (int x = -QUIET; x < qr->width + QUIET; x++)
                        (void) fputs(blocks[is_dark(qr, x, y)][is_dark(qr, x, y + 1)], f);
                (void) fputs("\033[0m\n", f);
        }
        (void) fputc('\n', f);
}

#else

void qr_print(FILE *f, const char *text) {
}

#endif

/* Clock, chance, log and death, see door.h. */
#include "door.h"

#include <stdarg.h>
#include <stdio.h>

#include "util/clock.h"
#include "util/log.h"

static struct {
        usec_t now, wall_at_zero;
        struct chance random;
        bool armed, dead, traced;
        unsigned steps;
        const char *name;
} door;

/* ---- chance: splitmix64 ---- */

uint64_t chance_next(struct chance *c) {
        uint64_t z = (c->state += UINT64_C(0x9e3779b97f4a7c15));

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

uint32_t chance_below(struct chance *c, uint32_t n) {
        return (uint32_t) ((chance_next(c) >> 32) * n >> 32);
}

usec_t chance_between(struct chance *c, usec_t from, usec_t to) {
        return from + chance_next(c) % (to - from + 1);
}

bool chance_percent(struct chance *c, unsigned percent) {
        return chance_below(c, 100) < percent;
}

/* ---- clock ---- */

usec_t door_now(void) {
        return door.now;
}

void door_set_now(usec_t now) {
        door.now = now;
}

void door_set_wall(usec_t wall_at_zero) {
        door.wall_at_zero = wall_at_zero;
}

void door_jump(bool back, usec_t span) {
        door.wall_at_zero = back ? door.wall_at_zero - span : door.wall_at_zero + span;
}

usec_t door_wall(void) {
        return door.wall_at_zero + door.now;
}

void door_seed(uint64_t seed) {
        door.random.state = seed;
}

usec_t clock_now(void) {
        return door.now;
}

usec_t clock_wall_now(void) {
        return door_wall();
}

uint32_t random_u32(void) {
        return (uint32_t) chance_next(&door.random);
}

/* ---- death ---- */

void door_die_after(unsigned n_steps) {
        door.armed = n_steps > 0;
        door.dead = n_steps == 0;
        door.steps = n_steps;
}

void door_live(void) {
        door.armed = door.dead = false;
}

unsigned door_steps_left(void) {
        return door.armed ? door.steps : 0;
}

bool door_is_dead(void) {
        return door.dead;
}

bool door_step(void) {
        if (door.armed && --door.steps == 0) {
                door.armed = false;
                door.dead = true;
        }
        return !door.dead;
}

/* ---- log ---- */

void door_trace(bool on) {
        door.traced = on;
}

bool door_is_traced(void) {
        return door.traced;
}

void door_set_name(const char *name) {
        door.name = name;
}

static void stamp(void) {
        unsigned long long s = door.now / USEC_PER_SEC;

        printf("%3llu:%02llu:%02llu.%03llu ", s / 3600, s / 60 % 60, s % 60,
               (unsigned long long) (door.now / USEC_PER_MSEC % 1000));
}

void trace(const char *format, ...) {
        va_list ap;

        if (!door.traced)
                return;
        stamp();
        va_start(ap, format);
        vprintf(format, ap);
        va_end(ap);
        putchar('\n');
}

void log_set_max_level(int level) {
}

int log_max_level(void) {
        return door.traced ? LOG_DEBUG : -1;
}

int log_level_from_string(const char *s, int *ret) {
        *ret = LOG_INFO;
        return 0;
}

int log_set_max_level_from_string(const char *s) {
        return 0;
}

const char *log_level_to_string(int level) {
        return "info";
}

void log_write(int level, const char *id, const char *const *fields, const char *file, int line, const char *func,
               const char *format, ...) {
        va_list ap;

        if (!door.traced || door.dead)
                return;
        stamp();
        printf("    %s| ", door.name ? door.name : "");
        va_start(ap, format);
        vprintf(format, ap);
        va_end(ap);
        putchar('\n');
}
